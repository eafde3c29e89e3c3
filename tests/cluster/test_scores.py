"""Scores against values worked by hand, and a paired test between two runs."""

import numpy as np
import pytest

from cluster.scores import Answers, paired_test, prediction_rows, score_lines, scores_of

# Six clips of class a and two of class b; c has none. Wrong: one a (called b), one b (called a).
LABELS = np.array([0, 0, 0, 0, 0, 0, 1, 1])
SAID = np.array([0, 0, 0, 0, 0, 1, 1, 0])


def answers(said: np.ndarray = SAID, subjects: tuple[int | None, ...] = (1, 1, 1, 2, 2, 2, 1, 2)) -> Answers:
    probabilities = np.full((len(said), 4), 0.1)
    probabilities[np.arange(len(said)), said] = 0.7
    names = ("a", "b", "c", "d")
    clips = tuple(f"clip {n}" for n in range(len(said)))
    return Answers(
        clips=clips, labels=LABELS, probabilities=probabilities, class_names=names, subjects=subjects
    )


def test_the_scores_are_those_worked_by_hand() -> None:
    scores = scores_of(answers())
    assert scores["accuracy"] == 6 / 8
    assert scores["balanced_accuracy"] == pytest.approx((5 / 6 + 1 / 2) / 2)  # of a and b
    # a: precision 5/6, recall 5/6; b: precision 1/2, recall 1/2
    assert scores["macro_f1"] == pytest.approx((5 / 6 + 1 / 2) / 2)
    assert list(scores["top"]) == ["3"]  # 5 of 4 classes says nothing
    a, b, c, _ = scores["classes"]
    assert (a["correct"], a["total"], a["precision"]) == (5, 6, pytest.approx(5 / 6))
    assert (b["correct"], b["total"], b["f1"]) == (1, 2, 0.5)
    assert (c["total"], c["accuracy"], c["f1"]) == (0, None, None)
    assert [(row["subject"], row["correct"], row["total"]) for row in scores["subjects"]] == [
        (1, 4, 4),
        (2, 2, 4),
    ]


def test_the_interval_over_people_is_wider_where_they_differ() -> None:
    scores = scores_of(answers())
    (low, high), (lowest, highest) = scores["intervals"]["clips"], scores["intervals"]["subjects"]
    assert low < 0.75 < high
    assert (lowest, highest) == (0.5, 1.0)  # two people: 2 of 4 and 4 of 4
    assert scores_of(answers())["intervals"] == scores["intervals"]  # drawn alike every time


def test_without_people_there_is_no_interval_over_them_and_a_single_clip_has_none() -> None:
    scores = scores_of(answers(subjects=(None,) * 8))
    assert scores["intervals"]["subjects"] is None
    assert scores["subjects"] == []
    lines = score_lines(scores)
    assert lines[0].startswith("balanced accuracy 0.6667, macro F1 0.6667, top 3 ")
    assert len(lines) == 2


def test_a_row_holds_the_probability_of_every_class() -> None:
    row = prediction_rows(answers())[5]
    assert row == {
        "clip": "clip 5", "subject": 2, "class": "a", "answer": "b", "probability": 0.7,
        "p: a": 0.1, "p: b": 0.7, "p: c": 0.1, "p: d": 0.1,
    }  # fmt: skip


def table(right: list[bool]) -> str:
    rows = [f"clip {n},a,{'a' if one else 'b'}" for n, one in enumerate(right)]
    return "\n".join(["clip,class,answer", *rows])


def test_a_paired_test_counts_the_clips_that_one_alone_has_right() -> None:
    found = paired_test(table([True] * 10 + [False] * 6), table([True] * 15 + [False]))
    assert (found.total, found.first_only, found.second_only) == (16, 0, 5)
    assert found.difference == 5 / 16
    assert found.p_value == pytest.approx(2 * 0.5**5)  # five coins, all on one side
    assert found.interval[0] > 0
    assert str(found).startswith("+31.2 points (95% +")


def test_runs_that_agree_everywhere_do_not_differ() -> None:
    found = paired_test(table([True, False]), table([True, False]))
    assert (found.difference, found.p_value) == (0, 1)


def test_other_clips_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match=r"answered different clips \(2 and 3, 2 in both\)"):
        paired_test(table([True, False]), table([True, False, True]))
    with pytest.raises(ValueError, match="needs the columns clip, class and answer"):
        paired_test("clip\na", table([True]))
