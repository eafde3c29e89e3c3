"""What the registry hands out: frozen records, and the one error that callers act on."""

from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "ENDED",
    "Claim",
    "ClaimLost",
    "Event",
    "Experiment",
    "Job",
    "JobProgress",
    "Mode",
    "Resources",
    "State",
    "Worker",
]

State = Literal["queued", "running", "finished", "failed", "cancelled", "skipped"]
"""skipped: a job that it was to run after did not finish."""

Mode = Literal["open", "paused", "draining"]
"""open: workers claim; paused: they claim nothing; draining: they end when their jobs have ended."""

ENDED: tuple[State, ...] = ("finished", "failed", "cancelled", "skipped")


class ClaimLost(Exception):  # noqa: N818 - nothing went wrong: another worker has the job now
    """The job was taken away: its lease ran out and another attempt has it, or it has ended."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """CPUs and GPUs, fractions allowed."""

    cpus: float
    gpus: float = 0.0


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How far a running job is.

    Attributes:
        phase: what is counted, as "search".
        done, total: steps; total 0 where nothing is known yet.
        note: a few words.
        seconds_left: of the phase, where known.
        checkpoint: the newest saved state, as a path.
        mlflow_run_id: its run in MLflow.
        log_tail: the last lines of its log.
    """

    phase: str = ""
    done: int = 0
    total: int = 0
    note: str = ""
    seconds_left: float | None = None
    checkpoint: str | None = None
    mlflow_run_id: str | None = None
    log_tail: str = ""


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A submitted experiment file; see `models.ExperimentRow` for the columns."""

    id: int
    name: str
    kind: str
    source: str
    plan: dict[str, Any]
    folder: str
    every: str | None
    timezone: str
    next_at: float | None
    created_at: float


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job as it was when it was read; see `models.JobRow` for the columns.

    Attributes:
        after: the jobs that must have finished before it may run.
    """

    id: int
    experiment_id: int
    round: int
    name: str
    kind: str
    settings: dict[str, Any]
    folder: str
    cpus: float
    gpus: float
    limit_seconds: float | None
    state: State
    priority: int
    rank: float
    not_before: float
    attempt: int
    failures: int
    max_attempts: int
    worker: str | None
    place: str | None
    lease_until: float | None
    cancel_requested: bool
    reserved_by: str | None
    reserved_until: float | None
    phase: str
    done: int
    total: int
    note: str
    seconds_left: float | None
    checkpoint: str | None
    mlflow_run_id: str | None
    error: str | None
    log: str | None
    log_tail: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    after: tuple[int, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.state in ENDED


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A job in the hands of one worker; (token, attempt) fences everything that is written about it.

    Attributes:
        lease_seconds: how long it is held from each renewal.
    """

    job: Job
    token: str
    attempt: int
    worker: str
    lease_seconds: float


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a job, or to the queue (no job)."""

    id: int
    job_id: int | None
    at: float
    kind: str
    text: str
    worker: str | None


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker as it last announced itself.

    Attributes:
        place: the machine or Ray cluster whose room it uses; workers of one place share that room.
    """

    name: str
    place: str
    host: str
    pid: int
    cpus: float
    gpus: float
    started_at: float
    seen_at: float
