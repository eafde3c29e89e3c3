"""The registry as people use it: what there is, what happened, what shall become of a job or the queue."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, RowMapping, Select, literal, select, update

from cluster.registry.database import Database, now
from cluster.registry.models import ControlRow, DependencyRow, EventRow, ExperimentRow, JobRow, WorkerRow
from cluster.registry.records import Event, Experiment, Job, Mode, State, Worker
from cluster.registry.statements import ADD_EVENT

__all__ = ["LARGEST_ID", "Registry", "job_record", "note_event", "skip_dependants"]

LARGEST_ID = 2**31 - 1
"""What an integer column of PostgreSQL holds."""

_HIDDEN = ("claim_token",)
_JOB_COLUMNS = [column for column in JobRow.__table__.columns if column.name not in _HIDDEN]


class Registry:
    """An open registry; use it as a context manager, or call `close`. Safe to share between threads.

    Args:
        database: where it lies.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    @classmethod
    def open(cls, url: str | None = None) -> Self:
        """Open the registry at an address; an empty database is made ready.

        Args:
            url: sqlite:///FILE.db or postgresql://...; None: $POSENAS_DATABASE, else sqlite:///posenas.db.

        Raises:
            ValueError: the address is wrong, or the schema is older (then the sentence holds the command that
                mends it) or newer than this program.
            ConnectionError: no server answers there.
        """
        return cls(Database(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self.database.close()

    def now(self) -> float:
        """Seconds since 1970 by the database's clock."""
        with self.database.reading() as connection:
            return float(connection.execute(select(now())).scalar_one())

    def job(self, job_id: int) -> Job:
        """One job.

        Raises:
            ValueError: there is no job of that number.
        """
        with self.database.reading() as connection:
            return _job(connection, job_id)

    def jobs(self, states: Iterable[State] = (), experiment_id: int | None = None) -> tuple[Job, ...]:
        """Jobs by number; all, or those in some states or of one experiment."""
        statement = select(*_JOB_COLUMNS).order_by(JobRow.id)
        if states:
            statement = statement.where(JobRow.state.in_(list(states)))
        if experiment_id is not None:
            statement = statement.where(JobRow.experiment_id == experiment_id)
        with self.database.reading() as connection:
            return _jobs(connection, statement)

    def experiment(self, experiment_id: int) -> Experiment:
        """One experiment.

        Raises:
            ValueError: there is no experiment of that number.
        """
        found = [one for one in self.experiments() if one.id == experiment_id]
        if not found:
            raise ValueError(f"there is no experiment {experiment_id}; `posenas queue --all` lists them")
        return found[0]

    def experiments(self) -> tuple[Experiment, ...]:
        """All experiments, by number."""
        statement = select(*ExperimentRow.__table__.columns).order_by(ExperimentRow.id)
        with self.database.reading() as connection:
            return tuple(Experiment(**row) for row in connection.execute(statement).mappings())

    def events(self, job_id: int | None = None, after: int = 0) -> tuple[Event, ...]:
        """What happened, in order: to one job or to all, from the event after number `after`."""
        statement = select(*EventRow.__table__.columns).where(EventRow.id > after).order_by(EventRow.id)
        if job_id is not None:
            statement = statement.where(EventRow.job_id == job_id)
        with self.database.reading() as connection:
            return tuple(Event(**row) for row in connection.execute(statement).mappings())

    def workers(self, silent_seconds: float = 120.0) -> tuple[Worker, ...]:
        """The workers that were heard of within `silent_seconds`, by name."""
        statement = (
            select(*WorkerRow.__table__.columns)
            .where(WorkerRow.seen_at > now() - silent_seconds)
            .order_by(WorkerRow.name)
        )
        with self.database.reading() as connection:
            return tuple(Worker(**row) for row in connection.execute(statement).mappings())

    def mode(self) -> Mode:
        """Whether workers may claim."""
        with self.database.reading() as connection:
            mode: Mode = connection.execute(select(ControlRow.mode)).scalar_one()  # type: ignore[assignment]
            return mode

    def set_mode(self, mode: Mode) -> None:
        """Pause, drain or open the queue."""
        with self.database.writing() as connection:
            connection.execute(update(ControlRow).values(mode=mode))
            note_event(connection, None, mode, f"the queue is {mode}")

    def cancel(self, job_id: int) -> Job:
        """Take a job off the queue; one that runs stops at its next step, with a checkpoint.

        Those that were to run after it are skipped.

        Returns:
            The job: cancelled, or running with `cancel_requested`.

        Raises:
            ValueError: no such job, or it has ended.
        """
        with self.database.writing() as connection:
            job = _job(connection, job_id, lock=True)
            if job.ended:
                raise ValueError(f"job {job_id} has {_ended(job)} already; there is nothing to cancel")
            changes: dict[str, Any] = {"cancel_requested": True}
            if job.state == "queued":
                changes |= {"state": "cancelled", "ended_at": now(), "reserved_by": None}
            connection.execute(update(JobRow).where(JobRow.id == job_id).values(**changes))
            note_event(
                connection, job_id, "cancel", "cancelled" if job.state == "queued" else "cancel asked for"
            )
            if job.state == "queued":
                skip_dependants(connection, job_id, "was cancelled")
            return _job(connection, job_id)

    def cancel_experiment(self, experiment_id: int) -> tuple[Job, ...]:
        """Cancel every job of an experiment that has not ended, and its rounds to come.

        Returns:
            The jobs, as `cancel` gives them.

        Raises:
            ValueError: there is no experiment of that number.
        """
        self.experiment(experiment_id)
        with self.database.writing() as connection:
            connection.execute(
                update(ExperimentRow).where(ExperimentRow.id == experiment_id).values(next_at=None)
            )
        left = [job.id for job in self.jobs(("queued", "running"), experiment_id)]
        # the last first: one that is cancelled itself is not skipped on account of another
        return tuple(self.cancel(job_id) for job_id in reversed(left))[::-1]

    def retry(self, job_id: int) -> Job:
        """Queue a failed job again, with all its attempts; it continues from its last checkpoint.

        Those that were skipped on its account are queued again too.

        Raises:
            ValueError: no such job, or it has not failed.
        """
        return self._again(job_id, "failed", "retry")

    def resume(self, job_id: int) -> Job:
        """Queue a cancelled job again; it continues from its last checkpoint. Otherwise as `retry`.

        Raises:
            ValueError: no such job, or it was not cancelled.
        """
        return self._again(job_id, "cancelled", "resume")

    def _again(self, job_id: int, wanted: State, verb: str) -> Job:
        with self.database.writing() as connection:
            job = _job(connection, job_id, lock=True)
            if job.state != wanted:
                other = {"failed": "retry", "cancelled": "resume"}.get(job.state)
                advice = f"; `posenas {other} {job_id}` is what it needs" if other else ""
                raise ValueError(f"job {job_id} is {job.state}; {verb} is for jobs that are {wanted}{advice}")
            _queue_again(connection, job_id)
            note_event(connection, job_id, verb, "queued again")
            for dependant in _skipped_after(connection, job_id):
                _queue_again(connection, dependant)
                note_event(connection, dependant, verb, f"queued again with job {job_id}")
            return _job(connection, job_id)


def note_event(
    connection: Connection, job_id: int | None, kind: str, text: str, worker: str | None = None
) -> None:
    """Add an event; part of the transaction of what it tells of."""
    values = {"job_id": job_id, "kind": kind, "text": text, "worker": worker}
    connection.execute(ADD_EVENT, values)


def skip_dependants(connection: Connection, job_id: int, what: str) -> None:
    """Give up the queued jobs that were to run after a job that will not finish, and those after them."""
    needing = select(DependencyRow.job_id).where(DependencyRow.needs_id == job_id)
    statement = select(JobRow.id).where(JobRow.id.in_(needing), JobRow.state == "queued").order_by(JobRow.id)
    for dependant in connection.execute(statement.with_for_update()).scalars().all():
        error = f"job {job_id}, after which it was to run, {what}"
        connection.execute(
            update(JobRow).where(JobRow.id == dependant).values(state="skipped", error=error, ended_at=now())
        )
        note_event(connection, dependant, "skipped", error)
        skip_dependants(connection, dependant, "was skipped")


def job_record(row: RowMapping, after: Sequence[int] = ()) -> Job:
    """The record of a row with all columns of `JobRow`."""
    return Job(**{name: value for name, value in row.items() if name not in _HIDDEN}, after=tuple(after))


def _job(connection: Connection, job_id: int, lock: bool = False) -> Job:
    if not 0 < job_id <= LARGEST_ID:  # no column holds it
        raise ValueError(f"there is no job {job_id}; `posenas queue --all` lists them")
    statement = select(*_JOB_COLUMNS).where(JobRow.id == job_id)
    found = _jobs(connection, statement.with_for_update() if lock else statement)
    if not found:
        raise ValueError(f"there is no job {job_id}; `posenas queue --all` lists them")
    return found[0]


def _jobs(connection: Connection, statement: Select[Any]) -> tuple[Job, ...]:
    rows = connection.execute(statement).mappings().all()
    edges = select(DependencyRow.job_id, DependencyRow.needs_id).order_by(DependencyRow.needs_id)
    if len(rows) == 1:
        edges = edges.where(DependencyRow.job_id == rows[0]["id"])
    after: dict[int, list[int]] = {}
    for job_id, needs_id in connection.execute(edges):
        after.setdefault(job_id, []).append(needs_id)
    return tuple(job_record(row, after.get(row["id"], ())) for row in rows)


def _queue_again(connection: Connection, job_id: int) -> None:
    connection.execute(
        update(JobRow)
        .where(JobRow.id == job_id)
        .values(
            state="queued", failures=0, not_before=now(), cancel_requested=False, error=None, ended_at=None
        )
    )


def _skipped_after(connection: Connection, job_id: int) -> list[int]:
    """Every skipped job that runs after this one, directly or through others that were skipped."""
    found: list[int] = []
    waiting = [job_id]
    while waiting:
        needing = select(DependencyRow.job_id).where(DependencyRow.needs_id == waiting.pop())
        statement = select(JobRow.id).where(JobRow.id.in_(needing), JobRow.state == literal("skipped"))
        new = [one for one in connection.execute(statement).scalars() if one not in found]
        found += new
        waiting += new
    return sorted(found)


def _ended(job: Job) -> str:
    return {"cancelled": "been cancelled", "skipped": "been skipped"}.get(job.state, job.state)
