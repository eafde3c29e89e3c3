"""The process that takes the events of an outbox to MLflow, beside the run and never in its way.

`python -m cluster.tracking.courier OUTBOX` reads the settings (`TrackingConfig` as JSON) as the first line of
stdin; every later byte says that there is something new, and the end of stdin that the run has ended, or
died: then it tries once more and ends. Exit code 0: all is delivered; 1: something is left.
"""

import fcntl
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from cluster.tracking.config import TrackingConfig
from cluster.tracking.facts import without_passwords
from cluster.tracking.mlflow_store import RefusedError
from cluster.tracking.outbox import Backlog, DeliveryStatus, Outbox, TrackingEvent, store_name
from cluster.tracking.tracker import MetricPoint, MlflowTracker

__all__ = ["Delivered", "Delivery", "deliver", "sole_courier"]

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds after a failure; doubled each time
_NICE = 10  # training comes first where there are more processes than cores


class Delivery:
    """Delivers to one store what an outbox holds for it, in order; what was delivered twice is there once.

    Args:
        outbox: of a run.
        config: the store.
        open_tracker: connects; called again after every failure.
    """

    def __init__(
        self,
        outbox: Outbox,
        config: TrackingConfig,
        open_tracker: Callable[[TrackingConfig], MlflowTracker] | None = None,
    ) -> None:
        self._outbox, self._config = outbox, config
        self._open = open_tracker or (lambda c: MlflowTracker(c.uri, c.experiment, c.artifacts))
        self.store = store_name(config.uri, config.experiment)
        self._tracker: MlflowTracker | None = None
        self._run_id = ""

    def run(self) -> int:
        """Deliver all that waits, and return how many events that was.

        An event that cannot be delivered holds up no others but those that must come after it.

        Raises:
            OSError, ValueError: the first reason why something still waits. All else is delivered, unless the
                store does not answer at all.
        """
        count, after, reason = 0, 0, None
        held: set[tuple[str, ...]] = set()
        while facts := self._outbox.next(self.store, after):
            after = facts[-1].number
            for group in _groups(facts):
                if held & _places(group[0]):
                    continue
                try:
                    self._deliver(group)
                    count += len(group)
                except ValueError as error:
                    self._tracker, reason = None, reason or error
                    held.add(_place(group[0]))
                except BaseException:
                    self._tracker = None
                    raise
        if reason is not None:
            raise reason
        return count

    def repeat_lost(self) -> int:
        """Let everything wait again of the runs that the store has no more: it may have lost its data.

        Returns:
            How many files were delivered before and cannot be once more.
        """
        self._tracker, self._run_id = self._open(self._config), ""
        lost = [run for run in self._outbox.runs(self.store) if not self._tracker.attach(run)]
        return sum(self._outbox.repeat(self.store, run) for run in lost)

    def _deliver(self, facts: list[TrackingEvent], again: bool = True) -> None:
        """One event, or points of the same run in one call. An event that MLflow never takes is set aside."""
        try:
            self._apply(facts)
        except RefusedError as error:
            self._tracker = None
            if again:  # the run may have been deleted: find it, or begin it, anew
                self._deliver(facts, again=False)
            elif len(facts) > 1:
                for fact in facts:
                    self._deliver([fact], again=False)
            else:
                self._outbox.refuse(facts[0], str(error))
            return
        self._outbox.delivered(facts)

    def _apply(self, facts: list[TrackingEvent]) -> None:
        tracker, first = self._ready(facts[0]), facts[0]
        content = first.content
        if first.kind == "start":
            _start(tracker, first)
            self._outbox.note_mlflow_run(first.run_id, tracker.mlflow_run_id)
        elif first.kind == "metrics":
            tracker.log_history(_points(facts))
        elif first.kind == "tags":
            tracker.set_tags(content["tags"])
        elif first.kind == "file":
            tracker.log_artifact(self._copy(first), content["folder"])
        elif first.kind == "model":
            options = {name: content[name] for name in ("registered_name", "alias", "score")}
            tracker.log_model(self._copy(first), content["name"], **options)
        else:
            tracker.finish(content["status"], content["timestamp"])

    def _ready(self, fact: TrackingEvent) -> MlflowTracker:
        """A tracker whose run is that of the event."""
        if self._tracker is None:
            self._tracker, self._run_id = self._open(self._config), ""
        if fact.kind != "start" and fact.run_id != self._run_id and not self._tracker.attach(fact.run_id):
            beginning = self._outbox.beginning(self.store, fact.run_id, fact.number)
            if beginning is None:
                raise RefusedError(f"MLflow has no run {fact.run_id!r}, and nothing says how it began")
            _start(self._tracker, beginning)  # a user has deleted the run, or the store is a new one
        self._run_id = fact.run_id
        return self._tracker

    def _copy(self, fact: TrackingEvent) -> Path:
        path = self._outbox.file(fact.content["copy"])
        if not path.exists() and fact.kind == "file":  # it was delivered before, to a store that lost it
            path = self._outbox.original(fact.content["copy"])
        if not path.exists():
            raise RefusedError(f"the copy of {path.name} that was kept for MLflow is gone from {path.parent}")
        return path


@dataclass(frozen=True)
class Delivered:
    """What became of the events for one store.

    Args:
        store: its address, without password.
        count: events delivered now.
        left: what is left: events that MLflow refuses.
        gone: files of runs that the store has lost and that are nowhere else.
    """

    store: str
    count: int
    left: Backlog
    gone: int = 0


def deliver(folder: Path, config: TrackingConfig, patience: float = 0.0) -> Delivered:
    """Deliver what an outbox holds for one store, in this process; runs that the store has lost, once more.

    Args:
        folder: the outbox.
        config: the store.
        patience: seconds to wait for another courier of the same outbox.

    Returns:
        How much, and what is left: nothing, or events that MLflow refuses for good.

    Raises:
        BlockingIOError: another process delivers from this outbox.
        OSError, ValueError: MLflow does not answer or cannot write; what was delivered before is settled.
    """
    with sole_courier(folder, patience):
        outbox = Outbox(folder)
        try:
            delivery = Delivery(outbox, config)
            outbox.reconsider(delivery.store)
            gone = delivery.repeat_lost()
            count = delivery.run()
            outbox.tell(delivery.store, DeliveryStatus("delivering", ""))
            left = outbox.backlog(delivery.store)
            return Delivered(without_passwords(config.uri), count - left.refused, left, gone)
        finally:
            outbox.close()


@contextmanager
def sole_courier(folder: Path, patience: float) -> Iterator[None]:
    """Two couriers of one outbox would tell everything twice at once: the second one waits.

    Raises:
        BlockingIOError: the other one is still there after `patience` seconds.
    """
    deadline = time.monotonic() + patience
    with (Path(folder) / "courier.lock").open("a+") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BlockingIOError(
                        f"another process is delivering from {folder} just now; ask again when it has ended"
                    ) from None
                time.sleep(0.1)
        yield


def _groups(facts: list[TrackingEvent]) -> Iterator[list[TrackingEvent]]:
    """Neighboring points of one run together, everything else alone."""
    for (kind, _), group in groupby(facts, lambda fact: (fact.kind, fact.run_id)):
        if kind == "metrics":
            yield list(group)
        else:
            yield from ([fact] for fact in group)


def _place(fact: TrackingEvent) -> tuple[str, ...]:
    """What an event writes to; two that write to the same place must arrive in their order."""
    run, content = fact.run_id, fact.content
    if fact.kind == "file":
        return run, "file", content["folder"], Path(content["copy"]).name
    if fact.kind == "model":
        return run, "model", content["name"]
    return (run, fact.kind) if fact.kind in ("metrics", "tags") else (run,)  # beginning and end: everything


def _places(fact: TrackingEvent) -> set[tuple[str, ...]]:
    """The places whose earlier events must have arrived before this one."""
    own = _place(fact)
    if fact.kind == "metrics":  # a point may come late: it has its own step and time
        return {(fact.run_id,)}
    return {own, (fact.run_id,)}


def _points(facts: list[TrackingEvent]) -> list[MetricPoint]:
    return [
        MetricPoint(
            fact.content["step"],
            {name: float(value) for name, value in fact.content["metrics"].items()},
            fact.content["timestamp"],
        )
        for fact in facts
    ]


def _start(tracker: MlflowTracker, fact: TrackingEvent) -> None:
    content = fact.content
    tracker.start(
        fact.run_id,
        content["name"],
        content["params"],
        content["tags"],
        content["parent"],
        timestamp=content["timestamp"],
    )


def _serve(folder: Path, config: TrackingConfig, wakes: int) -> int:
    """Deliver whenever there is something new, until the other end of `wakes` is closed."""
    outbox = Outbox(folder)
    delivery = Delivery(outbox, config)
    pause, ended, failed = _FIRST_PAUSE, False, False
    while True:
        try:
            delivery.run()
            failed, pause = False, _FIRST_PAUSE
            outbox.tell(delivery.store, DeliveryStatus("delivering", ""))
        except Exception as error:  # noqa: BLE001 - whatever a store's client raises: the events wait, and say why
            failed = True
            known = isinstance(error, (OSError, ValueError)) and str(error)
            outbox.tell(delivery.store, DeliveryStatus("failing", str(error) if known else repr(error)))
        if ended:
            return 1 if failed else 0
        if failed:
            ended = _ended_within(wakes, pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        else:
            select.select([wakes], [], [])
            ended = os.read(wakes, 4096) == b""


def _ended_within(wakes: int, seconds: float) -> bool:
    """Let the time pass, whatever is new; True as soon as the run ends."""
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([wakes], [], [], left)
        if readable and os.read(wakes, 4096) == b"":
            return True
    return False


def _first_line(stream: int) -> bytes:
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(stream, 1)):
        line += byte
    return line


def main() -> int:
    """Entry point of the process."""
    os.nice(_NICE)
    folder, wakes = Path(sys.argv[1]), sys.stdin.fileno()
    config = TrackingConfig.model_validate_json(_first_line(wakes))
    # the courier of a run that was killed may be about its last event
    with sole_courier(folder, patience=600):
        return _serve(folder, config, wakes)


if __name__ == "__main__":
    sys.exit(main())
