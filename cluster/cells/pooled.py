"""The answers of several runs, each on other clips of one data set, as one table: a cross-validation."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cluster.scores import Answers, scores_of

__all__ = ["PooledAnswers", "pool_answers", "read_tables"]

_SHARE = "p: "


@dataclass(frozen=True, kw_only=True)
class PooledAnswers:
    """What several runs answered.

    Attributes:
        rows: for each run its name, the number of its test clips, how many are right, and the accuracy.
        scores: of all clips together; see `cluster.scores.scores_of`.
        mean, spread: mean and standard deviation (n - 1) of the runs' accuracies.
    """

    rows: tuple[tuple[str, int, int, float], ...]
    scores: dict[str, Any]
    mean: float
    spread: float


def pool_answers(tables: Sequence[tuple[str, str]]) -> PooledAnswers:
    """Put answers together.

    Args:
        tables: of each run its name and its predictions.csv.

    Raises:
        ValueError: fewer than two runs, a table that is none, other classes, or a clip that two runs tested.
    """
    if len(tables) < 2:
        raise ValueError(f"{len(tables)} run came; pooling needs at least 2")
    read = [(name, _answers(name, table)) for name, table in tables]
    first, names = read[0][0], read[0][1].class_names
    seen: dict[str, str] = {}
    for run, one in read:
        if one.class_names != names:
            raise ValueError(f"{run} has other classes than {first}; pooled runs need the same ones")
        for clip in one.clips:
            if clip in seen:
                raise ValueError(
                    f"{run} and {seen[clip]} both tested the clip {clip!r}; pool runs on different clips"
                )
            seen[clip] = run
    rows = tuple((run, len(one.clips), int(one.right.sum()), float(one.right.mean())) for run, one in read)
    accuracies = [row[3] for row in rows]
    pooled = Answers(
        clips=tuple(seen),
        labels=np.concatenate([one.labels for _, one in read]),
        probabilities=np.concatenate([one.probabilities for _, one in read]),
        class_names=names,
        subjects=tuple(subject for _, one in read for subject in one.subjects),
    )
    return PooledAnswers(
        rows=rows,
        scores=scores_of(pooled),
        mean=float(np.mean(accuracies)),
        spread=float(np.std(accuracies, ddof=1)),
    )


def read_tables(folders: Sequence[Path]) -> list[tuple[str, str]]:
    """The predictions.csv of run folders, with the folders' names.

    Raises:
        FileNotFoundError: a folder has none.
    """
    tables = []
    for folder in folders:
        path = folder / "predictions.csv"
        if not path.is_file():
            raise FileNotFoundError(f"{folder} has no {path.name}; `posenas evaluate {folder}` writes it")
        tables.append((folder.name, path.read_text(encoding="utf-8")))
    return tables


def _answers(run: str, table: str) -> Answers:
    rows = list(csv.DictReader(io.StringIO(table)))
    columns = list(rows[0]) if rows else []
    names = tuple(column.removeprefix(_SHARE) for column in columns if column.startswith(_SHARE))
    if not names or not {"clip", "class", "subject"} <= set(columns):
        raise ValueError(f"the predictions of {run} need the columns clip, subject, class and 'p: CLASS'")
    return Answers(
        clips=tuple(row["clip"] for row in rows),
        labels=np.array([names.index(row["class"]) for row in rows], np.int64),
        probabilities=np.array([[float(row[_SHARE + name]) for name in names] for row in rows]),
        class_names=names,
        subjects=tuple(int(s) if (s := row["subject"]).isdigit() else s or None for row in rows),
    )
