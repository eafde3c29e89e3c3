"""Bring the tables to their end: hand in what is not in the queue yet, and work until nothing is left.

Everything is kept in one folder: the registry, the experiment files, the runs, the tables. So the same
command goes on where it was stopped, adds what was not asked for before, and tries again what has failed.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from cluster.files import write_atomically
from cluster.scheduling.planning import plan_of
from cluster.scheduling.records import Experiment, Job
from cluster.scheduling.registry import Registry
from cluster.scheduling.submission import Options, submit
from cluster.scheduling.worker import WorkerConfig, run_worker

__all__ = ["experiments_by_name", "hand_in", "work"]

Say = Callable[[str], None]


def hand_in(registry: Registry, folder: Path, files: Iterable[Mapping[str, Any]], say: Say) -> int:
    """Queue every experiment that the registry does not know by its name, and what failed or was cancelled.

    Args:
        registry: of this folder.
        folder: the experiment files go to `experiments`, the runs to `runs`.
        files: contents of experiment files, each with a name.
        say: hears what is queued.

    Returns:
        How many jobs were queued, anew or again.

    Raises:
        ValueError: a file is wrong, or differs from the one that was handed in under its name.
    """
    known, queued = experiments_by_name(registry), 0
    for content in files:
        path = folder / "experiments" / f"{content['name']}.yaml"
        text = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=100)
        before = known.get(content["name"])
        if before is None:
            write_atomically(path, text)
            jobs = submit(registry, plan_of(path), Options(out=str(folder / "runs"))).jobs
            say(f"{content['name']}: {len(jobs)} jobs queued")
            queued += len(jobs)
            continue
        if before.source != text:
            raise ValueError(
                f"{content['name']} was handed in with other settings ({path}); a table has one protocol: "
                "give the same settings, or another folder with --out"
            )
        queued += _again(registry, before, say)
    return queued


def _again(registry: Registry, experiment: Experiment, say: Say) -> int:
    count = 0
    for job in registry.jobs(("failed", "cancelled"), experiment.id):
        again = registry.retry if job.state == "failed" else registry.resume
        again(job.id)
        say(f"{job.name}: job {job.id} was {job.state} and is tried again")
        count += 1
    return count


def work(registry: Registry, config: WorkerConfig, say: Say) -> tuple[Job, ...]:
    """Work until the queue is empty; returns the jobs that have failed.

    Raises:
        Interrupted: SIGINT or SIGTERM came; the jobs are saved and back in the queue.
        ValueError: the Ray cluster cannot be joined.
    """
    run_worker(registry, config, say)
    return registry.jobs(("failed",))


def experiments_by_name(registry: Registry) -> dict[str, Experiment]:
    """The newest experiment of every name."""
    return {experiment.name: experiment for experiment in registry.experiments()}
