"""The database behind the registry: how it is opened, its clock, its transactions, its schema."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Float, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.sql.functions import FunctionElement

__all__ = ["DEFAULT_URL", "HEAD", "Database", "chosen_url", "now", "upgrade_schema"]

DEFAULT_URL = "sqlite:///posenas.db"

HEAD = "0003"
"""The revision of the schema that this program works with: the newest in migrations/versions."""

BUSY_SECONDS = 60
"""How long SQLite is asked for its lock; its back-off is not fair, and a short wait fails under load."""

IDLE_SECONDS = 30
"""After which PostgreSQL ends a transaction whose worker is frozen, so that its locks block no one."""

ASK_AFTER_SECONDS = 1.0
"""How long a connection to PostgreSQL may lie idle before it is asked whether it still stands."""


class now(FunctionElement[float]):  # noqa: N801 - written like the SQL function that it is
    """Seconds since 1970 by the database's clock, as it stands when the statement runs."""

    inherit_cache = True
    type = Float(53)


@compiles(now, "sqlite")
def _now_in_sqlite(_element: now, _compiler: Any, **_: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(now, "postgresql")
def _now_in_postgresql(_element: now, _compiler: Any, **_: Any) -> str:
    # not now(), which stands still from the begin of the transaction, however long that waited for a lock
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS DOUBLE PRECISION)"


class Database:
    """An open database, SQLite or PostgreSQL, whose schema is that of this program.

    Args:
        url: as SQLAlchemy takes it; None: $POSENAS_DATABASE, else posenas.db in the working directory.

    Raises:
        ValueError: the address is wrong, or the schema is older or newer than the program.
        ConnectionError: no server answers there.
    """

    def __init__(self, url: str | None = None) -> None:
        self.engine = _engine(_checked(chosen_url(url)))
        try:
            self._check_schema()
        except BaseException:
            self.close()
            raise

    @property
    def is_postgresql(self) -> bool:
        """Whether rows are locked one by one; SQLite locks the whole file."""
        return self.engine.dialect.name == "postgresql"

    @property
    def url(self) -> str:
        """The address, with its password."""
        return self.engine.url.render_as_string(hide_password=False)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes; committed at the end, rolled back by an exception."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that only reads, and on SQLite waits for no writer."""
        with self.engine.connect().execution_options(posenas_reading=True) as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _check_schema(self) -> None:
        shown = _shown(self.engine.url)
        try:
            found = _revision(self.engine)
        except OperationalError as error:
            raise ConnectionError(f"the registry {shown} does not answer: {_reason(error)}") from error
        if found is None:
            upgrade_schema(self.engine)
        elif found < HEAD:
            raise ValueError(
                f"the registry {shown} has the schema {found} of an older posenas, this one needs {HEAD}: "
                f"`posenas db upgrade --database {shown}` brings it up to date"
            )
        elif found > HEAD:
            raise ValueError(
                f"the registry {shown} has the schema {found} of a newer posenas, this one knows {HEAD}: "
                "install the newer posenas here too"
            )


def chosen_url(url: str | None) -> str:
    """The address given, else $POSENAS_DATABASE, else posenas.db in the working directory."""
    return url or os.environ.get("POSENAS_DATABASE") or DEFAULT_URL


def upgrade_schema(engine: Engine | str) -> tuple[str | None, str]:
    """Bring a database to the newest schema; its data stays.

    Args:
        engine: an engine, or an address.

    Returns:
        The revisions before (None: it was empty) and after.
    """
    if isinstance(engine, str):
        opened = _engine(_checked(engine))
        try:
            return upgrade_schema(opened)
        finally:
            opened.dispose()
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":  # two that find it empty at once make it one after the other
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('posenas.schema'))"))
        before = _revision(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, HEAD


def _revision(bind: Engine | Connection) -> str | None:
    """The revision that the database is at; None for one that is empty.

    Raises:
        ValueError: it holds tables, but not ours.
    """
    tables = set(inspect(bind).get_table_names())
    if "alembic_version" not in tables or "job" not in tables:
        if tables:
            raise ValueError(
                f"the database {_shown(bind.engine.url)} belongs to another program "
                f"(it holds the table {min(tables)!r}); give the registry a database of its own"
            )
        return None
    statement = text("SELECT version_num FROM alembic_version")
    if isinstance(bind, Connection):
        return str(bind.execute(statement).scalar_one())
    with bind.connect().execution_options(posenas_reading=True) as connection:
        return str(connection.execute(statement).scalar_one())


def _checked(address: str) -> URL:
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise ValueError(
            f"the registry's address is {address!r}; sqlite:///FILE.db or "
            "postgresql://USER:PASSWORD@HOST/NAME is needed"
        ) from error
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise ValueError(f"the registry can be SQLite or PostgreSQL; the address says {url.drivername!r}")
    if url.drivername == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise ValueError("the registry's SQLite address names no file: sqlite:///FILE.db is needed")
        file = Path(str(url.database)).absolute()
        if not file.parent.is_dir():
            raise FileNotFoundError(f"the folder {file.parent} of the registry {file.name} does not exist")
        url = url.set(database=str(file))
    return url


def _engine(url: URL) -> Engine:
    if url.drivername == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_in_sqlite)
        return engine
    try:
        import psycopg  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ValueError("PostgreSQL needs its driver: pip install 'posenas[postgres]'") from error
    options = f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s"
    engine = create_engine(url, connect_args={"connect_timeout": 10, "options": options})
    event.listen(engine, "checkin", _note_return)
    event.listen(engine, "checkout", partial(_ask_after_a_while, engine))
    return engine


def _note_return(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info["returned_at"] = time.monotonic()


def _ask_after_a_while(
    engine: Engine, connection: Any, record: ConnectionPoolEntry, _proxy: PoolProxiedConnection
) -> None:
    """Ask a connection that has lain idle whether it still stands; SQLAlchemy makes a new one where not.

    Not before every transaction (`pool_pre_ping`): that was a seventh of all that a claim sends.
    """
    moment = time.monotonic()
    if moment - record.info.get("returned_at", moment) < ASK_AFTER_SECONDS:  # or it has just been made
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.loaded_dbapi.Error as error:
        raise DisconnectionError(f"the connection no longer stands: {error}") from error


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by `_begin_in_sqlite` alone
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_in_sqlite(connection: Connection) -> None:
    """Take the write lock at the begin: a transaction that has read first might not get it any more."""
    reading = connection.get_execution_options().get("posenas_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _shown(url: URL) -> str:
    return url.render_as_string(hide_password=True)


def _reason(error: OperationalError) -> str:
    return " ".join(str(error.orig).split())
