"""The queue as plain data for the page: what a person asks of each job."""

from dataclasses import asdict
from typing import Any

from cluster.scheduling.records import Job
from cluster.scheduling.registry import Registry

__all__ = ["RECENT", "job_details", "queue_snapshot"]

RECENT = 200
"""Ended jobs that the page shows: the newest; `posenas queue --all` lists every one."""

_ROW = (
    "id", "name", "kind", "state", "priority", "attempt", "max_attempts", "worker", "place", "cpus", "gpus",
    "cancel_requested", "phase", "done", "total", "note", "seconds_left", "error", "started_at", "ended_at",
    "created_at",
)  # fmt: skip


def queue_snapshot(registry: Registry) -> dict[str, Any]:
    """Jobs, workers and mode as they are now; running first, then waiting, then ended.

    Returns:
        JSON-ready: `now` (seconds since 1970, the database's clock), `mode`, `workers`, `jobs`, `hidden` (how
        many older ended jobs are left out).
    """
    jobs = {job.id: job for job in registry.jobs()}
    now = registry.now()
    ended = sorted((job for job in jobs.values() if job.ended), key=lambda job: -(job.ended_at or 0))
    running = [job for job in jobs.values() if job.state == "running"]
    waiting = sorted((job for job in jobs.values() if job.state == "queued"), key=lambda job: -job.rank)
    shown = [*running, *waiting, *ended[:RECENT]]
    return {
        "now": now,
        "mode": registry.mode(),
        "workers": [asdict(worker) for worker in registry.workers()],
        "jobs": [_row(job, jobs, now) for job in shown],
        "hidden": max(0, len(ended) - RECENT),
    }


def job_details(registry: Registry, job_id: int) -> dict[str, Any]:
    """One job in full, with its events and the last lines of its log.

    Raises:
        ValueError: there is no such job.
    """
    job = registry.job(job_id)
    return {
        "job": asdict(job),
        "events": [asdict(event) for event in registry.events(job_id)],
    }


def _row(job: Job, jobs: dict[int, Job], now: float) -> dict[str, Any]:
    row = {name: getattr(job, name) for name in _ROW}
    return {**row, "waits_for": _waits_for(job, jobs, now), "in_mlflow": job.mlflow_run_id is not None}


def _waits_for(job: Job, jobs: dict[int, Job], now: float) -> dict[str, Any] | None:
    """Why a queued job does not run yet: `jobs` before it, `seconds` until its time, or else `room`."""
    if job.state != "queued":
        return None
    before = [needed for needed in job.after if jobs[needed].state != "finished"]
    if before:
        return {"jobs": before}
    if job.not_before > now:
        return {"seconds": job.not_before - now}
    return {"room": {"cpus": job.cpus, "gpus": job.gpus}}
