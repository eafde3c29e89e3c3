"""Bring the tables to their end: hand in what is not in the queue yet, and work until nothing is left.

Everything is kept in one folder: the registry, the experiment files, the runs, the tables. So the same
command continues where it was stopped, adds what was not asked for before, and tries again what has failed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from cluster.files import write_atomically
from cluster.registry.records import Experiment, Job
from cluster.registry.registry import Registry
from cluster.reproduction.protocol import LIFTER, Part, Poses, Protocol, lifter_file
from cluster.scheduling.planning import plan_of
from cluster.scheduling.submission import Options, submit
from cluster.scheduling.worker import WorkerConfig, run_worker

__all__ = ["experiments_by_name", "hand_in", "run_tables"]

Say = Callable[[str], None]


def run_tables(
    registry: Registry,
    folder: Path,
    data: Path,
    parts: Sequence[Part],
    poses: Sequence[Poses],
    protocol: Protocol,
    worker: WorkerConfig,
    say: Say = lambda _: None,
) -> tuple[Job, ...]:
    """Run whatever is missing: what needs the sensor alone and the lifter first, then what needs the lifter.

    Args:
        registry: of this folder.
        folder: for experiment files and runs.
        data: the folder of the data sets.
        parts, poses: of the tables.
        protocol: how much of everything.
        worker: how this process works on the queue; it ends when that is empty.
        say: receives a line for everything that happens.

    Returns:
        The jobs that have failed.

    Raises:
        ValueError: as `hand_in`, or the Ray cluster cannot be joined.
        Interrupted: SIGINT or SIGTERM came; the jobs are saved and back in the queue.
    """
    files = [one.file for one in protocol.measurements(parts, "sensor")] if "sensor" in poses else []
    if "lifted" in poses:
        files.insert(0, lifter_file(data, protocol.tracking))
    hand_in(registry, folder, files, say)
    run_worker(registry, worker, say)
    lifter = experiments_by_name(registry).get(LIFTER) if "lifted" in poses else None
    trained = registry.jobs(("finished",), lifter.id) if lifter is not None else ()
    if trained:
        lifted = protocol.measurements(parts, "lifted", Path(trained[0].folder))
        hand_in(registry, folder, [one.file for one in lifted], say)
        run_worker(registry, worker, say)
    return registry.jobs(("failed",))


def hand_in(registry: Registry, folder: Path, files: Iterable[Mapping[str, Any]], say: Say) -> int:
    """Queue every experiment that the registry does not know by its name, and what failed or was cancelled.

    Args:
        registry: of this folder.
        folder: the experiment files go to `experiments`, the runs to `runs`.
        files: contents of experiment files, each with a name.
        say: receives what is queued.

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


def experiments_by_name(registry: Registry) -> dict[str, Experiment]:
    """The newest experiment of every name."""
    return {experiment.name: experiment for experiment in registry.experiments()}
