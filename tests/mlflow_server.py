"""A real MLflow server of one's own, to be killed and started again: on loopback, one worker, no jobs.

Used by the tests of tracking and by benchmarks/tracking.py.
"""

import os
import resource
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from cluster.tracking.ui import server_command, server_environment
from own_server import OwnServer

__all__ = ["MlflowServer"]

START_SECONDS = 120.0


class MlflowServer(OwnServer):
    """A server that runs while entered; it can be killed and started again on the same data and port.

    Args:
        folder: for its SQLite store and artifacts, or only its log where `store` is given.
        store: address of another database.
    """

    def __init__(self, folder: Path, store: str = "") -> None:
        self.folder = folder
        self.store = store or f"sqlite:///{folder}/mlflow.db"
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """As `start`."""
        self.start()

    def end(self) -> None:
        """As `kill`."""
        self.kill()

    def start(self) -> None:
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: it ended, or did not answer in time; with the last lines of its log.
        """
        command = server_command(self.store, self.port)
        place = (
            command.index("--default-artifact-root") if "--default-artifact-root" in command else len(command)
        )
        # a client on another machine could not write where the server's files lie: through the server, then
        command[place:] = ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=server_environment(os.environ),
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                opener.open(f"{self.uri}/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)
        said = (self.folder / "log").read_text(errors="replace")
        raise RuntimeError(f"MLflow does not answer; its log ends with:\n{said[-2000:]}")

    @contextmanager
    def full(self) -> Iterator[None]:
        """As with a full disk: no process of the server can make a file longer than one byte meanwhile."""
        assert self._process is not None
        server = psutil.Process(self._process.pid)
        for process in (server, *server.children(recursive=True)):
            _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, hard))
        try:
            yield
        finally:
            for process in (server, *server.children(recursive=True)):
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))

    def kill(self) -> None:
        """kill -9 of the server and its children: nothing is finished, nothing said."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(60)
            self._process = None
