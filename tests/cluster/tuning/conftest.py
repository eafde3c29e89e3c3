"""Trials as a journal holds them, made by hand."""

from collections.abc import Callable, Sequence

import pytest

from cluster.tuning.journal import SCORE, State, TrialRecord


def trial_record(
    number: int, errors: Sequence[float], state: State = "stopped", **settings: bool | int | float | str
) -> TrialRecord:
    rows = tuple({"epoch": epoch, SCORE: e, "time": 100.0 + epoch} for epoch, e in enumerate(errors, 1))
    ended = 0.0 if state == "running" else 200.0 + number
    return TrialRecord(
        number=number, settings=settings, initial=settings, rows=rows, state=state, started=100.0, ended=ended
    )


@pytest.fixture
def trial() -> Callable[..., TrialRecord]:
    """A record: number, errors by epoch, state, settings."""
    return trial_record
