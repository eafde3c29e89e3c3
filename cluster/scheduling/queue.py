"""The queue as workers use it: claim a job, hold it by a lease, write about it under the fence, end it.

A claim is one transaction. On PostgreSQL rows are passed over that another worker has in hand (FOR UPDATE
SKIP LOCKED), on SQLite writers come one after another (BEGIN IMMEDIATE). Afterwards every write names the
claim's token and attempt; once the lease has run out and another has the job, such a write finds no row.

Order: a step of priority is worth an hour of waiting, so nothing waits for ever behind what comes later. A
job too big for the room that is free lets smaller ones pass for `patience_seconds`; then one place keeps its
room free for it until it fits.
"""

import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

from cluster.registry.database import now
from cluster.registry.models import ControlRow, JobRow, WorkerRow
from cluster.registry.records import Claim, ClaimLost, Job, JobProgress, Mode, Resources
from cluster.registry.registry import Registry, job_record, note_event, skip_dependants
from cluster.registry.statements import (
    END_JOB,
    FENCE,
    JOB,
    LOCK_HOST,
    NEXT_JOB,
    NOTE_PROGRESS,
    RENEW_JOBS,
    RESERVE_JOB,
    RUNNING_JOBS,
    TAKE_JOB,
    UNCLAIMED,
    USED_RESOURCES,
)  # fmt: skip
from cluster.scheduling.lease_watch import LeaseWatch

__all__ = ["Host", "Queue", "claim_lost", "is_away"]

POSTPONED_SECONDS = 600.0
"""Longest pause of a job that waits for its machine, as for room on a full disk."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A machine or a Ray cluster: the workers of one place share its room.

    Attributes:
        name: the same for every worker of the place.
        capacity: all its room.
        free: what is free at this moment as far as another system knows (Ray); None: only our jobs use it.
    """

    name: str
    capacity: Resources
    free: Resources | None = None


class Queue:
    """What workers do with the jobs of a registry.

    Args:
        registry: where the jobs are.
        lease_seconds: how long a claim holds from each renewal; renew at a third of it.
        patience_seconds: how long smaller jobs may pass one that waits for room.
        retry_seconds: after the first failure; doubled with each further one, an hour at most.
    """

    def __init__(
        self,
        registry: Registry,
        *,
        lease_seconds: float = 60.0,
        patience_seconds: float = 300.0,
        retry_seconds: float = 30.0,
    ) -> None:
        self._database = registry.database
        self._leases = LeaseWatch()
        self.lease_seconds = lease_seconds
        self.patience_seconds = patience_seconds
        self.retry_seconds = retry_seconds

    def claim(self, worker: str, place: Host) -> Claim | None:
        """Take the job that is next for this place; None: nothing is ready, nothing fits, or it is paused.

        Args:
            worker: who claims; a name that no other worker has.
            place: where the job will run.
        """
        with self._database.writing() as connection:
            free = self._free(connection, place)
            if free is None:
                return None
            found = self._next(connection, place, free)
            if found is None:
                return None
            job_id, fits, needed = found
            if not fits:  # it has waited long enough: what comes free here is kept for it
                values = {"job_id": job_id, "keeper": place.name, "lease": self.lease_seconds}
                connection.execute(RESERVE_JOB, values)
                return None
            return self._take(connection, job_id, needed, worker, place.name)

    def renew(self, claim: Claim, progress: JobProgress | None = None) -> bool:
        """Hold the job for another lease, and write how far it is.

        Returns:
            Whether a person has asked for its cancellation.

        Raises:
            ClaimLost: another attempt has it.
        """
        held = self.renew_all([claim])
        if claim.token not in held:
            raise claim_lost(claim)
        if progress is not None:
            self.note_progress([(claim, progress)])
        return held[claim.token]

    def renew_all(self, claims: Sequence[Claim]) -> dict[str, bool]:
        """Hold many jobs for another lease, in one statement: a lease is not to end while others are renewed.

        Returns:
            For each claim that still holds, by its token: whether a person has asked for its cancellation.
        """
        values = {
            "claimed_ids": [claim.job.id for claim in claims],
            "claimed_tokens": [claim.token for claim in claims],
            "lease": self.lease_seconds,
        }
        with self._database.writing() as connection:
            held = connection.execute(RENEW_JOBS, values).all()
            self._leases.note(((job_id, lease_until) for job_id, _, lease_until, _ in held), whole=False)
        return {str(token): bool(cancel) for _, token, _, cancel in held}

    def note_progress(self, progress: Sequence[tuple[Claim, JobProgress]]) -> None:
        """Write how far jobs are; where a claim no longer holds nothing is written."""
        if not progress:
            return
        with self._database.writing() as connection:
            connection.execute(NOTE_PROGRESS, [_held(claim) | _seen(report) for claim, report in progress])

    def note_log(self, claim: Claim, log: str) -> None:
        """Write where the log of this attempt is. Raises as `renew`."""
        with self._database.writing() as connection:
            self._write(connection, claim, log=log)

    def finish(self, claim: Claim) -> None:
        """The job has done what it was to do. Raises as `renew`."""
        with self._database.writing() as connection:
            self._end(connection, claim, "finished", None)
            note_event(connection, claim.job.id, "finished", f"attempt {claim.attempt}", claim.worker)

    def cancelled(self, claim: Claim, why: str = "cancelled; its checkpoint is kept") -> None:
        """The job has stopped on a user's request. Raises as `renew`."""
        with self._database.writing() as connection:
            self._end(connection, claim, "cancelled", why)
            note_event(connection, claim.job.id, "cancelled", why, claim.worker)
            skip_dependants(connection, claim.job.id, "was cancelled")

    def fail(self, claim: Claim, error: str, *, final: bool = False) -> bool:
        """The attempt has failed: queue the job again after a pause, or end it.

        Args:
            claim: the attempt.
            error: why, for a person.
            final: another attempt cannot end otherwise (bad input, time limit).

        Returns:
            Whether it will be tried again.

        Raises:
            ClaimLost: another attempt has it.
        """
        with self._database.writing() as connection:
            self._check(connection, claim)
            return self._failed(connection, claim.job, error, final, claim.worker)

    def release(self, claim: Claim, why: str) -> None:
        """Give the job back without blame: another worker may go on with it at once. Raises as `renew`."""
        with self._database.writing() as connection:
            self._write(connection, claim, state="queued", **UNCLAIMED)
            note_event(connection, claim.job.id, "released", why, claim.worker)

    def postpone(self, claim: Claim, why: str) -> float:
        """The machine, not the job, is in trouble: queue the job again after a pause, without a failure.

        Args:
            claim: the attempt.
            why: for a person.

        Returns:
            The pause in seconds; it grows with each attempt that was no failure.

        Raises:
            ClaimLost: another attempt has it.
        """
        before = max(0, claim.attempt - claim.job.failures - 1)
        pause = min(self.retry_seconds * 2.0 ** min(before, 10), POSTPONED_SECONDS)
        with self._database.writing() as connection:
            self._write(connection, claim, state="queued", error=why, not_before=now() + pause, **UNCLAIMED)
            note_event(connection, claim.job.id, "held", f"again in {pause:g} s: {why}", claim.worker)
        return pause

    def reap(self) -> int:
        """Take back the jobs whose lease has run out: their worker died, froze or lost its way here.

        On SQLite every machine or container reads its own clock. A worker whose clock is ahead would see
        leases end that are renewed; so a job is also watched here, until nothing renews it for a whole lease.

        Returns:
            How many.
        """
        with self._database.reading() as connection:  # nearly always there is none, and no need for a lock
            running = [
                (int(row[0]), float(row[1]), bool(row[2]), row[3]) for row in connection.execute(RUNNING_JOBS)
            ]
        self._leases.note(((job_id, lease_until) for job_id, lease_until, _, _ in running), whole=True)
        silent = [
            job_id for job_id, _, expired, worker in running if expired and self._is_silent(job_id, worker)
        ]
        if not silent:
            return 0
        expired = and_(JobRow.state == "running", JobRow.lease_until < now(), JobRow.id.in_(silent))
        with self._database.writing() as connection:
            rows = (
                connection.execute(select(JobRow.__table__).where(expired).with_for_update(skip_locked=True))
                .mappings()
                .all()
            )
            for job in map(job_record, rows):
                self._take_back(connection, job)
            return len(rows)

    def _is_silent(self, job_id: int, worker: str | None) -> bool:
        if self._database.is_postgresql:  # one clock for all: the server's
            return True
        return self._leases.unchanged_seconds(job_id) >= self.lease_seconds or self._has_died(worker)

    def _has_died(self, worker: str | None) -> bool:
        """Whether a worker was a process of this machine that is there no more."""
        mine = select(WorkerRow.pid).where(WorkerRow.name == worker, WorkerRow.host == socket.gethostname())
        with self._database.reading() as connection:
            pid = connection.execute(mine).scalar_one_or_none()
        return pid is not None and not Path(f"/proc/{pid}").exists()

    def _take_back(self, connection: Connection, job: Job) -> None:
        error = f"worker {job.worker} was not heard of for the whole lease of attempt {job.attempt}"
        if job.cancel_requested:
            self._set(connection, job.id, state="cancelled", error=error, ended_at=now(), **UNCLAIMED)
            note_event(connection, job.id, "cancelled", error, job.worker)
            skip_dependants(connection, job.id, "was cancelled")
        else:
            self._failed(connection, job, error, False, job.worker)

    def announce(self, worker: str, place: Host, host: str, pid: int) -> Mode:
        """Tell that a worker lives.

        Returns:
            What the queue wants of it.
        """
        values = {
            "place": place.name, "host": host, "pid": pid, "seen_at": now(),
            "cpus": place.capacity.cpus, "gpus": place.capacity.gpus,
        }  # fmt: skip
        with self._database.writing() as connection:
            known = connection.execute(update(WorkerRow).where(WorkerRow.name == worker).values(**values))
            if not known.rowcount:
                connection.execute(insert(WorkerRow).values(name=worker, started_at=now(), **values))
            mode: Mode = connection.execute(select(ControlRow.mode)).scalar_one()  # type: ignore[assignment]
            return mode

    def leave(self, worker: str) -> None:
        """Tell that a worker has ended."""
        with self._database.writing() as connection:
            connection.execute(WorkerRow.__table__.delete().where(WorkerRow.name == worker))  # type: ignore[attr-defined]

    def _free(self, connection: Connection, place: Host) -> Resources | None:
        """The room that is free at a place; None while the queue is closed."""
        if self._database.is_postgresql:
            connection.execute(LOCK_HOST, {"place": place.name})
        cpus, gpus, mode = connection.execute(USED_RESOURCES, {"place": place.name}).one()
        if mode != "open":
            return None
        free = Resources(cpus=place.capacity.cpus - cpus, gpus=place.capacity.gpus - gpus)
        if place.free is None:
            return free
        return Resources(cpus=min(free.cpus, place.free.cpus), gpus=min(free.gpus, place.free.gpus))

    def _next(
        self, connection: Connection, place: Host, free: Resources
    ) -> tuple[int, bool, tuple[int, ...]] | None:
        """The job that is next, whether it fits, and the jobs that it needed; None: none is ready.

        One that does not fit has waited until its turn is due.
        """
        values = {
            "free_cpus": free.cpus, "free_gpus": free.gpus, "place": place.name,
            "all_cpus": place.capacity.cpus, "all_gpus": place.capacity.gpus,
            "patience": self.patience_seconds,
        }  # fmt: skip
        found = connection.execute(NEXT_JOB, values).one_or_none()
        if found is None:
            return None
        return int(found[0]), bool(found[1]), tuple(sorted(map(int, (found[2] or "").split())))

    def _take(
        self, connection: Connection, job_id: int, needed: tuple[int, ...], worker: str, place: str
    ) -> Claim:
        token = secrets.token_hex(16)
        values = {"job_id": job_id, "token": token, "by": worker, "at": place, "lease": self.lease_seconds}
        row = connection.execute(TAKE_JOB, values).mappings().one()
        job = job_record(row, needed)
        assert job.lease_until is not None
        self._leases.note([(job_id, job.lease_until)], whole=False)
        note_event(connection, job_id, "claimed", f"attempt {job.attempt} at {place}", worker)
        return Claim(
            job=job, token=token, attempt=job.attempt, worker=worker, lease_seconds=self.lease_seconds
        )

    def _failed(self, connection: Connection, job: Job, error: str, final: bool, worker: str | None) -> bool:
        """Count a failure; the row is ours in this transaction. Whether it will be tried again."""
        failures = job.failures + 1
        counted = {"failures": failures, "error": error, **UNCLAIMED}
        if final or failures >= job.max_attempts:
            self._set(connection, job.id, state="failed", ended_at=now(), **counted)
            note_event(connection, job.id, "failed", error, worker)
            skip_dependants(connection, job.id, "failed")
            return False
        pause = min(self.retry_seconds * 2 ** (failures - 1), 3600.0)
        self._set(connection, job.id, state="queued", not_before=now() + pause, **counted)
        note_event(connection, job.id, "retry", f"again in {pause:g} s: {error}", worker)
        return True

    def _end(self, connection: Connection, claim: Claim, state: str, error: str | None) -> None:
        ended = connection.execute(END_JOB, {**_held(claim), "ending": state, "why": error})
        if not ended.rowcount:
            raise claim_lost(claim)

    def _check(self, connection: Connection, claim: Claim) -> None:
        """Lock the row of a claim, if it still is one."""
        self._write(connection, claim, attempt=claim.attempt)

    def _write(self, connection: Connection, claim: Claim, **values: Any) -> None:
        if not connection.execute(update(JOB).where(FENCE).values(**values), _held(claim)).rowcount:
            raise claim_lost(claim)

    def _set(self, connection: Connection, job_id: int, **values: Any) -> None:
        connection.execute(update(JobRow).where(JobRow.id == job_id).values(**values))


def is_away(error: Exception) -> bool:
    """Whether an error means that the database does not answer now; otherwise what was asked is wrong."""
    if isinstance(error, InterfaceError | OperationalError | TimeoutError):
        return True
    return isinstance(error, DBAPIError) and error.connection_invalidated


def _held(claim: Claim) -> dict[str, Any]:
    """The values of the fence."""
    return {"claimed_id": claim.job.id, "claimed_token": claim.token, "claimed_attempt": claim.attempt}


def _seen(report: JobProgress) -> dict[str, Any]:
    return {f"seen_{name}": value for name, value in vars(report).items()}


def claim_lost(claim: Claim) -> ClaimLost:
    """What to say of a claim that another attempt has."""
    return ClaimLost(f"job {claim.job.id} is no longer held by attempt {claim.attempt} of {claim.worker}")
