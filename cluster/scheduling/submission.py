"""From a plan to rows: the jobs of an experiment, once or again and again."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from cluster.registry.database import now
from cluster.registry.models import DependencyRow, ExperimentRow, JobRow
from cluster.registry.records import ENDED, Experiment, Job
from cluster.registry.registry import LARGEST_ID, Registry, note_event
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.times import check_cron, drawn_once, local_timezone, next_time

__all__ = ["Options", "Submitted", "start_due_rounds", "submit"]

SECONDS_PER_PRIORITY = 3600.0
"""What one step of priority is worth in waiting."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How the jobs of an experiment are queued.

    Attributes:
        priority: higher is earlier; a step is worth an hour of waiting.
        at: not before this time, seconds since 1970.
        every: a cron form; then jobs are made each time that it names, none now.
        after: jobs that must have finished before.
        max_attempts: how many attempts of a job may fail.
        out: folder in which the experiment gets one of its own.
    """

    priority: int = 0
    at: float | None = None
    every: str | None = None
    after: tuple[int, ...] = ()
    max_attempts: int = 3
    out: str = "runs"

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"--max-attempts is {self.max_attempts}; 1 or more is needed")
        if self.every is not None:
            check_cron(self.every)
            if self.at is not None:
                raise ValueError("give --at or --every; an experiment that recurs has its times from --every")


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What came of a submission.

    Attributes:
        experiment: the row made.
        jobs: those queued now; none for a recurring experiment.
    """

    experiment: Experiment
    jobs: tuple[Job, ...]


def submit(registry: Registry, plan: Plan, options: Options | None = None) -> Submitted:
    """Queue all jobs of a plan, in one transaction.

    Raises:
        ValueError: `after` names a job that is not there or cannot finish any more, or two runs of the plan
            have one folder.
    """
    plan.refuse_shared_folders()
    options = options or Options()
    if options.every is not None:
        options = replace(options, every=drawn_once(options.every))
    zone = local_timezone()
    with registry.database.writing() as connection:
        _check_after(connection, options.after)
        moment = float(connection.execute(select(now())).scalar_one())
        values = {
            "name": plan.name, "kind": plan.kind, "source": plan.source, "folder": "",
            "plan": {"plan": plan.to_dict(), "options": asdict(options)},
            "every": options.every, "timezone": zone, "created_at": moment,
            "next_at": None if options.every is None else next_time(options.every, moment, zone),
        }  # fmt: skip
        made = insert(ExperimentRow).values(**values).returning(ExperimentRow.id)
        experiment_id = int(connection.execute(made).scalar_one())
        folder = str(_free_folder(Path(options.out).absolute(), f"{plan.name}-{experiment_id}"))
        connection.execute(
            update(ExperimentRow).where(ExperimentRow.id == experiment_id).values(folder=folder)
        )
        if options.every is None:
            _add_jobs(connection, experiment_id, folder, plan, options, moment, 1)
    return Submitted(
        experiment=registry.experiment(experiment_id), jobs=registry.jobs(experiment_id=experiment_id)
    )


def start_due_rounds(registry: Registry) -> int:
    """Queue the next round of every recurring experiment whose time has come; any worker may call it.

    Times that passed while no worker ran are made up for once. A round is left out while jobs of the one
    before have not ended.

    Returns:
        How many rounds were begun.
    """
    due = select(ExperimentRow.__table__).where(ExperimentRow.next_at <= now())
    with registry.database.reading() as connection:
        if connection.execute(due.limit(1)).first() is None:
            return 0
    begun = 0
    with registry.database.writing() as connection:
        rows = connection.execute(due.with_for_update(skip_locked=True)).mappings().all()
        moment = float(connection.execute(select(now())).scalar_one())
        for row in rows:
            try:
                begun += _start_round(connection, row, moment)
            except (KeyError, TypeError, ValueError) as error:  # its plan is of another version, or damaged
                _end_rounds(connection, row, error)
    return begun


def _end_rounds(connection: Connection, row: Any, error: Exception) -> None:
    """What is wrong with one experiment must not end the worker, nor keep others from their rounds."""
    connection.execute(update(ExperimentRow).where(ExperimentRow.id == row["id"]).values(next_at=None))
    reason = f"experiment {row['id']} {row['name']} has no more rounds: {error!r}; submit its file again"
    note_event(connection, None, "rounds ended", reason)


def _start_round(connection: Connection, row: Any, moment: float) -> bool:
    every = drawn_once(row["every"])
    connection.execute(
        update(ExperimentRow)
        .where(ExperimentRow.id == row["id"])
        .values(every=every, next_at=next_time(every, moment, row["timezone"]))
    )
    mine = JobRow.experiment_id == row["id"]
    left = select(JobRow.id).where(mine, JobRow.state.not_in(ENDED)).order_by(JobRow.id).limit(1)
    busy = connection.execute(left).scalar_one_or_none()
    if busy is not None:
        note_event(
            connection, busy, "round left out", f"experiment {row['id']} was due, but this job has not ended"
        )
        return False
    before = connection.execute(select(func.coalesce(func.max(JobRow.round), 0)).where(mine)).scalar_one()
    stored = row["plan"]
    options = Options(**{**stored["options"], "after": tuple(stored["options"]["after"])})
    plan = Plan.from_dict(stored["plan"])
    _add_jobs(connection, row["id"], row["folder"], plan, options, moment, before + 1)
    return True


def _add_jobs(
    connection: Connection,
    experiment_id: int,
    folder: str,
    plan: Plan,
    options: Options,
    moment: float,
    turn: int,
) -> None:
    ids: list[int] = []
    for planned in plan.jobs:
        job = planned if turn == 1 else replace(planned, run=f"{planned.run}-round-{turn}")
        values = _job_values(job, options, moment) | {"folder": str(Path(folder) / job.run)}
        made = insert(JobRow).values(experiment_id=experiment_id, round=turn, **values).returning(JobRow.id)
        ids.append(int(connection.execute(made).scalar_one()))
        needed = {*(ids[position] for position in job.after), *options.after}
        for needs in sorted(needed):
            connection.execute(insert(DependencyRow).values(job_id=ids[-1], needs_id=needs))
        note_event(connection, ids[-1], "submitted", f"{job.kind} of experiment {experiment_id}")


def _job_values(job: PlannedJob, options: Options, moment: float) -> dict[str, Any]:
    not_before = max(moment, options.at or moment)
    return {
        "name": job.name, "kind": job.kind, "settings": job.settings, "cpus": job.needs.cpus,
        "gpus": job.needs.gpus, "limit_seconds": job.limit_seconds, "state": "queued",
        "priority": options.priority, "rank": options.priority * SECONDS_PER_PRIORITY - not_before,
        "not_before": not_before, "attempt": 0, "failures": 0, "max_attempts": options.max_attempts,
        "cancel_requested": False, "phase": "", "done": 0, "total": 0, "note": "", "log_tail": "",
        "created_at": moment,
    }  # fmt: skip


def _check_after(connection: Connection, after: Sequence[int]) -> None:
    """The jobs are locked until the new ones are there: none ends unnoticed in between."""
    possible = [job_id for job_id in after if 0 < job_id <= LARGEST_ID]
    statement = select(JobRow.id, JobRow.state).where(JobRow.id.in_(possible)).with_for_update()
    states = {job_id: state for job_id, state in connection.execute(statement)}  # noqa: C416 - rows, not pairs
    for job_id in after:
        if job_id not in states:
            raise ValueError(f"--after {job_id}: there is no such job; `posenas queue --all` lists them")
        if states[job_id] in ("failed", "cancelled", "skipped"):
            raise ValueError(
                f"--after {job_id}: that job is {states[job_id]} and will not finish; retry it first"
            )


def _free_folder(parent: Path, name: str) -> Path:
    """A folder that is not there yet: another registry may have used the same numbers here."""
    names = (name if number == 1 else f"{name}-{number}" for number in range(1, 10_000))
    return next(parent / one for one in names if not (parent / one).exists())
