"""A real PostgreSQL of one's own: on loopback, on a free port, with a password, gone afterwards.

Used by the `postgres` fixture and by benchmarks/claims.py. The server refuses to run as root, so root starts
it as the user "postgres" that Debian's package makes.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from own_server import OwnServer

__all__ = ["PostgresServer", "postgres_programs"]

START_SECONDS = 60.0


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres, of the newest version installed; None where there is none."""
    debian = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True
    )
    found = [*(str(path) for path in debian), shutil.which("initdb")]
    return next((Path(path).parent for path in found if path), None)


class PostgresServer(OwnServer):
    """A server that runs while entered; it can be killed and started again on the same data and port.

    Args:
        durable: wait for the disk at every commit, as in production; tests are faster without.
    """

    def __init__(self, durable: bool = False) -> None:
        programs = postgres_programs()
        if programs is None:
            raise FileNotFoundError("PostgreSQL is not installed; `bash tests/system.sh` installs it")
        self._programs, self._durable = programs, durable
        self._folder = Path(tempfile.mkdtemp(prefix="posenas-postgres-"))
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self.port = 0

    def begin(self) -> None:
        """Make its data, and start it."""
        self._create()
        self.start()

    def end(self) -> None:
        """End it, and remove its data."""
        self.stop()
        shutil.rmtree(self._folder)

    def new_database(self, template: str = "") -> str:
        """Make a database, empty or a copy of one that nobody uses just now. Both by SQLAlchemy URL."""
        self._databases += 1
        name = f"posenas_{self._databases}"
        with psycopg.connect(self._connection("postgres"), autocommit=True) as connection:
            copied = f" TEMPLATE {template.rpartition('/')[2]}" if template else ""
            connection.execute(f"CREATE DATABASE {name}{copied}")  # type: ignore[call-overload]
        return f"postgresql+psycopg://posenas:{self._password}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start the server, and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; with the last lines of its log.
        """
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._folder / "data", *self._options()],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the tests is not for it
                cwd="/",
                **_unprivileged(),
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                psycopg.connect(self._connection("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        said = (self._folder / "log").read_text(errors="replace")
        raise RuntimeError(f"PostgreSQL does not answer; its log ends with:\n{said[-2000:]}")

    def stop(self, number: signal.Signals = signal.SIGQUIT) -> None:
        """End the server: at once, as a power cut does (SIGQUIT), or with all connections closed (SIGINT)."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def restart(self) -> None:
        """As after a crash of the machine: every connection breaks, committed data is still there."""
        self.stop()
        self.start()

    def _create(self) -> None:
        self.port = _free_port()
        password_file = self._folder / "password"
        password_file.write_text(self._password)
        if user := _unprivileged().get("user"):
            account = pwd.getpwuid(user)
            for path in (self._folder, password_file):
                os.chown(path, account.pw_uid, account.pw_gid)
        subprocess.run(
            [
                self._programs / "initdb", "-D", self._folder / "data", "--username=posenas",
                f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
            cwd="/",
            **_unprivileged(),
        )  # fmt: skip

    def _options(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self._folder),
            "fsync": "on" if self._durable else "off",
            "max_connections": "200",
        }
        return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]

    def _connection(self, database: str) -> str:
        return f"host=127.0.0.1 port={self.port} user=posenas password={self._password} dbname={database}"


def _unprivileged() -> dict[str, int]:
    """The user and group for a process that refuses to be root."""
    if os.getuid() != 0:
        return {}
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        account = pwd.getpwnam("nobody")
    return {"user": account.pw_uid, "group": account.pw_gid}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
