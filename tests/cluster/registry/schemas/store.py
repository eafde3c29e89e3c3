"""Store a registry of the present revision as SQL, for both engines: run it before a migration is added.

    python tests/cluster/registry/schemas/store.py  # writes REVISION.ENGINE.sql

test_database.py upgrades every file stored here. A file is never made again: it is what that revision was.
"""

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parents[2]))

from cluster.registry.database import HEAD  # noqa: E402
from cluster.registry.records import Resources  # noqa: E402
from cluster.registry.registry import Registry  # noqa: E402
from cluster.scheduling.plan import Plan, PlannedJob  # noqa: E402
from cluster.scheduling.queue import Host, Queue  # noqa: E402
from cluster.scheduling.submission import Options, submit  # noqa: E402
from postgres_server import PostgresServer, postgres_programs  # noqa: E402


def fill(url: str) -> None:
    """One finished job, one running, one that waits for it, and a recurring experiment."""
    jobs = tuple(
        PlannedJob(
            name=name, kind="search", settings={"a": 1}, run=name, needs=Resources(cpus=1), after=after
        )
        for name, after in (("done", ()), ("running", ()), ("waiting", (1,)))
    )
    plan = Plan(name="stored", kind="search", source="kind: search\n", jobs=jobs)
    place = Host(name="here", capacity=Resources(cpus=4))
    with Registry.open(url) as registry:
        submit(registry, plan, Options(out="/runs"))
        submit(registry, plan, Options(out="/runs", every="0 2 * * *"))
        queue = Queue(registry, lease_seconds=3600)
        finished = queue.claim("worker", place)
        assert finished is not None
        queue.finish(finished)
        assert queue.claim("worker", place)


def store_sqlite(folder: Path) -> None:
    """As the statements that make it."""
    file = folder / "posenas.db"
    fill(f"sqlite:///{file}")
    with sqlite3.connect(file) as connection:
        lines = "\n".join(connection.iterdump())
    (HERE / f"{HEAD}.sqlite.sql").write_text(lines + "\n", encoding="utf-8")


def store_postgresql() -> None:
    """As pg_dump writes it, without what only its own psql understands."""
    programs = postgres_programs()
    assert programs is not None
    with PostgresServer() as server:
        url = server.new_database()
        fill(url)
        password = url.split(":")[2].split("@")[0]
        command = [programs / "pg_dump", "--inserts", "--no-owner", url.replace("+psycopg", "")]
        environment = {**os.environ, "PGPASSWORD": password}
        dump = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    kept = [
        line
        for line in dump.splitlines()
        if line and not line.startswith(("--", "SET ", "\\", "SELECT pg_catalog.set_config"))
    ]
    (HERE / f"{HEAD}.postgresql.sql").write_text("\n".join(kept) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        store_sqlite(Path(scratch))
    store_postgresql()
