"""Shards on workers: an idle one takes the next; one that dies, freezes or hangs is replaced.

Workers are Ray actors with `max_restarts=-1` and `max_task_retries=0`: Ray restarts the process, and the
shard is repeated here, on whichever worker is free. A shard is pure, so it does not matter how often or
where it is computed; of several answers exactly one is taken. Shards may follow each other in chains, as the
epochs of a training do.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import ObjectRef
from ray.exceptions import RayActorError, RayError, RayTaskError

from cluster.distributed.processes import NotPreparedError, WorkerInfo
from cluster.distributed.reports import EpochReport, ShardReport

__all__ = ["Dispatcher", "Finished", "Following", "RayWorker", "Submit", "WorkersLostError", "last"]

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds until a restarting worker is asked again whether it is ready."""

PATIENCE = 5
"""Failed handshake after which a worker is no longer waited for but made anew."""

START_SECONDS = 120.0
"""A process that has not answered its handshake by then is made anew; without load it takes two seconds."""

Submit = Callable[[Any], Sequence["ObjectRef[Any]"]]
"""Starts one shard on an actor. The first reference is its report; others are left where they are."""

Following = Callable[[int, "Finished"], Submit | None]
"""What comes after a finished shard, by its number: the next of its chain, or None at the chain's end."""


class WorkersLostError(RuntimeError):
    """No worker was left for too long; what has been saved can be resumed."""


@dataclass(frozen=True, eq=False)
class Finished:
    """One finished shard.

    Attributes:
        report: what the worker says of it; see `cluster.distributed.reports`.
        references: what else the call returned.
        worker: number of the worker that computed it.
    """

    report: Any
    references: Sequence["ObjectRef[Any]"]
    worker: int


@dataclass(eq=False)
class _Call:
    """A call under way. Its answer counts only while its worker holds this very call and its run lasts.

    `shard` is None for the handshake of a starting worker.
    """

    references: Sequence["ObjectRef[Any]"]
    deadline: float
    run: int = -1
    shard: int | None = None
    began: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class RayWorker:
    """One evaluator as the driver sees it.

    Attributes:
        number: stays the same when the actor is replaced.
        create: makes the actor in its reserved place.
        info: None until its process has answered for the first time.
    """

    number: int
    create: Callable[[], Any]
    handle: Any = None
    info: WorkerInfo | None = None
    call: _Call | None = None
    ready: bool = False
    failures: int = 0
    resume_at: float = 0.0

    def __str__(self) -> str:
        where = f" (process {self.info.pid} on {self.info.node})" if self.info else ""
        return f"worker {self.number}{where}"

    @property
    def placed(self) -> bool:
        """Has a place on the cluster, and in it an actor, be it one that is starting."""
        return self.handle is not None

    @property
    def idle(self) -> bool:
        """Ready for a shard."""
        return self.ready and self.call is None


def last(_shard: int, _finished: Finished) -> None:
    """Nothing follows."""


def as_it_is(_dispatcher: "Dispatcher") -> None:
    """The workers stay as they are."""


@dataclass
class _Run:
    """One batch of shards."""

    number: int
    submits: list[Submit]
    following: Following
    queue: deque[int]
    timeouts: list[float]
    finished: dict[int, Finished] = field(default_factory=dict)


class Dispatcher:
    """Runs batches of shards on a set of workers.

    Args:
        creates: one for each worker; makes its actor.
        handshake: prepares an actor's new process for work; it answers when it is ready.
        shard_seconds: a worker that needs longer for one shard is taken for frozen. The time counts from
            when a ready worker was given the shard, and doubles for a shard that ran out of it.
        give_up_seconds: how long to go on without any worker.
        placement: called again and again while a batch runs; may add workers, which then take part in it, and
            `release_slot` and `slot` others.

    Attributes:
        workers: all, by number.
        repeated: how many shards had to be given out again so far.
        machines: what each worker's machine said last of its use, by address.
    """

    def __init__(
        self,
        creates: Iterable[Callable[[], Any]],
        handshake: Callable[[Any], "ObjectRef[WorkerInfo]"],
        *,
        shard_seconds: float,
        give_up_seconds: float,
        placement: Callable[["Dispatcher"], None] = as_it_is,
    ) -> None:
        self._handshake, self._placement = handshake, placement
        self.shard_seconds = shard_seconds
        self._give_up_seconds = give_up_seconds
        self._run = _Run(-1, [], last, deque(), [])
        self.repeated = 0
        self.machines: dict[str, Mapping[str, float]] = {}
        self.workers: list[RayWorker] = []
        self.add(creates)

    def add(self, creates: Iterable[Callable[[], Any]]) -> None:
        """Add workers; they take shards as soon as they are ready."""
        for create in creates:
            worker = RayWorker(len(self.workers), create)
            self.workers.append(worker)
            self._start(worker)

    def run(self, submits: Sequence[Submit], following: Following = last) -> list[Finished]:
        """Run all shards; returns when each has one answer, in the order of `submits`.

        Args:
            submits: one for each shard.
            following: called once with every answer that counts; what it raises ends the run. The shard that
                it gives takes the place of the one before. By default a shard is alone.

        Raises:
            WorkersLostError: no worker was ready for `give_up_seconds`.
            Exception: whatever a shard raised: it is pure, so every worker would raise it.
        """
        count = len(submits)
        timeouts = [self.shard_seconds] * count
        run = _Run(self._run.number + 1, list(submits), following, deque(range(count)), timeouts)
        self._run = run
        alive_at = time.monotonic()
        while len(run.finished) < count:
            self._placement(self)
            self._start_handshakes()
            self._assign(run)
            if any(worker.ready for worker in self.workers):
                alive_at = time.monotonic()
            elif time.monotonic() - alive_at > self._give_up_seconds:
                raise WorkersLostError(
                    f"none of {len(self.workers)} workers answered for {self._give_up_seconds:g} s; "
                    f"{count - len(run.finished)} of {count} shards were not done"
                )
            self._wait(run)
        return [run.finished[shard] for shard in range(count)]

    def infos(self, seconds: float = START_SECONDS) -> list[WorkerInfo]:
        """Wait until all workers are ready, and say who they are.

        Raises:
            WorkersLostError: they were not in time.
        """
        deadline = time.monotonic() + seconds
        idle = _Run(-1, [], last, deque(), [])
        while any(not worker.ready for worker in self.workers):
            if time.monotonic() > deadline:
                missing = [worker.number for worker in self.workers if not worker.ready]
                raise WorkersLostError(f"workers {missing} were not ready within {seconds:g} s")
            self._start_handshakes()
            self._wait(idle)
        return [worker.info for worker in self.workers if worker.info is not None]

    def release_slot(self, worker: RayWorker) -> None:
        """End a worker whose place is given up; what it had goes to others."""
        if worker.call is not None:
            self._requeue(worker.call, self._run)
        self._end(worker)
        worker.call, worker.ready = None, False

    def assign_slot(self, worker: RayWorker, create: Callable[[], Any]) -> None:
        """Start a worker that was displaced, in another place."""
        worker.create = create
        self._start(worker)

    def kill(self) -> None:
        """End all workers."""
        for worker in self.workers:
            self._end(worker)

    def _end(self, worker: RayWorker) -> None:
        if worker.placed:
            ray.kill(worker.handle)
            worker.handle = None

    def _start(self, worker: RayWorker) -> None:
        worker.handle = worker.create()
        worker.failures = 0
        self._ask(worker)

    def _ask(self, worker: RayWorker) -> None:
        """Start the handshake with a worker: it is ready when it answers."""
        worker.ready = False
        worker.call = _Call([self._handshake(worker.handle)], time.monotonic() + START_SECONDS)

    def _start_handshakes(self) -> None:
        for worker in self.workers:
            if (
                worker.placed
                and not worker.ready
                and worker.call is None
                and time.monotonic() >= worker.resume_at
            ):
                self._ask(worker)

    def _assign(self, run: _Run) -> None:
        for worker in self.workers:
            if not run.queue:
                return
            if worker.idle:
                shard = run.queue.popleft()
                deadline = time.monotonic() + run.timeouts[shard]
                worker.call = _Call(run.submits[shard](worker.handle), deadline, run.number, shard)

    def _wait(self, run: _Run) -> None:
        """Wait for the next answer, deadline or handshake, and act on it."""
        calls = {worker.call.references[0]: worker for worker in self.workers if worker.call is not None}
        moments = [worker.call.deadline for worker in self.workers if worker.call is not None]
        moments += [w.resume_at for w in self.workers if w.placed and w.call is None and not w.ready]
        pause = max(0.0, min([*moments, time.monotonic() + 1.0]) - time.monotonic())
        if calls:
            answered, _ = ray.wait(list(calls), num_returns=1, timeout=pause)
            for reference in answered:
                self._answered(calls[reference], run)
        else:
            time.sleep(pause)
        for worker in self.workers:
            if worker.call is not None and time.monotonic() > worker.call.deadline:
                self._timed_out(worker, run)

    def _answered(self, worker: RayWorker, run: _Run) -> None:
        call, worker.call = worker.call, None
        assert call is not None
        try:
            answer = ray.get(call.references[0])
        except RayTaskError as error:
            if isinstance(error.cause, NotPreparedError):
                self._lost(worker, call, run, error)
            elif call.run == run.number:
                raise error.cause from error  # a late error of an earlier run concerns no one
        except RayError as error:
            self._lost(worker, call, run, error)
        else:
            if isinstance(answer, WorkerInfo):
                worker.info, worker.ready, worker.failures = answer, True, 0
                self._compare(worker)
            elif call.run == run.number and call.shard is not None:
                if worker.info and isinstance(answer, ShardReport | EpochReport) and answer.machine:
                    self.machines[worker.info.node] = answer.machine
                self._finished(call.shard, Finished(answer, call.references[1:], worker.number), run)

    def _finished(self, shard: int, finished: Finished, run: _Run) -> None:
        """Take the one answer of a shard; what follows it comes first, since its worker is free now."""
        follower = run.following(shard, finished)
        if follower is None:
            run.finished[shard] = finished
            return
        run.submits[shard], run.timeouts[shard] = follower, self.shard_seconds
        run.queue.appendleft(shard)

    def _compare(self, worker: RayWorker) -> None:
        """Warn where machines compute differently: results may then depend on who computed a shard."""
        for other in self.workers:
            if worker.info and other.info and other.info.arithmetic != worker.info.arithmetic:
                logger.warning(
                    "%s computes with %s, %s with %s: last bits, and so results, may depend on the machine",
                    *(worker, worker.info.arithmetic, other, other.info.arithmetic),
                )
                return

    def _lost(self, worker: RayWorker, call: _Call, run: _Run, error: RayError) -> None:
        """The process died, or cannot be reached: its shard goes back; the handshake is repeated later."""
        if isinstance(error, RayActorError) and error.actor_init_failed:
            raise RuntimeError(f"{worker} cannot be started: {error}") from error
        self._requeue(call, run)
        if worker.ready:
            logger.warning("%s was lost (%s); it is restarted", worker, type(error).__name__)
        worker.ready = False
        worker.failures += 1
        if worker.failures >= PATIENCE:
            self._start(worker)
        else:
            pause = min(FIRST_PAUSE * 2**worker.failures, LONGEST_PAUSE)
            worker.resume_at = time.monotonic() + pause

    def _timed_out(self, worker: RayWorker, run: _Run) -> None:
        """Replace a frozen process. Its answer, should it wake before it is ended, belongs to no call."""
        call = worker.call
        assert call is not None
        seconds = time.monotonic() - call.began
        logger.warning("%s gave no answer for %.0f s; it is replaced", worker, seconds)
        if call.run == run.number and call.shard is not None:
            run.timeouts[call.shard] *= 2
        self._requeue(call, run)
        self._end(worker)
        self._start(worker)

    def _requeue(self, call: _Call, run: _Run) -> None:
        if call.run == run.number and call.shard is not None:
            self.repeated += 1
            run.queue.appendleft(call.shard)
