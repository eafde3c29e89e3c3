"""What is known of each trial, in one small file a trial, written whole at every result.

The journal, not Ray, is what a resumed tuning goes by: whatever was killed, a trial is finished when its file
says so, and an unfinished one continues from its newest checkpoint.

    trials/0007.json           settings, a row an epoch, how it ended
    states/0007/               checkpoints of a trial that has not ended
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cluster.files import read_json, write_json
from cluster.tuning.space import Scalar

__all__ = ["SCORE", "Journal", "Row", "State", "TrialRecord", "best_of"]

State = Literal["running", "finished", "stopped", "failed"]

Row = Mapping[str, float]
"""What one epoch gave; "epoch" counts from 1."""

SCORE = "validation_p1"
"""What trials are compared by: mean per-joint position error on the validation part, millimeters."""


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One trial.

    Attributes:
        number: counts from 0; with the seed it decides the settings that are tried.
        settings: the hyperparameters, by dotted name; under population-based training the latest.
        rows: one an epoch, in their order.
        state: running (or broken off), finished (all epochs), stopped (by the scheduler), failed.
        error: why it failed.
        started, ended: seconds since 1970; `ended` is 0 until then.
        initial: the settings of the first epoch.
        changes: what population-based training changed: (after epoch, settings from then on).
    """

    number: int
    settings: Mapping[str, Scalar]
    rows: Sequence[Row] = ()
    state: State = "running"
    error: str = ""
    started: float = 0.0
    ended: float = 0.0
    initial: Mapping[str, Scalar] = field(default_factory=dict)
    changes: Sequence[tuple[int, Mapping[str, Scalar]]] = field(default=())

    @property
    def name(self) -> str:
        """As people and files call it: "trial 0007"."""
        return f"trial {self.number:04d}"

    @property
    def has_ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.state != "running"

    @property
    def epoch(self) -> int:
        """The last epoch that is known; 0 before the first."""
        return int(self.rows[-1]["epoch"]) if self.rows else 0

    @property
    def score(self) -> float | None:
        """The validation error after the last epoch; None where there is none or it failed."""
        return float(self.rows[-1][SCORE]) if self.rows and self.state != "failed" else None

    def score_at(self, epoch: int) -> float | None:
        """The validation error after some epoch, if it got so far."""
        return next((float(row[SCORE]) for row in self.rows if int(row["epoch"]) == epoch), None)

    def with_rows(self, rows: Iterable[Row]) -> "TrialRecord":
        """With the epochs that were not yet known; an epoch done again after a crash changes nothing."""
        merged = {int(row["epoch"]): row for row in (*rows, *self.rows)}
        return replace(self, rows=tuple(merged[epoch] for epoch in sorted(merged)))

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "number": self.number,
            "state": self.state,
            "settings": dict(self.settings),
            "initial": dict(self.initial),
            "error": self.error,
            "started": self.started,
            "ended": self.ended,
            "changes": [[epoch, dict(settings)] for epoch, settings in self.changes],
            "rows": [dict(row) for row in self.rows],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "TrialRecord":
        """The inverse of `to_dict`."""
        changes = tuple((int(epoch), settings) for epoch, settings in content["changes"])
        return cls(**{**content, "rows": tuple(content["rows"]), "changes": changes})


def best_of(records: Iterable[TrialRecord]) -> TrialRecord | None:
    """The trial with the lowest validation error among those that went on longest.

    One that was stopped early is not compared with those that learned longer. None: no trial has a result.
    """
    scored = [record for record in records if record.score is not None]
    return min(scored, key=lambda r: (-r.epoch, r.score or 0.0, r.number), default=None)


class Journal:
    """The trials of one tuning, in its folder."""

    def __init__(self, folder: Path) -> None:
        self._trials, self._states = folder / "trials", folder / "states"

    def read(self) -> list[TrialRecord]:
        """All trials, by number.

        Raises:
            ValueError: a file is not readable or holds something else; the text names it.
        """
        records = []
        for path in sorted(self._trials.glob("*.json")):
            try:
                records.append(TrialRecord.from_dict(read_json(path)))
            except (KeyError, TypeError) as error:
                raise ValueError(f"{path} holds no trial of a tuning: {error}") from error
        return sorted(records, key=lambda record: record.number)

    def write(self, record: TrialRecord) -> None:
        """Keep what is known of a trial; the checkpoints of one that has ended are not needed any more."""
        write_json(self._trials / f"{record.number:04d}.json", record.to_dict())
        if record.has_ended:
            shutil.rmtree(self.state_folder(record.number), ignore_errors=True)

    def state_folder(self, number: int) -> Path:
        """Where a trial keeps its checkpoints."""
        return self._states / f"{number:04d}"
