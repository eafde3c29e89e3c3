"""The queue in words, for the terminal and for pages: what runs where, how far it is, what waits for what."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cluster.progress import duration
from cluster.registry.records import Experiment, Job, Mode, Resources, Worker
from cluster.registry.registry import Registry

__all__ = ["JobLine", "QueueSnapshot", "clock", "describe_resources", "job_line", "snapshot"]

_HAIR = 1e-6
_UNDERWAY = ("running", "failed", "cancelled")
"""States in which it matters how far a job has come."""


@dataclass(frozen=True, kw_only=True)
class QueueSnapshot:
    """The registry at one moment.

    Attributes:
        now: by the database's clock.
        mode: whether workers may claim.
        workers: those that were heard of lately.
        jobs: all, by number.
        recurring: experiments with a next round.
    """

    now: float
    mode: Mode
    workers: tuple[Worker, ...]
    jobs: Mapping[int, Job]
    recurring: tuple[Experiment, ...]


@dataclass(frozen=True, kw_only=True)
class JobLine:
    """A job in words.

    Attributes:
        where: its worker; empty before it runs.
        since: how long it has been in its state.
        progress: how far, as "search 12/40, epoch 3".
        left: time left of the phase; empty while unknown.
        remark: what it waits for, or why it ended so.
    """

    job: Job
    where: str
    since: str
    progress: str
    left: str
    remark: str


def snapshot(registry: Registry) -> QueueSnapshot:
    """Everything that the lines need."""
    return QueueSnapshot(
        now=registry.now(),
        mode=registry.mode(),
        workers=registry.workers(),
        jobs={job.id: job for job in registry.jobs()},
        recurring=tuple(one for one in registry.experiments() if one.next_at is not None),
    )


def job_line(job: Job, seen: QueueSnapshot) -> JobLine:
    """One job in words."""
    began = {"running": job.started_at, "queued": job.created_at}.get(job.state, job.ended_at)
    counted = f"{job.phase} {job.done}/{job.total}" if job.total else job.phase
    return JobLine(
        job=job,
        where=(job.worker or "") if job.state == "running" else "",
        since=duration(max(0.0, seen.now - (began or seen.now))),
        progress=", ".join(part for part in (counted, job.note) if part) if job.state in _UNDERWAY else "",
        left=duration(job.seconds_left) if job.seconds_left is not None else "",
        remark=_remark(job, seen),
    )


def describe_resources(room: Resources) -> str:
    """As "2 CPUs, 0.5 GPUs"."""
    gpus = f", {room.gpus:g} GPU{'s' if room.gpus != 1 else ''}" if room.gpus else ""
    return f"{room.cpus:g} CPU{'s' if room.cpus != 1 else ''}{gpus}"


def clock(seconds: float, now: float) -> str:
    """A moment in local time: with its day unless it is near."""
    moment = datetime.fromtimestamp(seconds).astimezone()
    near = abs(seconds - now) < 12 * 3600
    return moment.strftime("%H:%M" if near else "%Y-%m-%d %H:%M")


def _remark(job: Job, seen: QueueSnapshot) -> str:
    if job.state == "running":
        silent = job.lease_until is not None and job.lease_until < seen.now
        if silent:
            return "its worker is not heard of; it will be taken back"
        return "stops at its next step" if job.cancel_requested else _attempt(job)
    if job.state == "queued":
        return _waits_for(job, seen)
    return job.error.splitlines()[0] if job.error else ""


def _attempt(job: Job) -> str:
    return f"attempt {job.attempt}" if job.attempt > 1 else ""


def _waits_for(job: Job, seen: QueueSnapshot) -> str:
    left = [str(one) for one in job.after if seen.jobs[one].state != "finished"]
    if left:
        return f"after {', '.join(left)}"
    if job.not_before > seen.now and job.failures:
        why = job.error.splitlines()[0] if job.error else "it failed"
        again = duration(job.not_before - seen.now)
        return f"again in {again} (failed {job.failures} of {job.max_attempts}: {why})"
    if job.not_before > seen.now:
        return f"at {clock(job.not_before, seen.now)}"
    if seen.mode != "open":
        return f"the queue is {seen.mode}"
    if not seen.workers:
        return "no worker is there; `posenas worker` starts one"
    needs = describe_resources(Resources(cpus=job.cpus, gpus=job.gpus))
    if not any(_fits(job, worker) for worker in seen.workers):
        largest = max(worker.cpus for worker in seen.workers), max(worker.gpus for worker in seen.workers)
        has = describe_resources(Resources(cpus=largest[0], gpus=largest[1]))
        return f"needs {needs}; no worker has more than {has}"
    if job.reserved_by is not None and (job.reserved_until or 0) > seen.now:
        return f"next at {job.reserved_by}, which reserves resources for it"
    return f"needs {needs}"


def _fits(job: Job, worker: Worker) -> bool:
    return job.cpus <= worker.cpus + _HAIR and job.gpus <= worker.gpus + _HAIR
