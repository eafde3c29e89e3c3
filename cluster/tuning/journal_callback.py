"""What happens to trials: into the journal, to the person who waits, and to the record."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ray.tune import Callback
from ray.tune.experiment import Trial

from cluster.progress import Progress
from cluster.tuning.journal import Journal, TrialRecord, best_of

__all__ = ["JournalCallback", "sentence"]


class _NotesStops(Protocol):
    """A scheduler of `cluster.tuning.schedulers`."""

    stopped: set[int]


class JournalCallback(Callback):
    """Writes every result into the journal, and says what a person wants to know of it.

    Args:
        records: the trials that are known.
        total, epochs: how many trials there will be, and epochs of one that is not stopped early.
        on_end: called with each trial that has ended.
    """

    def __init__(
        self,
        journal: Journal,
        scheduler: _NotesStops,
        records: Sequence[TrialRecord],
        total: int,
        epochs: int,
        progress: Progress,
        on_end: Callable[[TrialRecord], None],
    ) -> None:
        self._journal, self._scheduler, self._progress = journal, scheduler, progress
        self._records = {record.number: record for record in records}
        self._total, self._epochs, self._on_end = total, epochs, on_end
        progress.begin("trials", total, self._num_ended())

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        """Ray pickles its callbacks into a snapshot that is never read; what this one holds cannot be."""
        return Callback, ()

    @property
    def records(self) -> list[TrialRecord]:
        """All trials, by number."""
        return [self._records[number] for number in sorted(self._records)]

    def on_trial_start(self, trial: Trial, **_: Any) -> None:  # type: ignore[override]
        """A trial begins, or continues."""
        plan = trial.config["trial"]
        if plan["number"] not in self._records:
            settings = dict(plan["settings"])
            record = TrialRecord(
                number=plan["number"], settings=settings, initial=settings, started=time.time()
            )
            self._keep(record)

    def on_trial_result(self, trials: list[Trial], trial: Trial, result: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
        """An epoch of a trial."""
        record = self._record(trial)
        settings = result["settings"]  # those of this epoch; Ray may hold the next ones already
        if settings != record.settings:  # population-based training
            changes = (*record.changes, (record.epoch, settings))
            record = replace(record, settings=settings, changes=changes)
        if "error" in result:
            record = replace(record, error=str(result["error"]), state="failed", ended=time.time())
        self._keep(record.with_rows(result["rows"]))
        self._progress.advance(self._num_ended(), self._note(trials))

    def on_trial_complete(self, trial: Trial, **_: Any) -> None:  # type: ignore[override]
        """A trial ends: by itself, by the scheduler, or only for now (time is up, or Ctrl-C)."""
        record = self._record(trial)
        if record.state == "failed":
            self._end(record)
        elif record.epoch >= self._epochs:
            self._end(replace(record, state="finished"))
        elif record.number in self._scheduler.stopped:
            self._end(replace(record, state="stopped"))

    def on_trial_error(self, trial: Trial, **_: Any) -> None:  # type: ignore[override]
        """A trial's process died more often than it may."""
        error = trial.get_error()
        reason = " ".join(str(error).split())[-500:] if error else "its process died"
        self._end(replace(self._record(trial), state="failed", error=reason))

    def _end(self, record: TrialRecord) -> None:
        record = replace(record, ended=time.time())
        self._keep(record)
        self._progress.say(sentence(record, self._epochs, best_of(self._records.values())))
        self._progress.advance(self._num_ended())
        self._on_end(record)

    def _keep(self, record: TrialRecord) -> None:
        self._journal.write(record)
        self._records[record.number] = record

    def _record(self, trial: Trial) -> TrialRecord:
        return self._records[trial.config["trial"]["number"]]

    def _num_ended(self) -> int:
        return sum(record.has_ended for record in self._records.values())

    def _note(self, trials: Sequence[Trial]) -> str:
        running = sum(trial.status == Trial.RUNNING for trial in trials)
        best = best_of(self._records.values())
        return f"{running} running" + (f", best {best.score:.1f} mm ({best.name})" if best else "")


def sentence(record: TrialRecord, epochs: int, best: TrialRecord | None) -> str:
    """How a trial ended, in one line."""
    if record.state == "failed":
        return f"{record.name} failed after {record.epoch} epochs: {record.error}"
    how = "finished" if record.state == "finished" else f"stopped after {record.epoch} of {epochs} epochs"
    is_best = best is not None and best.number == record.number
    against = "the best so far" if is_best or best is None else f"best {best.score:.1f} mm, {best.name}"
    return f"{record.name} {how}: {record.score:.1f} mm ({against})"
