"""Scores of answers: several numbers with intervals, by class and by person, and a test between two runs."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Answers",
    "PairedTest",
    "paired_test",
    "prediction_rows",
    "score_lines",
    "score_metrics",
    "scores_of",
]

Array = NDArray[np.float64]

LEVEL = 0.95
RESAMPLES = 2000
SEED = 0
TOP = (3, 5)


@dataclass(frozen=True, eq=False, kw_only=True)
class Answers:
    """What a classifier said of labeled clips.

    Attributes:
        clips: N names.
        labels: int (N,), the true classes.
        probabilities: float (N, K).
        class_names: K names.
        subjects: N persons, None where one is not known.
    """

    clips: tuple[str, ...]
    labels: NDArray[np.int64]
    probabilities: NDArray[np.floating[Any]]
    class_names: tuple[str, ...]
    subjects: tuple[int | str | None, ...]

    @property
    def answers(self) -> NDArray[np.int64]:
        """int (N,), the likeliest class of each clip."""
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,), which clips are right."""
        return np.asarray(self.answers == self.labels)


def scores_of(answers: Answers, *, ranked: bool = True) -> dict[str, Any]:
    """All scores as JSON values.

    Accuracy is the share of clips that are right. Balanced accuracy is the mean over the classes of the share
    that is right (recall), macro F1 the mean of their F1; both over the classes that have clips. `top` holds,
    for k of 3 and 5 below the number of classes, the share whose class is among the k likeliest. Intervals
    are percentile bootstraps at 95 % of 2,000 resamples: over clips, and over subjects with all their clips,
    which says how the accuracy would vary with other people.

    Args:
        answers: what was said.
        ranked: whether the probabilities order the classes; a nearest neighbor names one alone.
    """
    from sklearn.metrics import (  # type: ignore[import-untyped]
        f1_score,
        precision_recall_fscore_support,
        top_k_accuracy_score,
    )

    labels, said = answers.labels, answers.answers
    numbers = list(range(len(answers.class_names)))
    present = sorted(set(labels.tolist()))
    each = precision_recall_fscore_support(labels, said, labels=numbers, zero_division=0)
    return {
        "accuracy": float(answers.right.mean()),
        "balanced_accuracy": float(each[1][present].mean()),
        "macro_f1": float(f1_score(labels, said, labels=present, average="macro", zero_division=0)),
        "top": {
            str(k): float(top_k_accuracy_score(labels, answers.probabilities, k=k, labels=numbers))
            for k in TOP
            if ranked and k < len(numbers)
        },
        "intervals": {"level": LEVEL, **_intervals(answers)},
        "classes": [
            {
                "class": name,
                "correct": int((answers.right & (labels == number)).sum()),
                "total": int(each[3][number]),
                "accuracy": float(each[1][number]) if each[3][number] else None,
                "precision": float(each[0][number]),
                "f1": float(each[2][number]) if each[3][number] else None,
            }
            for number, name in enumerate(answers.class_names)
        ],
        "subjects": _subject_rows(answers),
    }


def prediction_rows(answers: Answers) -> list[dict[str, Any]]:
    """A row a clip: what it shows, the answer, and the probability of every class."""
    rows = []
    for n, clip in enumerate(answers.clips):
        shares, answer = answers.probabilities[n], int(answers.answers[n])
        subject = answers.subjects[n]
        rows.append(
            {
                "clip": clip,
                "subject": "" if subject is None else subject,
                "class": answers.class_names[answers.labels[n]],
                "answer": answers.class_names[answer],
                "probability": float(shares[answer]),
                **{f"p: {name}": float(p) for name, p in zip(answers.class_names, shares, strict=True)},
            }
        )
    return rows


def score_lines(scores: Mapping[str, Any]) -> list[str]:
    """The scores beside the accuracy, for a person."""
    parts = [f"balanced accuracy {scores['balanced_accuracy']:.4f}", f"macro F1 {scores['macro_f1']:.4f}"]
    parts += [f"top {k} {value:.4f}" for k, value in scores["top"].items()]
    lines = [", ".join(parts)]
    over = [
        f"{low:.3f} to {high:.3f} over {what}"
        for what in ("clips", "subjects")
        if scores["intervals"].get(what) is not None
        for low, high in [scores["intervals"][what]]
    ]
    if over:
        lines.append(f"{LEVEL:.0%} interval of the accuracy: {'; '.join(over)}")
    if scores["subjects"]:
        each = [f"{row['subject']}: {row['accuracy']:.3f} of {row['total']}" for row in scores["subjects"]]
        lines.append("by subject " + ", ".join(each))
    return lines


def score_metrics(scores: Mapping[str, Any]) -> dict[str, float]:
    """The scores as metrics of a tracker, beside the accuracy."""
    metrics = {
        "test_balanced_accuracy": scores["balanced_accuracy"],
        "test_macro_f1": scores["macro_f1"],
        **{f"test_top_{k}": value for k, value in scores["top"].items()},
    }
    for what in ("clips", "subjects"):
        ends = scores["intervals"].get(what)
        if ends is not None:
            metrics |= {f"test_accuracy_low_{what}": ends[0], f"test_accuracy_high_{what}": ends[1]}
    return {name: float(value) for name, value in metrics.items()}


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """Two runs on the same clips.

    Attributes:
        total: clips that both answered.
        first_only, second_only: clips that one alone has right.
        difference: accuracy of the second less that of the first.
        interval: of the difference, 95 %, bootstrap over clips.
        p_value: exact McNemar test, two-sided: how likely so uneven a share of the clips that one alone has
            right would be if both were as good.
    """

    total: int
    first_only: int
    second_only: int
    difference: float
    interval: tuple[float, float]
    p_value: float

    def __str__(self) -> str:
        low, high = (100 * value for value in self.interval)
        return (
            f"{100 * self.difference:+.1f} points ({LEVEL:.0%} {low:+.1f} to {high:+.1f}) on the "
            f"same {self.total} clips; right in one alone: {self.first_only} and {self.second_only}, exact "
            f"McNemar test p = {self.p_value:.3g}"
        )


def paired_test(first: str, second: str) -> PairedTest:
    """Compare two tables of predictions (CSV with columns clip, class and answer) clip by clip.

    Raises:
        ValueError: a column is missing, or the tables are of different clips or classes of them.
    """
    from scipy.stats import binomtest

    one, other = _right_by_clip(first), _right_by_clip(second)
    if set(one) != set(other):
        raise ValueError(
            f"the runs answered different clips ({len(one)} and {len(other)}, "
            f"{len(set(one) & set(other))} in both); a paired test needs the same ones"
        )
    pairs = np.array([(one[clip], other[clip]) for clip in sorted(one)], np.float64)
    gained = pairs[:, 1] - pairs[:, 0]
    first_only, second_only = int((gained < 0).sum()), int((gained > 0).sum())
    odd = first_only + second_only
    return PairedTest(
        total=len(pairs),
        first_only=first_only,
        second_only=second_only,
        difference=float(gained.mean()),
        interval=_interval(gained, np.ones(len(gained))),
        p_value=float(binomtest(second_only, odd).pvalue) if odd else 1.0,
    )


def _right_by_clip(table: str) -> dict[tuple[str, str], bool]:
    rows = list(csv.DictReader(io.StringIO(table)))
    if not rows or not {"clip", "class", "answer"} <= set(rows[0]):
        raise ValueError("a table of predictions needs the columns clip, class and answer")
    return {(row["clip"], row["class"]): row["class"] == row["answer"] for row in rows}


def _intervals(answers: Answers) -> dict[str, list[float] | None]:
    right = answers.right.astype(np.float64)
    known = [subject for subject in answers.subjects if subject is not None]
    by_subject = None
    if len(known) == len(right) and len(set(known)) > 1:
        rows = _subject_rows(answers)
        counts = np.array([(row["correct"], row["total"]) for row in rows], np.float64)
        by_subject = list(_interval(counts[:, 0], counts[:, 1]))
    over_clips = list(_interval(right, np.ones(len(right)))) if len(right) > 1 else None
    return {"clips": over_clips, "subjects": by_subject}


def _interval(counts: Array, totals: Array) -> tuple[float, float]:
    """Percentile bootstrap of sum(counts) / sum(totals) over the rows."""
    from scipy.stats import bootstrap

    if len(counts) < 2:
        share = float(counts.sum() / totals.sum())
        return share, share

    def share_of(some: Array, of: Array, axis: int = -1) -> Array:
        shares: Array = some.sum(axis=axis) / of.sum(axis=axis)
        return shares

    found = bootstrap(
        (counts, totals),
        share_of,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=100,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return float(found.low), float(found.high)


def _subject_rows(answers: Answers) -> list[dict[str, Any]]:
    people = sorted(
        {one for one in answers.subjects if one is not None}, key=lambda one: (str(type(one)), one)
    )
    rows = []
    for person in people:
        own = np.array([subject == person for subject in answers.subjects])
        correct, total = int(answers.right[own].sum()), int(own.sum())
        rows.append({"subject": person, "correct": correct, "total": total, "accuracy": correct / total})
    return rows
