import io
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from cluster.report.charts import line_chart
from cluster.report.curves import (
    OPERATION_ORDER,
    Series,
    operation_frequency_panels,
    search_panels,
    thinned,
    training_panels,
)
from cluster.report.figures import (
    COLORS,
    confusion_counts,
    confusion_figure,
    reward_figure,
    search_figure,
    training_figure,
)
from cluster.report.style import STYLE
from nas.draw import OPERATION_COLORS

HISTORY = [
    {
        "epoch": epoch,
        "reward": 0.5,
        "reward_spread": 0.1,
        "baseline": 0.4,
        "loss": 2.0 / epoch,
        "accuracy": 0.3,
        "entropy": 30.0,
        "learning_rate": 0.05,
        "best_genotype": "0 1 0 1",
    }
    for epoch in (1, 2, 3)
]


def drawn(figure: Figure) -> list[str]:
    """Every text of a figure after drawing it, which also shows that it can be drawn."""
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


def test_a_search_shows_reward_loss_accuracy_entropy_and_learning_rate() -> None:
    texts = drawn(search_figure(HISTORY, "Search: AS1"))
    assert "Search: AS1" in texts
    assert [panel.title for panel in search_panels(HISTORY)] == [
        "Reward",
        "Loss with shared weights",
        "Accuracy with shared weights",
        "Entropy of the controller (nats)",
        "Learning rate of the shared weights",
    ]


def test_the_spread_of_the_reward_is_a_band_around_its_mean() -> None:
    reward = search_panels(HISTORY)[0].series[0]
    assert reward == Series("mean ± spread", (1.0, 2.0, 3.0), (0.5, 0.5, 0.5), (0.1, 0.1, 0.1))


def test_metrics_that_a_strategy_has_not_are_left_out() -> None:
    history = [{"epoch": 1, "reward": 0.5}, {"epoch": 2, "reward": 0.6}]
    (panel,) = search_panels(history)
    assert panel.series == (Series("mean", (1.0, 2.0), (0.5, 0.6)),)


def test_a_missing_value_leaves_a_gap() -> None:
    (panel,) = training_panels([{"epoch": 1, "loss": None}, {"epoch": 2, "loss": 1.0}])
    assert np.isnan(panel.series[0].y[0])
    drawn(training_figure([{"epoch": 1, "loss": None}, {"epoch": 2, "loss": 1.0}]))


def test_one_epoch_can_be_drawn() -> None:
    drawn(search_figure(HISTORY[:1]))


def test_an_empty_history_is_said() -> None:
    with pytest.raises(ValueError, match="there is nothing to draw for 'Search'"):
        search_figure([])


def test_curves_of_different_lengths_are_said() -> None:
    with pytest.raises(ValueError, match="the curve 'loss' has 2 x, 1 y and 0 spread values"):
        Series("loss", (0.0, 1.0), (0.0,))


def test_a_thinned_curve_keeps_its_ends() -> None:
    # of 0..10 five points: round(i * 10 / 4) = 0, 2 (2.5 to even), 5, 8 (7.5 to even), 10
    series = thinned(Series("a", tuple(map(float, range(11))), tuple(map(float, range(11)))), 5)
    assert series.x == (0.0, 2.0, 5.0, 8.0, 10.0)


def test_confusion_counts_have_true_rows_and_predicted_columns() -> None:
    # class 0 twice right; class 1 once right and once taken for 0
    assert confusion_counts([0, 0, 1, 1], [0, 0, 0, 1], 2).tolist() == [[2, 0], [1, 1]]


def test_a_label_outside_of_the_classes_is_said() -> None:
    with pytest.raises(ValueError, match=r"`predictions` holds 0 to 5; classes are numbered 0 to 1"):
        confusion_counts([0, 1], [0, 5], 2)


def test_labels_and_predictions_of_different_lengths_are_said() -> None:
    with pytest.raises(ValueError, match=r"`labels` has the shape \(2,\) and `predictions` \(1,\)"):
        confusion_counts([0, 1], [0], 2)


def test_the_confusion_matrix_shows_names_counts_and_what_was_right() -> None:
    texts = drawn(confusion_figure([[2, 0], [1, 1]], ["wave", "hammer"]))
    assert "Confusion matrix: 3 of 4 right (75.0%)" in texts
    assert {"wave", "hammer", "2/2", "1/2"} <= set(texts)


def test_the_labels_of_twenty_long_names_do_not_overlap() -> None:
    names = [f"pick up and throw number {number}" for number in range(20)]
    figure = confusion_figure(np.eye(20, dtype=int), names)
    figure.savefig(io.BytesIO(), format="png", dpi=50)
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(above.y0 >= below.y1 for above, below in pairwise(boxes))
    width = figure.get_window_extent().x1
    assert all(text.get_window_extent().x1 <= width + 1 for text in figure.axes[0].texts)


def test_a_class_without_test_clips_says_none() -> None:
    assert "none" in drawn(confusion_figure([[1, 0], [0, 0]], ["a", "b"]))


def test_counts_that_do_not_fit_the_names_are_said() -> None:
    with pytest.raises(ValueError, match=r"`counts` has the shape \(2, 2\); 3 class names need \(3, 3\)"):
        confusion_figure([[1, 0], [0, 1]], ["a", "b", "c"])


def test_rewards_show_the_running_mean_and_the_best_so_far() -> None:
    figure = reward_figure([0.1, 0.4, 0.2])
    assert {"mean of the last 1", "best so far"} <= set(drawn(figure))
    best = figure.axes[0].lines[1].get_ydata()
    assert list(best) == [0.1, 0.4, 0.4]


def test_no_rewards_are_said() -> None:
    with pytest.raises(ValueError, match="no architecture has a reward yet"):
        reward_figure([])


def test_operation_frequency_is_the_share_of_each_operation_in_an_epoch() -> None:
    # normal cells: sep 3x3 + identity, then sep 3x3 + sep 3x3; reduction cells: max + max, twice
    rows = [
        {"epoch": 1, "genotype": "0 0 1 4 0 3 1 3"},
        {"epoch": 1, "genotype": "0 0 1 0 0 3 1 3"},
        {"epoch": 2, "genotype": "0 4 1 4 0 2 1 1"},
    ]
    normal, reduction = operation_frequency_panels(rows)
    shares = {series.name: series.y for series in normal.series}
    assert shares["sep conv 3x3"] == (0.75, 0.0)
    assert shares["identity"] == (0.25, 1.0)
    assert {series.name: series.y for series in reduction.series}["max pool 3x3"] == (1.0, 0.0)
    assert normal.series[0].x == (1, 2)
    assert operation_frequency_panels([]) == ()


def test_curves_of_operations_have_the_colors_of_the_drawings() -> None:
    assert [OPERATION_COLORS[name] for name in OPERATION_ORDER] == list(COLORS[: len(OPERATION_ORDER)])
    (panel, _) = operation_frequency_panels([{"epoch": 1, "genotype": "0 0 1 4 0 3 1 3"}])
    chart = line_chart(panel)
    for number, name in enumerate(OPERATION_ORDER):
        assert f'class="line o{number}"' in chart
        assert f".line.o{number}{{stroke:{OPERATION_COLORS[name].lower()}}}" in STYLE


def test_drawing_leaves_pyplot_alone() -> None:
    code = "import sys, cluster.report.figures as f; f.reward_figure([0.5]); "
    code += "exit('matplotlib.pyplot' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
