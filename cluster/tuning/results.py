"""What a tuning leaves behind: the table of trials, the best settings as a file, and pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table
from rich.text import Text

from cluster.files import write_atomically, write_json
from cluster.tracking.facts import as_csv
from cluster.tuning.figures import curves_figure, importance_figure, parallel_figure
from cluster.tuning.folder import TuningFolder
from cluster.tuning.importance import importance
from cluster.tuning.journal import SCORE, TrialRecord
from cluster.tuning.space import SearchSpace, in_words
from nas.drawing.theme import save_figure

__all__ = ["table_rows", "trials_table", "write_best", "write_results"]


def table_rows(records: Sequence[TrialRecord]) -> list[dict[str, Any]]:
    """A row a trial, the furthest and best first."""

    def order(record: TrialRecord) -> tuple[int, float, int]:
        return -record.epoch, record.score if record.score is not None else float("inf"), record.number

    return [
        {
            "trial": record.number,
            "state": record.state,
            "epochs": record.epoch,
            SCORE: "" if record.score is None else round(record.score, 3),
            **dict(record.settings),
            "seconds": round(record.ended - record.started, 1) if record.ended else "",
            "error": record.error,
        }
        for record in sorted(records, key=order)
    ]


def trials_table(records: Sequence[TrialRecord], most: int = 10) -> Table:
    """The first rows of the table for a terminal of any width."""
    rows = table_rows(records)
    names = list(records[0].settings) if records else []
    table = Table(title=f"{len(rows)} trials", title_justify="left", caption_justify="left", box=None)
    for column in ("trial", "mm", "epochs", "state"):
        table.add_column(column, justify="left" if column == "state" else "right", no_wrap=True)
    table.add_column("settings", overflow="fold")
    for row in rows[:most]:
        error = "" if row[SCORE] == "" else f"{row[SCORE]:.1f}"
        settings = " ".join(f"{name.rpartition('.')[2]}={in_words(row[name])}" for name in names)
        table.add_row(f"{row['trial']:04d}", error, str(row["epochs"]), str(row["state"]), Text(settings))
    if len(rows) > most:
        table.caption = f"and {len(rows) - most} more in trials.csv"
    return table


def write_best(path: Path, record: TrialRecord, settings: Mapping[str, Any], command: str) -> None:
    """The settings of a trial as a file to train with, and where they come from."""
    lines = [
        f"# The best of a tuning: {record.name}, {record.score:.2f} mm on the validation part "
        f"after {record.epoch} epochs.",
        *(f"# {name}: {value}" for name, value in record.settings.items()),
    ]
    if record.changes:
        lines.append("# Population-based training changed settings on the way; these are the last ones:")
        lines += [f"#   after epoch {epoch}: {dict(changed)}" for epoch, changed in record.changes]
    lines.append(f"# Train with: {command}")
    write_atomically(path, "\n".join(lines) + "\n\n" + yaml.safe_dump(dict(settings), sort_keys=False))


def write_results(
    folder: TuningFolder, records: Sequence[TrialRecord], space: SearchSpace, seed: int
) -> dict[str, float]:
    """Table, importance and pictures; returns the importance by hyperparameter, if it can be said."""
    write_atomically(folder.table_file, as_csv(table_rows(records)))
    found = importance(records, space, seed)
    write_json(folder.importance_file, found.to_dict())
    folder.pictures.mkdir(exist_ok=True)
    figures = {
        "trials": curves_figure(records),
        "parallel_coordinates": parallel_figure(records, space),
    }
    if found.shares:
        figures["importance"] = importance_figure(found)
    for name, figure in figures.items():
        for ending in ("svg", "png"):
            save_figure(figure, folder.pictures / f"{name}.{ending}")
    return found.shares
