"""Eight workers empty a queue of a thousand jobs: jobs a second, double claims, the longest wait of a worker.

    python benchmarks/claims.py                      # SQLite, and PostgreSQL where it is installed
    python benchmarks/claims.py --jobs 200 --workers 4 --engine sqlite
    python benchmarks/claims.py --naive              # the control: select, then update, without any lock

Each job costs two transactions, its claim and its end, each with an event; both wait for the disk (PostgreSQL
with fsync, SQLite with synchronous=FULL). Every worker is a process with a place of its own, as on so many
machines. tests/cluster/scheduling/test_claims.py runs the same with the same check. (The script is not called
queue.py: Python would import it in place of its own module.)
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select, text, update

from cluster.registry.models import JobRow
from cluster.registry.records import Resources
from cluster.registry.registry import Registry
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.queue import Host, Queue
from cluster.scheduling.submission import Options, submit

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))


def fill(url: str, jobs: int) -> None:
    """Queue so many jobs of one CPU."""
    planned = tuple(
        PlannedJob(name=f"job-{n}", kind="search", settings={}, run=f"job-{n}", needs=Resources(cpus=1))
        for n in range(jobs)
    )
    with Registry.open(url) as registry:
        submit(registry, Plan(name="bench", kind="search", source="", jobs=planned), Options(out="/runs"))


def work(url: str, name: str, naive: bool) -> None:
    """One worker: wait for the start, then claim and finish until nothing is left; print what it had."""
    with Registry.open(url) as registry:
        queue, place = Queue(registry), Host(name=name, capacity=Resources(cpus=1))
        registry.now()
        print("ready", flush=True)
        sys.stdin.readline()
        claims, waits = [], []
        while True:
            begin = time.perf_counter()
            if naive:
                found = claim_naively(registry, name)
            else:
                claim = queue.claim(name, place)
                found = None if claim is None else claim.job.id
            waits.append(time.perf_counter() - begin)
            if found is None:
                break
            claims.append(found)
            if not naive and claim is not None:
                begin = time.perf_counter()
                queue.finish(claim)
                waits.append(time.perf_counter() - begin)
        print(json.dumps({"claims": claims, "longest": max(waits)}), flush=True)


def claim_naively(registry: Registry, name: str) -> int | None:
    """The mistake that the queue must not make: what was selected may be somebody else's by now."""
    with registry.database.reading() as connection:
        found = connection.execute(
            select(JobRow.id).where(JobRow.state == "queued").order_by(JobRow.rank.desc(), JobRow.id).limit(1)
        ).scalar_one_or_none()
    if found is not None:
        with registry.database.writing() as connection:
            connection.execute(update(JobRow).where(JobRow.id == found).values(state="finished", worker=name))
    return found


def race(url: str, jobs: int, workers: int, naive: bool) -> dict[str, float]:
    """Let the workers loose on a full queue."""
    fill(url, jobs)
    command = [sys.executable, __file__, "--work", url]
    processes = [
        subprocess.Popen(
            [*command, f"worker-{n}", *(["--naive"] if naive else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for n in range(workers)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    begin = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [json.loads(process.communicate()[0]) for process in processes]
    seconds = time.perf_counter() - begin
    claimed = Counter(job for answer in answers for job in answer["claims"])
    with Registry.open(url) as registry:
        left = jobs - len(registry.jobs(states=("finished",)))
    return {
        "jobs": jobs,
        "workers": workers,
        "jobs_per_second": jobs / seconds,
        "claimed_twice": sum(count > 1 for count in claimed.values()),
        "never_claimed": jobs - len(claimed),
        "not_finished": left,
        "longest_wait_seconds": max(answer["longest"] for answer in answers),
    }


@contextmanager
def database(engine: str) -> Iterator[str]:
    """The address of an empty database that waits for the disk."""
    if engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/posenas.db"
        return
    from postgres_server import PostgresServer

    with PostgresServer(durable=True) as server:
        yield server.new_database()


def engine_version(url: str) -> str:
    """As the database itself says."""
    with Registry.open(url) as registry, registry.database.reading() as connection:
        if registry.database.is_postgresql:
            return "PostgreSQL " + str(connection.execute(text("SHOW server_version")).scalar_one())
        return "SQLite " + str(connection.execute(text("SELECT sqlite_version()")).scalar_one())


def main() -> None:
    """Run and print the table, or one worker of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"])
    parser.add_argument("--database", help="an empty database of your own")
    parser.add_argument("--naive", action="store_true", help="the control: claim without a lock")
    parser.add_argument("--json", action="store_true", help="one JSON object for each engine")
    parser.add_argument("--work", nargs=2, metavar=("URL", "NAME"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options.naive)
        return
    from postgres_server import postgres_programs

    installed = ["sqlite", *(["postgresql"] if postgres_programs() else [])]
    engines = [options.engine] if options.engine else installed
    if not options.json:
        print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, {platform.platform()}")
        print(f"{options.workers} workers, {options.jobs} jobs, two transactions a job")
    for engine in engines if options.database is None else ["given"]:
        if options.database is not None:
            answer, version = race(options.database, options.jobs, options.workers, options.naive), "given"
        else:
            with database(engine) as url:
                answer = race(url, options.jobs, options.workers, options.naive)
                version = engine_version(url)
        if options.json:
            print(json.dumps(answer))
        else:
            print(
                f"{version:<20} {answer['jobs_per_second']:7.0f} jobs/s, {answer['claimed_twice']} claimed "
                f"twice, {answer['not_finished']} not finished, "
                f"longest wait {answer['longest_wait_seconds']:.3f} s"
            )


if __name__ == "__main__":
    main()
