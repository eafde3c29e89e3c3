"""The outbox of a run: every event for MLflow is made durable here before anyone tries to deliver it.

    RUN/outbox/facts.db     the events in the order in which they came, and which are delivered
    RUN/outbox/files/       copies of the files that wait: what is recorded is what was given
    RUN/outbox/mlflow_runs.json    our own ids of runs that MLflow has, and MLflow's

The training path writes, a courier (`cluster.tracking.courier`) reads; SQLite in WAL mode lets neither wait
for the other. It lies in the run's folder so that it travels with the run, and depends on nothing else.
"""

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple
from uuid import uuid4

from cluster.files import read_json, write_json
from cluster.tracking.facts import without_passwords
from cluster.tracking.mlflow_store import resolve

__all__ = [
    "Backlog",
    "DeliveryStatus",
    "EventKind",
    "Outbox",
    "TrackingEvent",
    "known_mlflow_runs",
    "store_name",
]

EventKind = Literal["start", "metrics", "tags", "file", "model", "finish"]

_BUSY_SECONDS = 30.0
_MLFLOW_RUNS = "mlflow_runs.json"
_TABLES = """
CREATE TABLE IF NOT EXISTS fact (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    store TEXT NOT NULL,
    run_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    content TEXT NOT NULL,
    key TEXT,                                 -- a fact with the key of an earlier one is the same fact
    state TEXT NOT NULL DEFAULT 'waiting',    -- or 'delivered', or 'refused' for ever
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (store, run_id, key)
);
CREATE INDEX IF NOT EXISTS waiting ON fact (store, number) WHERE state = 'waiting';
CREATE TABLE IF NOT EXISTS news (store TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL);
"""


@dataclass(frozen=True)
class TrackingEvent:
    """One thing to tell MLflow.

    Args:
        number: its place; events are delivered in this order.
        run_id: our own id of the run that it is about.
        kind: the method of `cluster.tracking.tracker.Tracker` that was called.
        content: the arguments of that call, as JSON values.
    """

    number: int
    run_id: str
    kind: EventKind
    content: dict[str, Any]


class DeliveryStatus(NamedTuple):
    """How the courier fares: "" (not heard of yet), "delivering" or "failing", and why."""

    state: str
    reason: str


class Backlog(NamedTuple):
    """What one store has not received yet."""

    points: int
    others: int
    refused: int
    reason: str
    """Of the first refusal."""

    @property
    def total(self) -> int:
        """Events that wait."""
        return self.points + self.others


def store_name(uri: str, experiment: str) -> str:
    """Under which name the outbox keeps a store: absolute, and without its password."""
    return f"{without_passwords(resolve(uri))}\n{experiment}"


def known_mlflow_runs(folder: Path) -> dict[str, str]:
    """Our own ids of the runs that an outbox has begun in MLflow, and MLflow's; empty before it has."""
    file = Path(folder) / _MLFLOW_RUNS
    return {name: str(value) for name, value in read_json(file).items()} if file.exists() else {}


class Outbox:
    """The events of one run folder.

    Args:
        folder: made here. A damaged database in it is moved aside, never thrown away.

    Raises:
        OSError, sqlite3.Error: the disk is full, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._lock = threading.RLock()
        self._files = self.folder / "files"
        self._files.mkdir(parents=True, exist_ok=True)
        self._database = self._open(self.folder / "facts.db")

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        try:
            return _connected(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:  # not a database any more
            path.rename(path.with_name(f"{path.name}.damaged-{int(time.time())}"))
            for ending in ("-wal", "-shm"):
                path.with_name(path.name + ending).unlink(missing_ok=True)
            return _connected(path)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._database.close()

    def add(
        self, store: str, run_id: str, kind: EventKind, content: Mapping[str, Any], key: str = ""
    ) -> bool:
        """Keep an event; when this returns it survives a power cut.

        Args:
            store: see `store_name`.
            run_id: our own id of the run.
            kind: of the event.
            content: JSON values.
            key: an event with the key of an earlier one of this run is that event, given again; "": never.

        Returns:
            Whether it is new.
        """
        text = json.dumps(content)
        with self._writing() as database:
            added = database.execute(
                "INSERT INTO fact (store, run_id, kind, content, key) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (store, run_id, kind, text, key or None),
            )
            return added.rowcount > 0

    def add_all(self, store: str, run_id: str, kind: EventKind, facts: Iterable[tuple[str, Any]]) -> None:
        """Many events with their keys, in one transaction."""
        rows = [(store, run_id, kind, json.dumps(content), key or None) for key, content in facts]
        with self._writing() as database:
            database.executemany(
                "INSERT INTO fact (store, run_id, kind, content, key) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                rows,
            )

    def copy(self, path: Path) -> str:
        """Copy a file or a folder, to wait here; returns the name of the copy."""
        name = uuid4().hex
        place = self._files / name
        place.mkdir()
        try:
            if path.is_dir():
                shutil.copytree(path, place / path.name)
            else:
                shutil.copy2(path, place / path.name)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        return f"{name}/{path.name}"

    def write(self, name: str, text: str) -> str:
        """A file with this text, to wait here; returns the name of the copy."""
        folder = uuid4().hex
        place = self._files / folder / name
        place.parent.mkdir(parents=True)
        try:
            place.write_text(text, encoding="utf-8")
        except BaseException:
            shutil.rmtree(self._files / folder, ignore_errors=True)
            raise
        return f"{folder}/{name}"

    def file(self, name: str) -> Path:
        """Where a copy lies."""
        return self._files / name

    def position(self) -> int:
        """The number of the last event; part of every checkpoint."""
        with self._lock:
            (number,) = self._database.execute("SELECT coalesce(max(number), 0) FROM fact").fetchone()
        return int(number)

    def note_mlflow_run(self, run_id: str, mlflow_run_id: str) -> None:
        """Keep under which id MLflow knows a run, for pages that link to it (`known_mlflow_runs`)."""
        known = known_mlflow_runs(self.folder)
        if known.get(run_id) != mlflow_run_id:
            write_json(self.folder / _MLFLOW_RUNS, {**known, run_id: mlflow_run_id})

    def rewind(self, run_id: str, position: int) -> None:
        """Forget the curves after `position` that no store has received: those steps are done again.

        What was delivered stays, and its keys keep the repeated step from being recorded twice.
        """
        with self._writing() as database:
            database.execute(
                "DELETE FROM fact WHERE run_id = ? AND number > ? AND kind = 'metrics' AND state = 'waiting'",
                (run_id, position),
            )

    def next(self, store: str, after: int = 0, limit: int = 1000) -> list[TrackingEvent]:
        """The events that wait longest for this store, of those with higher numbers than `after`."""
        with self._lock:
            rows = self._database.execute(
                "SELECT number, run_id, kind, content FROM fact WHERE store = ? AND state = 'waiting'"
                " AND number > ? ORDER BY number LIMIT ?",
                (store, after, limit),
            ).fetchall()
        return [
            TrackingEvent(number, run_id, kind, json.loads(content)) for number, run_id, kind, content in rows
        ]

    def beginning(self, store: str, run_id: str, before: int) -> TrackingEvent | None:
        """The last "start" of a run before an event, delivered or not: a lost run is made again with it."""
        with self._lock:
            row = self._database.execute(
                "SELECT number, content FROM fact WHERE store = ? AND run_id = ? AND kind = 'start'"
                " AND number < ? ORDER BY number DESC LIMIT 1",
                (store, run_id, before),
            ).fetchone()
        return None if row is None else TrackingEvent(row[0], run_id, "start", json.loads(row[1]))

    def delivered(self, facts: Iterable[TrackingEvent]) -> None:
        """These need not be delivered again; copies of their files are removed."""
        self._settle(list(facts), "delivered", "")

    def refuse(self, fact: TrackingEvent, reason: str) -> None:
        """MLflow will never take this one; its file stays where it is."""
        self._settle([fact], "refused", reason)

    def _settle(self, facts: list[TrackingEvent], state: str, reason: str) -> None:
        with self._writing() as database:
            database.executemany(
                "UPDATE fact SET state = ?, reason = ? WHERE number = ?",
                [(state, reason, fact.number) for fact in facts],
            )
        for fact in facts:
            if state == "delivered" and "copy" in fact.content:
                shutil.rmtree(self._files / fact.content["copy"].split("/")[0], ignore_errors=True)

    def reconsider(self, store: str) -> None:
        """What was refused is delivered once more: the cause may have been removed."""
        with self._writing() as database:
            database.execute(
                "UPDATE fact SET state = 'waiting', reason = '' WHERE store = ? AND state = 'refused'",
                (store,),
            )

    def backlog(self, store: str) -> Backlog:
        """What this store has not received."""
        with self._lock:
            counts = dict(
                self._database.execute(
                    "SELECT kind = 'metrics', count(*) FROM fact WHERE store = ? AND state = 'waiting'"
                    " GROUP BY 1",
                    (store,),
                ).fetchall()
            )
            refused = self._database.execute(
                "SELECT reason FROM fact WHERE store = ? AND state = 'refused' ORDER BY number", (store,)
            ).fetchall()
        reason = refused[0][0] if refused else ""
        return Backlog(counts.get(1, 0), counts.get(0, 0), len(refused), reason)

    def stores(self, waiting_only: bool = True) -> list[str]:
        """The stores for which something waits or is refused; or all that ever received anything."""
        where = "WHERE state != 'delivered'" if waiting_only else ""
        with self._lock:
            rows = self._database.execute(f"SELECT DISTINCT store FROM fact {where}")
            return sorted(store for (store,) in rows)

    def runs(self, store: str) -> list[str]:
        """Our own ids of the runs that this store knows, in the order of their beginnings."""
        with self._lock:
            rows = self._database.execute(
                "SELECT run_id FROM fact WHERE store = ? AND kind = 'start'"
                " GROUP BY run_id ORDER BY min(number)",
                (store,),
            )
            return [run_id for (run_id,) in rows]

    def repeat(self, store: str, run_id: str) -> int:
        """Let all of a run wait again, as its store has lost it.

        Returns:
            How many files cannot be delivered again: no copy of them and no original is there.
        """
        mine = "store = ? AND run_id = ?"
        with self._writing() as database:
            rows = database.execute(
                f"SELECT number, kind, content FROM fact WHERE {mine} AND state = 'delivered'",
                (store, run_id),
            ).fetchall()
            again = [number for number, kind, content in rows if self._is_there(kind, json.loads(content))]
            database.executemany(
                "UPDATE fact SET state = 'waiting' WHERE number = ?", [(one,) for one in again]
            )
        return len(rows) - len(again)

    def _is_there(self, kind: EventKind, content: Mapping[str, Any]) -> bool:
        if kind not in ("file", "model"):
            return True
        return self.file(content["copy"]).exists() or (
            kind == "file" and self.original(content["copy"]).exists()
        )

    def original(self, name: str) -> Path:
        """Where the run folder itself keeps a file of this name, as it is now."""
        return self.folder.parent / Path(name).name

    def readdress(self, old: str, new: str) -> None:
        """Deliver to another store what this one received or was to receive: a server may move, or be lost.

        Copies of files that were delivered are gone; all else is delivered again, which doubles nothing.
        """
        with self._writing() as database:
            database.execute(
                "UPDATE OR IGNORE fact SET store = ?, reason = '', state ="
                " CASE WHEN kind IN ('file', 'model') AND state = 'delivered' THEN state ELSE 'waiting' END"
                " WHERE store = ?",
                (new, old),
            )
            database.execute("DELETE FROM fact WHERE store = ?", (old,))

    def tell(self, store: str, news: DeliveryStatus) -> None:
        """The courier says how it fares."""
        with self._writing() as database:
            database.execute(
                "INSERT INTO news (store, state, reason) VALUES (?, ?, ?)"
                " ON CONFLICT (store) DO UPDATE SET state = excluded.state, reason = excluded.reason",
                (store, *news),
            )

    def delivery_status(self, store: str) -> DeliveryStatus:
        """What the courier said last."""
        with self._lock:
            row = self._database.execute(
                "SELECT state, reason FROM news WHERE store = ?", (store,)
            ).fetchone()
        return DeliveryStatus("", "") if row is None else DeliveryStatus(*row)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction, durable at its end."""
        with self._lock:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, _BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA wal_autocheckpoint=250")  # 1 MB: it lies in the run's folder
        database.executescript(_TABLES)
    except BaseException:
        database.close()
        raise
    return database
