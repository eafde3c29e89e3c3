"""The worker: claims jobs when there is room for them, runs each as a process, tells what became of it.

It holds no state that matters: killed at any moment, its jobs save themselves and stop (`supervisor`), and
go on under another worker when the lease has run out. A database that is away delays what it has to say, and
nothing else, for as long as the leases hold.
"""

import os
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from cluster.interruption import Interruption
from cluster.progress import duration
from cluster.registry.records import Claim, ClaimLost, JobProgress, Mode
from cluster.registry.registry import Registry
from cluster.scheduling.attempt import Attempt
from cluster.scheduling.devices import Devices
from cluster.scheduling.queue import Place, Queue
from cluster.scheduling.room import LocalRoom, RayRoom, RoomSource
from cluster.scheduling.submission import start_due_rounds
from cluster.scheduling.supervisor import ASK_AT

__all__ = ["WorkerConfig", "run_worker"]

Answer = TypeVar("Answer")


@dataclass(frozen=True, kw_only=True)
class WorkerConfig:
    """How a worker works.

    Attributes:
        name: one that no other worker has; None: the machine's and the process's.
        address: of the Ray cluster whose room is used; None: this machine.
        cpus, gpus: what of this machine may be used; None: all.
        lease_seconds: after which a silent worker's jobs are taken away; renewed at a third of it.
        patience_seconds: after which room is kept free for a job that smaller ones pass.
        retry_seconds: pause after a first failure, doubled with each further one.
        poll_seconds: between two looks at the queue.
        grace_seconds: from asking a job to stop to killing it.
        until_empty: end when no job is queued or running any more.
    """

    name: str | None = None
    address: str | None = None
    cpus: float | None = None
    gpus: float | None = None
    lease_seconds: float = 60.0
    patience_seconds: float = 300.0
    retry_seconds: float = 30.0
    poll_seconds: float = 2.0
    grace_seconds: float = 120.0
    until_empty: bool = False

    def __post_init__(self) -> None:
        for name in ("lease_seconds", "poll_seconds", "cpus"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}; more than 0 is needed")


def run_worker(
    registry: Registry, config: WorkerConfig | None = None, say: Callable[[str], None] = lambda _: None
) -> None:
    """Work until the queue is drained. SIGINT or SIGTERM: the jobs save themselves and are given back.

    Args:
        registry: whose jobs.
        config: how.
        say: hears a line for everything that happens.

    Raises:
        ValueError: the Ray cluster cannot be joined.
        Interrupted: a signal came; every job was given back.
    """
    config = config or WorkerConfig()
    with ExitStack() as stack:
        room: RoomSource = RayRoom(config.address) if config.address else LocalRoom(config.cpus, config.gpus)
        stack.callback(room.close)
        interruption = stack.enter_context(Interruption("its jobs are back in the queue"))
        _Worker(registry, config, room, say, interruption).run()
        interruption.stop_if_requested()


@dataclass(eq=False)
class _Held:
    """An attempt, and what of it is told already."""

    attempt: Attempt
    devices: tuple[int, ...]
    renewed_at: float
    told: JobProgress = field(default_factory=JobProgress)


class _Worker:
    def __init__(
        self,
        registry: Registry,
        config: WorkerConfig,
        room: RoomSource,
        say: Callable[[str], None],
        interruption: Interruption,
    ) -> None:
        self._registry, self._config, self._room, self._say = registry, config, room, say
        self._queue = Queue(
            registry,
            lease_seconds=config.lease_seconds,
            patience_seconds=config.patience_seconds,
            retry_seconds=config.retry_seconds,
        )
        self._interruption = interruption
        self.name = config.name or f"{socket.gethostname()}-{os.getpid()}"
        self._held: list[_Held] = []
        self._devices = Devices(int(room.place().capacity.gpus) if config.address is None else 0)
        self._mode: Mode = "open"
        self._kept_house = float("-inf")
        self._away_since: float | None = None

    def run(self) -> None:
        """Turn after turn, until there is no more reason to."""
        place = self._room.place()
        room = f"{place.capacity.cpus:g} CPUs, {place.capacity.gpus:g} GPUs"
        self._say(f"worker {self.name} at {place.name}: {room}{self._shared_with(place)}")
        try:
            while self._turn():
                wait([held.attempt.ended for held in self._held], self._config.poll_seconds)
        finally:
            self._ask(lambda: self._queue.leave(self.name))

    def _shared_with(self, place: Place) -> str:
        """Who is there already: beside them, a worker that offers little may wait for long."""
        workers = self._ask(self._registry.workers) or ()
        others = ", ".join(one.name for one in workers if one.place == place.name and one.name != self.name)
        return f", less what is in use by jobs of {others}" if others else ""

    def _turn(self) -> bool:
        """One look at everything; whether there is reason for another."""
        self._settle_ended()
        self._hold_on()
        self._keep_house()
        stopping = self._interruption.requested
        if stopping:
            for held in self._held:
                held.attempt.stop("worker ends")
        elif self._mode == "open":
            self._claim_what_fits()
        if self._held:
            return True
        if stopping or self._mode == "draining":
            return False
        return not (self._config.until_empty and self._ask(self._is_empty))

    def _claim_what_fits(self) -> None:
        while True:
            place, asked_at = self._room.place(), time.monotonic()
            claim = self._ask(lambda place=place: self._queue.claim(self.name, place))  # type: ignore[misc]
            if claim is None:
                return
            self._start(claim, asked_at)

    def _start(self, claim: Claim, claimed_at: float) -> None:
        job = claim.job
        devices = self._devices.take(job.gpus)
        environment = {"POSENAS_DATABASE": self._registry.database.url}
        if devices:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, devices))
        try:
            attempt = Attempt(
                claim, claimed_at, self._config.address, environment, self._config.grace_seconds
            )
        except (
            OSError,
            KeyError,
            ValueError,
        ) as error:  # no folder, no such kind here, settings of another version
            self._devices.give_back(devices, job.gpus)
            reason = f"worker {self.name} cannot start it: {error!r}"
            self._tell(lambda: self._queue.fail(claim, reason))
            self._say(f"job {job.id} {job.name}: {reason}")
            return
        self._held.append(_Held(attempt, devices, claimed_at))
        self._tell(lambda: self._queue.note_log(claim, str(attempt.log)))
        self._say(f"job {job.id} {job.name} started (attempt {claim.attempt}), log {attempt.log}")

    def _settle_ended(self) -> None:
        for held in [*self._held]:
            code = held.attempt.exit_code()
            if code is None:
                continue
            job, attempt = held.attempt.claim.job, held.attempt
            silent = time.monotonic() - held.renewed_at
            if attempt.stopped is None and code > 128 and silent > ASK_AT * self._config.lease_seconds:
                attempt.stop("database away")  # its supervisor has ended it: that is not the job's failure
            try:
                self._queue.renew(attempt.claim, attempt.progress())
                became = attempt.settle(self._queue, code)
            except ClaimLost:
                became = "ended here, but another worker has it: nothing was written"
            except DBAPIError as error:
                self._database_away(error)
                continue  # kept, and told at the next turn
            self._held.remove(held)
            attempt.close()
            self._devices.give_back(held.devices, job.gpus)
            self._say(f"job {job.id} {job.name} {became}")

    def _hold_on(self) -> None:
        """Renew leases, write what progress there is, hear of cancellations."""
        for held in self._held:
            if held.attempt.stopped == "claim lost":
                continue
            progress = held.attempt.progress()
            due = time.monotonic() - held.renewed_at >= self._config.lease_seconds / 3
            if not due and progress == held.told:
                continue
            try:
                asked = time.monotonic()
                cancel = self._queue.renew(held.attempt.claim, progress)
            except ClaimLost as lost:
                self._say(f"{lost}; its process is ended")
                held.attempt.stop("claim lost")
                continue
            except DBAPIError as error:
                self._database_away(error)
                continue
            held.renewed_at, held.told = asked, progress
            held.attempt.renewed(asked)
            if cancel:
                held.attempt.stop("cancelled")

    def _keep_house(self) -> None:
        """What any worker does for all: show that it lives, take back lost jobs, start due rounds."""
        if time.monotonic() - self._kept_house < min(
            self._config.poll_seconds, self._config.lease_seconds / 6
        ):
            return
        self._kept_house = time.monotonic()
        place = self._room.place()
        mode = self._ask(lambda: self._queue.announce(self.name, place, socket.gethostname(), os.getpid()))
        if mode is not None and mode != self._mode:
            self._mode = mode
            self._say(f"the queue is {mode}")
        if reaped := self._ask(self._queue.reap):
            self._say(f"{reaped} job(s) taken back from workers that were not heard of")
        self._ask(lambda: start_due_rounds(self._registry))

    def _is_empty(self) -> bool:
        return not self._registry.jobs(states=("queued", "running"))

    def _tell(self, tell: Callable[[], object]) -> None:
        try:
            self._ask(tell)
        except ClaimLost as lost:
            self._say(str(lost))

    def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        """The database's answer; None while it is away."""
        try:
            answer = question()
        except DBAPIError as error:
            self._database_away(error)
            return None
        if self._away_since is not None:
            away = duration(time.monotonic() - self._away_since)
            self._say(f"the database is back after {away}")
            self._away_since = None
        return answer

    def _database_away(self, error: DBAPIError) -> None:
        """Said once; every turn tries again."""
        if self._away_since is None:
            self._away_since = time.monotonic()
            reason = " ".join(str(error.orig).split())
            self._say(f"the database does not answer, jobs go on while their leases hold: {reason}")
