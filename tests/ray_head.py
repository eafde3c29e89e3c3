"""A Ray head of one's own: a process on loopback, on free ports, with a token, gone afterwards."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from own_server import OwnServer

__all__ = ["START_SECONDS", "RayHead"]

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).resolve().parents[1]
START_SECONDS = 120


class RayHead(OwnServer):
    """A head that runs while entered.

    Args:
        cpus: how many it offers.
        jobs: whether it takes `ray job submit`; then with the dashboard, which takes longer to start.
    """

    def __init__(self, *, cpus: int = 2, jobs: bool = False) -> None:
        # not pytest's tmp_path: the names of Ray's sockets must not be longer than 107 characters
        self.folder = Path(tempfile.mkdtemp(prefix="posenas-"))
        gcs, dashboard, agent = _free_ports(3)
        self.address, self.job_server = f"127.0.0.1:{gcs}", f"http://127.0.0.1:{dashboard}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "HOME": str(self.folder),
            "PYTHONPATH": str(REPOSITORY),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "3" * 40,
        }
        """What a person exports before: the token, and nothing of another Ray."""
        self._command = [
            str(BIN / "ray"), "start", "--head", "--block", f"--port={gcs}", "--node-ip-address=127.0.0.1",
            f"--num-cpus={cpus}", f"--include-dashboard={str(jobs).lower()}", f"--dashboard-port={dashboard}",
            # the agent that starts jobs listens on one fixed port, which another Ray of this machine may have
            f"--dashboard-agent-listen-port={agent}", "--disable-usage-stats",
            "--object-store-memory=80000000", f"--temp-dir={self.folder}/ray",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start it, and wait until it says that it runs."""
        log = self.folder / "head.log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                self._command, env=self.environment, stdout=output, stderr=output, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while "Ray runtime started" not in log.read_text():
            assert self._process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)

    def end(self) -> None:
        """End it with all its processes, and remove its folder."""
        if self._process is not None:
            head = psutil.Process(self._process.pid)
            for process in [*head.children(recursive=True), head]:
                if process.is_running():
                    process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(listener.getsockname()[1]) for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
