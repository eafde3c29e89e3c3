"""The record of a tuning: one run, and a child of it for every trial, recorded in batches when it has ended.

Nothing is recorded while a trial runs, and nothing through Ray's own callback, which talks to MLflow at every
result and costs a short trial more than its training.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cluster.tracking.facts import environment_tags
from cluster.tracking.tracker import MetricPoint, Status, Tracker
from cluster.tuning.folder import TuningFolder
from cluster.tuning.journal import SCORE, TrialRecord, best_of

__all__ = ["TuningRecorder"]

_STATUS: Mapping[str, Status] = {"finished": "finished", "stopped": "finished", "failed": "failed"}


class TuningRecorder:
    """Tells a tracker about a tuning. Everything may be reported twice, and is recorded once.

    Args:
        tracker: MLflow behind something that may fail, or nothing.
        folder: of the tuning; its id is the run's.
        tags: of the run, as the data it is about.
    """

    def __init__(self, tracker: Tracker, folder: TuningFolder, tags: Mapping[str, str]) -> None:
        self._tracker, self._folder, self._tags = tracker, folder, tags

    def begin(self, records: Iterable[TrialRecord]) -> None:
        """The tuning's run, and the trials that ended before, which may not be recorded yet."""
        self._start_parent()
        for record in records:
            if record.has_ended:
                self.record(record)

    def record(self, record: TrialRecord) -> None:
        """A trial that has ended: its settings, every epoch, and how it ended."""
        tags = {"posenas.trial": str(record.number), "posenas.state": record.state}
        tags |= {"posenas.error": record.error} if record.error else {}
        self._tracker.start(
            self.trial_id(record), record.name, record.initial, tags, parent=self._folder.run_id
        )
        self._tracker.log_history(_points(record))
        self._tracker.finish(_STATUS[record.state])

    def finish(self, records: Sequence[TrialRecord], shares: Mapping[str, float], status: Status) -> None:
        """The whole: the best so far after each trial, importance, table, best settings, pictures."""
        self._start_parent()
        self._tracker.log_history(_best_so_far(records))
        self._tracker.log(0, {f"importance/{name}": share for name, share in shares.items()})
        best = best_of(records)
        if best is not None:
            self._tracker.set_tags({"posenas.best_trial": best.name})
        folder = self._folder
        for path in (folder.settings_file, folder.best_file, folder.table_file, folder.importance_file):
            if path.exists():
                self._tracker.log_artifact(path)
        if folder.pictures.exists():
            self._tracker.log_artifact(folder.pictures, "pictures")
        self._tracker.finish(status)

    def trial_id(self, record: TrialRecord) -> str:
        """Our own id of a trial's run."""
        return f"{self._folder.run_id}-{record.number:04d}"

    def _start_parent(self) -> None:
        settings: dict[str, Any] = self._folder.settings
        tags = {**environment_tags(), "posenas.kind": "tuning", **self._tags}
        self._tracker.start(self._folder.run_id, self._folder.path.name, settings, tags)


def _points(record: TrialRecord) -> list[MetricPoint]:
    return [
        MetricPoint(
            int(row["epoch"]),
            {name: value for name, value in row.items() if name not in ("epoch", "time")},
            row["time"],
        )
        for row in record.rows
    ]


def _best_so_far(records: Sequence[TrialRecord]) -> list[MetricPoint]:
    """One point a trial with a result, in the order in which they ended."""
    ended = sorted((r for r in records if r.has_ended and r.score is not None), key=lambda r: r.ended)
    bests = (best_of(ended[: count + 1]) for count in range(len(ended)))
    return [
        MetricPoint(count + 1, {f"best_{SCORE}": best.score or 0.0}, ended[count].ended)
        for count, best in enumerate(bests)
        if best is not None
    ]
