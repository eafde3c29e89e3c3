import numpy as np
import pytest

from cluster.recognition.timeline import Timeline
from cluster.recognition.windows import Decision, WindowConfig


def probabilities(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def test_an_action_is_kept_until_it_is_unlikely() -> None:
    decision = Decision(WindowConfig(enter=0.6, leave=0.4, confirm=1))
    said = [
        decision.update(probabilities(*row))
        for row in [(0.5, 0.5, 0), (0.7, 0.3, 0), (0.45, 0.55, 0), (0.35, 0.55, 0.1), (0.2, 0.7, 0.1)]
    ]
    assert said == [None, 0, 0, None, 1]


def test_without_a_gap_between_the_thresholds_the_decision_flickers() -> None:
    """The control: hysteresis is what keeps it still."""
    rows = [probabilities(0.5 + sign * 0.02, 0.5 - sign * 0.02) for sign in (1, -1, 1, -1)]
    flickering = Decision(WindowConfig(enter=0.5, leave=0.5, confirm=1))
    still = Decision(WindowConfig(enter=0.5, leave=0.4, confirm=1))
    assert [flickering.update(row) for row in rows] == [0, 1, 0, 1]
    assert [still.update(row) for row in rows] == [0, 0, 0, 0]


def test_another_action_that_is_far_ahead_takes_over_above_the_threshold_to_leave() -> None:
    decision = Decision(WindowConfig(enter=0.6, leave=0.1, confirm=1))
    assert decision.update(probabilities(0.9, 0.1)) == 0
    assert decision.update(probabilities(0.15, 0.85)) == 1


def test_one_odd_window_changes_nothing() -> None:
    rows = [(0.9, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.1), (0.1, 0.9), (0.1, 0.9)]
    steady = Decision(WindowConfig(confirm=2))
    nervous = Decision(WindowConfig(confirm=1))
    assert [steady.update(probabilities(*row)) for row in rows] == [None, 0, None, None, None, 1]
    assert [nervous.update(probabilities(*row)) for row in rows] == [0, 0, 1, 0, 1, 1]
    assert Decision(WindowConfig(confirm=2)).update(probabilities(0.9, 0.1), final=True) == 0


def test_windows_of_one_action_become_one_span() -> None:
    timeline = Timeline(("wave", "kick"))
    timeline.add((0,), 0, 0.8, 0.0, 2.0)
    timeline.add((1,), 1, 0.9, 0.5, 2.5)
    timeline.add((0,), 0, 0.6, 1.0, 3.0)
    timeline.add((0,), 1, 0.7, 1.5, 3.5)
    timeline.add((0,), None, 0.3, 2.0, 4.0)
    timeline.add((0,), 1, 0.9, 6.0, 8.0)
    first, other, second, third = timeline.spans
    assert (first.track, first.label, first.begin, first.end) == (0, "wave", 0.0, 3.0)
    assert first.probability == pytest.approx(0.7)
    assert (other.track, other.label) == (1, "kick")
    assert (second.label, second.begin, second.end) == ("kick", 3.0, 3.5)
    assert (third.label, third.begin, third.end) == ("kick", 6.0, 8.0)


def test_two_pairs_that_share_a_person_are_told_apart() -> None:
    timeline = Timeline(("push", "hug"))
    for start in (0.0, 1.0):
        timeline.add((0, 1), 0, 0.8, start, start + 2)
        timeline.add((0, 2), 1, 0.8, start, start + 2)
    timeline.leave((0, 1))
    assert [(span.track, span.partner, span.label, span.end) for span in timeline.spans] == [
        (0, 1, "push", 3.0),
        (0, 2, "hug", 3.0),
    ]


def test_wrong_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"`leave` is 0\.7; it must not exceed `enter`, 0\.6"):
        WindowConfig(enter=0.6, leave=0.7)
    with pytest.raises(ValueError, match="`least` is 20; it must not exceed `window`, 10"):
        WindowConfig(window=10)
