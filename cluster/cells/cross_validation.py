"""The runs in an experiment's folder, put together where they differ in their test part alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster.cells.pooled import PooledAnswers, pool_answers, read_tables
from cluster.stages.folder import RunFolder

__all__ = ["PooledGroup", "pool_folder", "runs_in"]

_PARTS = ("test_part", "fold")


@dataclass(frozen=True, kw_only=True)
class PooledGroup:
    """Runs that differ in their test part alone.

    Attributes:
        title: data and method, as "msr-as1, residual".
        pooled: their answers.
    """

    title: str
    pooled: PooledAnswers


def runs_in(folder: Path) -> list[Path]:
    """The runs that lie in a folder or in the folders in it, an experiment's or several experiments'.

    Raises:
        FileNotFoundError: there is none.
    """
    found = sorted(
        {path.parent for depth in ("*", "*/*") for path in folder.glob(f"{depth}/experiment.json")}
    )
    runs = [run for run in found if run.parent.parent.name != "jobs"]
    if not runs:
        raise FileNotFoundError(f"{folder} holds no run; the folder of an experiment or of a run is needed")
    return runs


def pool_folder(folder: Path) -> tuple[list[PooledGroup], list[str]]:
    """The answers of all tested runs of an experiment, one table for each data set and method.

    Returns:
        The groups in the order of their titles, and a sentence for each run or group that is in none.

    Raises:
        FileNotFoundError: there is no run.
        ValueError: two runs of a group tested one clip.
    """
    groups: dict[tuple[str, str], list[Path]] = {}
    notes = []
    for run in runs_in(folder):
        if (run / "predictions.csv").is_file():
            groups.setdefault(_shared(RunFolder(run)), []).append(run)
        else:
            notes.append(f"{run.name} has no predictions.csv yet")
    found = []
    for (title, _), runs in sorted(groups.items()):
        if len(runs) > 1:
            found.append(PooledGroup(title=title, pooled=pool_answers(read_tables(_in_order(runs)))))
        else:
            notes.append(f"{runs[0].name} is alone with its settings; pooling needs 2 runs")
    return found, notes


def _shared(run: RunFolder) -> tuple[str, str]:
    """A title, and all settings but the test part."""
    config = run.config()
    settings = config.result_settings()
    for name in _PARTS:
        settings["data"].pop(name, None)
    method = run.baseline or config.search.strategy
    label = config.data_label
    for end in (f"-part{config.data.test_part}", f"-fold{config.data.fold}"):
        label = label.removesuffix(end)
    return f"{label}, {method}", json.dumps(settings, sort_keys=True)


def _in_order(runs: Sequence[Path]) -> list[Path]:
    """By the number of the test part."""

    def number(run: Path) -> tuple[int, int]:
        data = RunFolder(run).config().data
        return data.test_part, data.fold

    return sorted(runs, key=number)
