"""The worker: claims jobs when there is room for them, runs each as a process, tells what became of it.

It holds no state that matters: killed at any moment, its jobs save themselves and stop (`supervisor`), and
go on under another worker when the lease has run out. A database that is away delays what it has to say, and
nothing else, for as long as the leases hold.
"""

import errno
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import wait
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, TimeoutError

from cluster.disk import is_disk_full
from cluster.interruption import Interruption
from cluster.progress import duration
from cluster.registry.records import Claim, ClaimLost, JobProgress, Mode
from cluster.registry.registry import Registry
from cluster.scheduling.attempt import Attempt, storable
from cluster.scheduling.devices import Devices
from cluster.scheduling.hosts import HostSource, LocalHost, RayHost
from cluster.scheduling.lease_watch import LeaseLength
from cluster.scheduling.queue import Host, Queue, claim_lost, is_away
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
        lease_seconds: after which a silent worker's jobs are taken away; renewed at a third of it, and made
            longer where this machine or the database is slower than that (`LeaseLength`).
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
        say: receives a line for everything that happens.

    Raises:
        ValueError: the Ray cluster cannot be joined.
        Interrupted: a signal came; every job was given back.
    """
    config = config or WorkerConfig()
    with ExitStack() as stack:
        room: HostSource = RayHost(config.address) if config.address else LocalHost(config.cpus, config.gpus)
        stack.callback(room.close)
        interruption = stack.enter_context(Interruption("its jobs are back in the queue"))
        _Worker(registry, config, room, say, interruption).run()
        interruption.stop_if_requested()


@dataclass(eq=False)
class _Held:
    """An attempt, and what of it is reported already."""

    attempt: Attempt
    devices: tuple[int, ...]
    renewed_at: float
    lease_seconds: float
    told: JobProgress = field(default_factory=JobProgress)


class _Worker:
    def __init__(
        self,
        registry: Registry,
        config: WorkerConfig,
        room: HostSource,
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
        self._lease = LeaseLength(config.lease_seconds)
        # How often leases are looked after: a third of a lease must hold a beat and its delay.
        self._beat = min(config.poll_seconds, config.lease_seconds / 6)
        self._kept_house = self._held_on = float("-inf")
        self._may_claim_more = False
        self._away_since: float | None = None

    def run(self) -> None:
        """Turn after turn, until there is no more reason to."""
        place = self._room.place()
        room = f"{place.capacity.cpus:g} CPUs, {place.capacity.gpus:g} GPUs"
        self._say(f"worker {self.name} at {place.name}: {room}{self._shared_with(place)}")
        try:
            while self._turn():
                self._rest()
        finally:
            self._ask(lambda: self._queue.leave(self.name))

    def _rest(self) -> None:
        """Until a job ends, or leases are to be looked after."""
        if self._away_since is not None:  # jobs that have ended wait for the database
            time.sleep(self._beat)
        elif not self._may_claim_more:
            wait([held.attempt.ended for held in self._held], self._beat)

    def _shared_with(self, place: Host) -> str:
        """Who is there already: beside them, a worker that offers little may wait for long."""
        workers = self._ask(self._registry.workers) or ()
        others = ", ".join(one.name for one in workers if one.place == place.name and one.name != self.name)
        return f", less what is in use by jobs of {others}" if others else ""

    def _turn(self) -> bool:
        """One look at everything; whether there is reason for another.

        At most one job is claimed: leases are renewed and jobs settled between any two claims.
        """
        self._settle_ended()
        self._hold_on()
        self._keep_house()
        stopping = self._interruption.requested
        self._may_claim_more = False
        if stopping:
            for held in self._held:
                held.attempt.stop("worker ends")
        elif self._mode == "open":
            self._may_claim_more = self._claim_one()
        if self._held:
            return True
        if stopping or self._mode == "draining":
            return False
        return not (self._config.until_empty and self._ask(self._is_empty))

    def _claim_one(self) -> bool:
        """Claim the next job, if it fits; whether there was one."""
        place, asked_at = self._room.place(), time.monotonic()
        claim = self._ask(lambda: self._queue.claim(self.name, place))
        if claim is not None:
            self._queue.lease_seconds = self._lease.after(time.monotonic() - asked_at)
            self._start(claim, asked_at)
        return claim is not None

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
        except Exception as error:  # noqa: BLE001 - no folder, no such kind here, settings of another version
            self._devices.give_back(devices, job.gpus)
            self._cannot_start(claim, error)
            return
        self._held.append(_Held(attempt, devices, claimed_at, claim.lease_seconds))
        self._tell(claim, lambda: self._queue.note_log(claim, str(attempt.log)))
        self._say(f"job {job.id} {job.name} started (attempt {claim.attempt}), log {attempt.log}")

    def _cannot_start(self, claim: Claim, error: Exception) -> None:
        reason = storable(f"worker {self.name} cannot start it: {error!r}")
        if is_disk_full(error):
            self._tell(claim, lambda: self._queue.postpone(claim, reason))
        else:
            final = isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG
            self._tell(claim, lambda: self._queue.fail(claim, reason, final=final))
        self._say(f"job {claim.job.id} {claim.job.name}: {reason}")

    def _settle_ended(self) -> None:
        ended = [(held, code) for held in self._held if (code := held.attempt.exit_code()) is not None]
        for held, code in ended:
            became = self._settle(held, code)
            if became is None:
                continue  # kept, and reported at the next turn
            self._held.remove(held)
            held.attempt.close()
            job = held.attempt.claim.job
            self._devices.give_back(held.devices, job.gpus)
            self._say(f"job {job.id} {job.name} {became}")
            self._hold_on()  # many may end at once, and each takes the database a while

    def _settle(self, held: _Held, code: int) -> str | None:
        """Tell the queue how an attempt ended; the same in words, None while the database is away."""
        attempt = held.attempt
        silent = time.monotonic() - held.renewed_at
        if attempt.stopped is None and code > 128 and silent > ASK_AT * held.lease_seconds:
            attempt.stop("database away")  # its supervisor has ended it: that is not the job's failure
        try:
            self._queue.note_progress([(attempt.claim, attempt.progress())])
            return attempt.settle(self._queue, code)
        except ClaimLost:
            return "ended here, but another worker has it: nothing was written"
        except Exception as error:  # noqa: BLE001 - one job's trouble must not end the others
            if is_away(error):
                self._database_away(error)
                return None
            reason = storable(f"how it ended (exit code {code}) cannot be written: {error!r}")
            self._tell(attempt.claim, lambda: self._queue.fail(attempt.claim, reason))
            return reason

    def _hold_on(self) -> None:
        """Renew all leases at once, write what progress there is, act on cancellations."""
        moment = time.monotonic()
        if moment - self._held_on < self._beat:
            return
        self._held_on = moment
        held = [one for one in self._held if one.attempt.stopped != "claim lost"]
        progress = [(one, one.attempt.progress()) for one in held]
        news = [(one, report) for one, report in progress if report != one.told]
        oldest = min((one.renewed_at for one in held), default=moment)
        if not news and moment - oldest < self._config.lease_seconds / 3 - self._beat:
            return
        if self._renew(held):
            self._write_progress(news)

    def _renew(self, held: Sequence[_Held]) -> bool:
        """Renew the leases of these; whether the database has answered."""
        asked = time.monotonic()
        late = max((asked - one.renewed_at for one in held), default=0.0) - self._config.lease_seconds / 3
        self._queue.lease_seconds = length = self._lease.after(late)
        claims = [one.attempt.claim for one in held]
        found = self._ask(lambda: self._queue.renew_all(claims))
        self._queue.lease_seconds = self._lease.after(time.monotonic() - asked)
        if found is None:
            return False
        for one in held:
            claim = one.attempt.claim
            if claim.token not in found:
                self._say(f"{claim_lost(claim)}; its process is ended")
                one.attempt.stop("claim lost")
                continue
            one.renewed_at, one.lease_seconds = asked, length
            one.attempt.renewed(asked, length)
            if found[claim.token]:
                one.attempt.stop("cancelled")
        return True

    def _write_progress(self, news: Sequence[tuple[_Held, JobProgress]]) -> None:
        """All in one transaction; where one of them cannot be written, each by itself."""
        together = [(held.attempt.claim, report) for held, report in news]
        try:
            self._queue.note_progress(together)
        except Exception as error:  # noqa: BLE001 - one job's trouble must not end the others
            if is_away(error):
                self._database_away(error)
                return
            for one in together:
                self._tell(one[0], partial(self._queue.note_progress, [one]))
        for held, report in news:
            held.told = report

    def _keep_house(self) -> None:
        """What any worker does for all: show that it lives, take back lost jobs, start due rounds."""
        if time.monotonic() - self._kept_house < self._beat:
            return
        self._kept_house = time.monotonic()
        place = self._room.place()
        mode = self._ask(lambda: self._queue.announce(self.name, place, socket.gethostname(), os.getpid()))
        if mode is not None and mode != self._mode:
            self._mode = mode
            self._say(f"the queue is {mode}")
        for look_after in (self._take_back, lambda: start_due_rounds(self._registry)):
            try:
                self._ask(look_after)
            except Exception as error:  # noqa: BLE001 - what is wrong with another's job ends no worker
                self._say(f"the queue could not be looked after: {error!r}")

    def _take_back(self) -> None:
        if reaped := self._queue.reap():
            self._say(f"{reaped} job(s) taken back from workers that were not heard of")

    def _is_empty(self) -> bool:
        return not self._registry.jobs(states=("queued", "running"))

    def _tell(self, claim: Claim, tell: Callable[[], object]) -> None:
        """Write about one job. What cannot be written about it is only said: its lease ends by itself."""
        try:
            self._ask(tell)
        except ClaimLost as lost:
            self._say(str(lost))
        except Exception as error:  # noqa: BLE001 - one job's trouble must not end the others
            self._say(f"job {claim.job.id} {claim.job.name}: {error!r}")

    def _ask(self, question: Callable[[], Answer]) -> Answer | None:
        """The database's answer; None while it is away."""
        try:
            answer = question()
        except (DBAPIError, TimeoutError) as error:
            if not is_away(error):
                raise
            self._database_away(error)
            return None
        if self._away_since is not None:
            away = duration(time.monotonic() - self._away_since)
            self._say(f"the database is back after {away}")
            self._away_since = None
        return answer

    def _database_away(self, error: Exception) -> None:
        """Said once; every turn tries again."""
        if self._away_since is None:
            self._away_since = time.monotonic()
            reason = " ".join(str(getattr(error, "orig", error)).split())
            self._say(f"the database does not answer, jobs go on while their leases hold: {reason}")
