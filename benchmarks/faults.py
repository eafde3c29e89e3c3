"""Trials of the queue and of searches under faults, each with its count.

    python benchmarks/faults.py leases              # 1000 short jobs, two healthy workers, leases of 4 s
    python benchmarks/faults.py leases --engine sqlite --jobs 200
    python benchmarks/faults.py clock               # the same; the clock of one worker is an hour ahead
    python benchmarks/faults.py disk                # jobs that meet a full disk, and room a while later
    python benchmarks/faults.py kills --kills 50    # SIGKILL at random moments of a search on Ray

Leases: no worker is killed, so every job must run to its end once. Kills: the driver, an evaluator, an owner
of state, or the cluster's head is killed at a random moment. What ended is resumed; the shared weights at the
end must have the hash of a search that was never disturbed, and the last line must hold the command that
continues the run. The short forms of these trials are in tests/cluster/scheduling.
"""

import argparse
import json
import os
import platform
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from cluster.registry.records import Job, Resources
from cluster.registry.registry import Registry
from cluster.scheduling.jobs import JOB_KINDS, POSENAS
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.submission import Options, submit
from cluster.scheduling.worker import WorkerConfig, run_worker

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

LEASE_SECONDS = 4.0
SETTINGS = {
    "data": {"name": "synthetic", "num_subjects": 6, "clips_per_action": 1, "seed": 3},
    "supernet": {"channels": 4, "normal_cells": 1, "num_nodes": 2, "auxiliary_channels": [8, 16]},
    "search": {"epochs": 12, "num_shards": 2, "batch_size": 4, "weight_steps_per_epoch": 4,
               "controller_steps_per_epoch": 2, "num_samples": 2},
    "derivation": {"num_samples": 2, "num_retrained": 1, "epochs": 1, "parameters": 10000},
    "parameters": 20000,
    "resources": {"checkpoint_seconds": 1.0},
    "tracking": None,
}  # fmt: skip


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """The address of an empty registry."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'posenas.db'}"
        return
    from postgres_server import PostgresServer

    with PostgresServer(durable=True) as server:
        yield server.new_database()


def queue_jobs(url: str, folder: Path, count: int) -> None:
    """Queue jobs that note their number when they end."""
    needs = Resources(cpus=1)
    jobs = tuple(
        PlannedJob(name=f"j{i}", kind="trial", settings={}, run=f"j{i}", needs=needs) for i in range(count)
    )
    with Registry.open(url) as registry:
        plan = Plan(name="trial", kind="trial", source="", jobs=jobs)
        submit(registry, plan, Options(out=str(folder / "runs"), max_attempts=20))


def work(url: str, name: str, folder: Path, script: str, hours_ahead: float, cpus: int) -> None:
    """One worker, in this process, until the queue is empty."""
    if hours_ahead:
        shift_sqlites_clock(hours_ahead)

    def process(job: Job, _desk: Path, _address: str | None) -> list[str]:
        return ["/bin/sh", "-c", script, str(job.id), str(folder / "ran")]

    JOB_KINDS["trial"] = replace(JOB_KINDS["search"], process=process)
    config = WorkerConfig(
        name=name, cpus=cpus, gpus=0, lease_seconds=LEASE_SECONDS, retry_seconds=1, until_empty=True
    )
    with Registry.open(url) as registry:
        run_worker(registry, config)


def shift_sqlites_clock(hours: float) -> None:
    """Let this process's SQLite see another time, as on a machine whose clock is wrong."""
    from sqlalchemy.ext.compiler import compiles

    from cluster.registry.database import now

    @compiles(now, "sqlite")
    def shifted(_element: Any, _compiler: Any, **_: Any) -> str:
        return f"((julianday('now') - 2440587.5) * 86400.0 + {hours * 3600})"


def run_workers(url: str, folder: Path, script: str, hours: tuple[float, float], cpus: int) -> dict[str, Any]:
    """Two workers at once; what ran how often, and what the registry says."""
    begin = time.monotonic()
    command = [sys.executable, __file__, "work", url, str(folder), script, str(cpus)]
    workers = [subprocess.Popen([*command, name, str(h)]) for name, h in zip("AB", hours, strict=True)]
    codes = [worker.wait() for worker in workers]
    ran = Counter((folder / "ran").read_text().split())
    with Registry.open(url) as registry:
        states = Counter(job.state for job in registry.jobs())
        events = Counter(event.kind for event in registry.events())
    return {
        "exit codes": codes,
        "states": dict(states),
        "events": {kind: events[kind] for kind in ("claimed", "retry", "held", "finished")},
        "ran more than once": sum(times > 1 for times in ran.values()),
        "never ran": sum(states.values()) - len(ran),
        "seconds": round(time.monotonic() - begin, 1),
    }


def leases(engine: str, jobs: int, hours: tuple[float, float] = (0.0, 0.0)) -> dict[str, Any]:
    """Many short jobs, two healthy workers, a short lease."""
    with tempfile.TemporaryDirectory() as name, database(engine, Path(name)) as url:
        folder = Path(name)
        queue_jobs(url, folder, jobs)
        script = 'sleep 0.2; echo "$0" >> "$1"'
        return {"engine": engine, "jobs": jobs} | run_workers(url, folder, script, hours, cpus=50)


def disk(jobs: int) -> dict[str, Any]:
    """Jobs end as `posenas` does on a full disk until ten seconds have passed; none may fail for good."""
    with tempfile.TemporaryDirectory() as name, database("sqlite", Path(name)) as url:
        folder, there = Path(name), time.time() + 10
        queue_jobs(url, folder, jobs)
        script = f'[ $(date +%s) -lt {int(there)} ] && exit 74; echo "$0" >> "$1"'
        return {"jobs": jobs} | run_workers(url, folder, script, (0.0, 0.0), cpus=10)


def processes_of(root: int) -> dict[int, str]:
    """All processes below one, with their titles."""
    parents: dict[int, int] = {}
    titles: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit():
                stat = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                parents[int(entry.name)] = int(stat[1])
                titles[int(entry.name)] = (entry / "cmdline").read_text(errors="replace").replace("\0", " ")
        except OSError:  # it has ended
            continue
    below = {root}
    while more := {process for process, parent in parents.items() if parent in below} - below:
        below |= more
    return {process: titles[process] for process in below if process in titles}


VICTIMS = {
    "driver": lambda _title: False,
    "worker": lambda title: title.startswith("ray::Evaluator"),
    "owner": lambda title: title.startswith(("ray::WeightsOwner", "ray::ControllerHost")),
    "head": lambda title: "gcs_server" in title or "/raylet/raylet" in title,
}


class Search:
    """A search on a Ray of its own, killed and resumed."""

    def __init__(self, folder: Path, run: str) -> None:
        self.folder, self.run = folder, folder / run

    def start(self) -> subprocess.Popen[bytes]:
        """Begin or continue it."""
        command = [*POSENAS, "search", "--resume=auto", "--config", str(self.folder / "s.json")]
        command += ["--workers", "2", "--out", str(self.run)]
        log = (self.folder / "log").open("wb")
        with log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)

    @property
    def said(self) -> str:
        """What the newest process has printed."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def digest(self) -> str:
        """The hash of the shared weights at the end."""
        return str(json.loads((self.run / "search.json").read_text())["weights"])


def strike(search: Search, kind: str, chance: random.Random) -> bool | None:
    """Kill one process of a search at a random moment.

    Returns:
        Whether the last line says how to continue; None where the search lives on, or ended before.
    """
    driver = search.start()
    while driver.poll() is None and "search:" not in search.said:
        time.sleep(0.1)
    time.sleep(chance.uniform(0.0, 6.0))
    found = [one for one, title in processes_of(driver.pid).items() if VICTIMS[kind](title)]
    if kind == "driver":
        found = [driver.pid]
    if driver.poll() is not None or not found:
        driver.wait()
        return None
    for one in found if kind == "head" else [chance.choice(found)]:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            continue
    survives = kind in ("worker", "owner")
    code = driver.wait(600)
    time.sleep(1.0)  # the last words come from another process
    if survives and code == 0:
        return None
    return f"`posenas search --resume --out {search.run}` continues" in search.said


def kills(count: int, seed: int) -> dict[str, Any]:
    """Random kills, one after the other, each of a search that must still end as an undisturbed one."""
    chance, told, survived, equal, searches = random.Random(seed), Counter(), Counter(), 0, 0
    silent: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "s.json").write_text(json.dumps(SETTINGS))
        plain = [*POSENAS, "search", "--config", str(folder / "s.json"), "--out", str(folder / "plain")]
        subprocess.run(plain, check=True, capture_output=True)
        expected = Search(folder, "plain").digest
        done = 0
        while done < count:
            searches += 1
            search = Search(folder, f"run-{searches}")
            while not (search.run / "genotype.json").exists() and done < count:
                kind = chance.choice([*VICTIMS])
                result = strike(search, kind, chance)
                done += 1
                if result is None:
                    survived[kind] += 1
                else:
                    told[kind] += result
                    silent += [] if result else [f"{kind}: {search.said[-300:]}"]
                print(f"kill {done} of {count}: {kind}, resume line {result}", flush=True)
            while not (search.run / "genotype.json").exists():
                search.start().wait()
            equal += search.digest == expected
    return {
        "kills": done,
        "ended with the resume line": dict(told),
        "lived on": dict(survived),
        "ended without it": silent,
        "searches": searches,
        "searches with the undisturbed hash": equal,
    }


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    trials = parser.add_subparsers(dest="trial", required=True)
    for name in ("leases", "clock", "disk", "kills"):
        trial = trials.add_parser(name)
        trial.add_argument("--jobs", type=int, default=20 if name == "disk" else 1000)
        trial.add_argument("--engine", choices=("sqlite", "postgresql"), action="append")
        trial.add_argument("--kills", type=int, default=50)
        trial.add_argument("--seed", type=int, default=0)
    worker = trials.add_parser("work")
    for name in ("url", "folder", "script", "cpus", "name", "hours"):
        worker.add_argument(name)
    return parser.parse_args()


def main() -> None:
    """Run the trial that was asked for; print its counts."""
    given = arguments()
    if given.trial == "work":
        work(given.url, given.name, Path(given.folder), given.script, float(given.hours), int(given.cpus))
        return
    machine = f"{platform.machine()}, {len(os.sched_getaffinity(0))} CPUs"
    results: list[dict[str, Any]] = []
    if given.trial == "leases":
        results = [leases(engine, given.jobs) for engine in given.engine or ("sqlite", "postgresql")]
    elif given.trial == "clock":
        results = [leases("sqlite", given.jobs, hours=(0.0, 1.0))]
    elif given.trial == "disk":
        results = [disk(given.jobs)]
    else:
        results = [kills(given.kills, given.seed)]
    for result in results:
        print(json.dumps({"machine": machine, **result}, indent=1))


if __name__ == "__main__":
    main()
