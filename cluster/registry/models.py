"""The tables of the registry. `migrations/` makes them; a test holds the two equal."""

from typing import Any

from sqlalchemy import JSON, CheckConstraint, Float, ForeignKey, Index, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = [
    "ArchitectureRow", "Base", "ControlRow", "DependencyRow", "EventRow", "ExperimentRow", "JobRow",
    "WorkerRow",
]  # fmt: skip


class Base(DeclarativeBase):
    """Text has no length limit, fractions are doubles; constraints are named, so that they can change."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {str: Text, float: Float(53), dict[str, Any]: JSON}  # noqa: RUF012 - read by SQLAlchemy


class ExperimentRow(Base):
    """One submitted experiment file."""

    __tablename__ = "experiment"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    source: Mapped[str]
    """The text of the file."""
    plan: Mapped[dict[str, Any]]
    """What `submit` was given: jobs and options, from which a recurring experiment makes each round."""
    folder: Mapped[str]
    """Where the runs of its jobs lie."""
    every: Mapped[str | None]
    """Cron form of a recurring experiment."""
    timezone: Mapped[str]
    """In which `every` is meant, as Europe/Paris."""
    next_at: Mapped[float | None] = mapped_column(index=True)
    created_at: Mapped[float]


class JobRow(Base):
    """One process to be run to its end."""

    __tablename__ = "job"
    __table_args__ = (
        CheckConstraint(
            "state IN ('queued', 'running', 'finished', 'failed', 'cancelled', 'skipped')", name="state"
        ),
        # A running job that no worker could ever take away again would be lost: see docs/architecture.md.
        CheckConstraint(
            "state <> 'running' OR (lease_until IS NOT NULL AND claim_token IS NOT NULL"
            " AND worker IS NOT NULL AND place IS NOT NULL)",
            name="running_has_lease",
        ),
        Index(None, "experiment_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiment.id"))
    round: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    settings: Mapped[dict[str, Any]]
    folder: Mapped[str]
    cpus: Mapped[float]
    gpus: Mapped[float]
    limit_seconds: Mapped[float | None]

    state: Mapped[str]
    priority: Mapped[int]
    rank: Mapped[float]
    """Who comes first: the priority in hours, minus the hour of submission, so that waiting counts."""
    not_before: Mapped[float]
    attempt: Mapped[int]
    """How often it was claimed; with the token the fence of every write."""
    failures: Mapped[int]
    """How many attempts ended badly; at `max_attempts` the job has failed."""
    max_attempts: Mapped[int]
    claim_token: Mapped[str | None]
    worker: Mapped[str | None]
    place: Mapped[str | None]
    lease_until: Mapped[float | None]
    cancel_requested: Mapped[bool]
    reserved_by: Mapped[str | None]
    """The place that keeps its room free for this job."""
    reserved_until: Mapped[float | None]

    phase: Mapped[str]
    done: Mapped[int]
    total: Mapped[int]
    note: Mapped[str]
    seconds_left: Mapped[float | None]
    checkpoint: Mapped[str | None]
    mlflow_run_id: Mapped[str | None]
    error: Mapped[str | None]
    log: Mapped[str | None]
    log_tail: Mapped[str]
    created_at: Mapped[float]
    started_at: Mapped[float | None]
    ended_at: Mapped[float | None]


Index("ix_job_order", JobRow.state, JobRow.rank.desc(), JobRow.id)
# The order in which `statements.NEXT_JOB` reads, so that it stops at the first job that fits.


class DependencyRow(Base):
    """`job_id` runs only when `needs_id` has finished."""

    __tablename__ = "dependency"
    __table_args__ = (Index(None, "needs_id"),)

    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    needs_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)


class EventRow(Base):
    """What happened, when, to which job; never changed."""

    __tablename__ = "event"
    __table_args__ = (Index(None, "job_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job_id: Mapped[int | None] = mapped_column(ForeignKey("job.id"))
    at: Mapped[float]
    kind: Mapped[str]
    text: Mapped[str]
    worker: Mapped[str | None]


class WorkerRow(Base):
    """A worker that has said something; one that is silent for long is gone."""

    __tablename__ = "worker"

    name: Mapped[str] = mapped_column(primary_key=True)
    place: Mapped[str]
    host: Mapped[str]
    pid: Mapped[int]
    cpus: Mapped[float]
    gpus: Mapped[float]
    started_at: Mapped[float]
    seen_at: Mapped[float]


class ControlRow(Base):
    """One row: whether workers may claim."""

    __tablename__ = "control"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("mode IN ('open', 'paused', 'draining')", name="mode"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    mode: Mapped[str]


class ArchitectureRow(Base):
    """An architecture that the controller of a search sampled, and what it was worth."""

    __tablename__ = "architecture"
    __table_args__ = (Index(None, "data", "reward"),)

    run_id: Mapped[str] = mapped_column(primary_key=True)
    """The run's own id (`RunFolder.run_id`), by which MLflow knows it too."""
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """In the order of sampling, from 0."""
    data: Mapped[str]
    """The data set's label, as msr-as1."""
    epoch: Mapped[int]
    genotype: Mapped[str]
    reward: Mapped[float]
    accuracy: Mapped[float]
    loss: Mapped[float]
