"""The queue as plain data for the page: the lines that the terminal shows, and what its buttons need."""

from dataclasses import asdict
from typing import Any

from cluster.registry.records import Job
from cluster.registry.registry import Registry
from cluster.scheduling.view import QueueSnapshot, job_line, snapshot

__all__ = ["RECENT", "job_details", "queue_snapshot"]

RECENT = 200
"""Ended jobs that the page shows: the newest; `posenas queue --all` lists every one."""


def queue_snapshot(registry: Registry) -> dict[str, Any]:
    """Jobs, workers and mode as they are now; running first, then waiting in their order, then ended.

    Returns:
        JSON-ready: `mode`, `workers` (how many), `counts` (running, queued), `jobs`, `hidden` (how many
        older ended jobs are left out).
    """
    seen = snapshot(registry)
    running = [job for job in seen.jobs.values() if job.state == "running"]
    waiting = sorted((job for job in seen.jobs.values() if job.state == "queued"), key=lambda job: -job.rank)
    ended = [job for job in seen.jobs.values() if job.ended]
    ended.sort(key=lambda job: -(job.ended_at or 0))
    return {
        "mode": seen.mode,
        "workers": len(seen.workers),
        "counts": {"running": len(running), "queued": len(waiting)},
        "jobs": [_row(job, seen) for job in (*running, *waiting, *ended[:RECENT])],
        "hidden": max(0, len(ended) - RECENT),
    }


def job_details(registry: Registry, job_id: int) -> dict[str, Any]:
    """One job in full, with its events and the last lines of its log.

    Raises:
        ValueError: there is no such job.
    """
    job = registry.job(job_id)
    return {"job": asdict(job), "events": [asdict(event) for event in registry.events(job_id)]}


def _row(job: Job, seen: QueueSnapshot) -> dict[str, Any]:
    names = ("id", "name", "kind", "state", "cancel_requested", "done", "total")
    line = job_line(job, seen)
    words = {name: getattr(line, name) for name in ("where", "since", "progress", "left", "remark")}
    return {
        **{name: getattr(job, name) for name in names},
        **words,
        "in_mlflow": job.mlflow_run_id is not None,
    }
