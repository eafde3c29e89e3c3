"""A cluster of three machines, all of them this one, begun as docs/cluster.md says; one of them is lost."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cluster.distributed.runtime import HEALTH_CHECK

pytestmark = [pytest.mark.ray, pytest.mark.slow]
START_SECONDS = 90


class Machines:
    """Rays in the foreground, each with all its processes below one of ours; none sees the user's home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
            "HOME": str(folder),
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "7" * 40,
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """One machine; a busy one sometimes needs a second attempt."""
        command = [str(Path(sys.executable).with_name("ray")), "start", *arguments, "--block", "--num-cpus=1"]
        command += ["--object-store-memory=80000000", "--disable-usage-stats"]
        for _ in range(3):
            log = self.folder / f"machine{len(self._started)}.log"
            with log.open("wb") as output:
                process = subprocess.Popen(
                    command, env=self.environment, stdout=output, stderr=output, start_new_session=True
                )
            self._started.append(process)
            deadline = time.monotonic() + START_SECONDS
            while process.poll() is None and time.monotonic() < deadline:
                if "Ray runtime started" in log.read_text():
                    return process
                time.sleep(0.2)
            self.end(process)
        raise AssertionError(log.read_text())

    def processes(self, machine: subprocess.Popen[bytes]) -> list[int]:
        """Process ids of a machine, its `ray start` first."""
        try:
            return [machine.pid, *(p.pid for p in psutil.Process(machine.pid).children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def end(self, machine: subprocess.Popen[bytes]) -> None:
        for pid in self.processes(machine):
            try:
                psutil.Process(pid).kill()
            except psutil.NoSuchProcess:
                continue
        machine.wait()

    def close(self) -> None:
        for machine in self._started:
            self.end(machine)


@pytest.fixture
def machines() -> Iterator[Machines]:
    # not tmp_path: the names of Ray's sockets must not be longer than 107 characters
    folder = Path(tempfile.mkdtemp(prefix="posenas-"))
    machines = Machines(folder)
    yield machines
    machines.close()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_machine_that_dies_costs_only_time(machines: Machines) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = f"--system-config={json.dumps(HEALTH_CHECK)}"
    machines.start(
        "--head", f"--port={port}", "--include-dashboard=false", settings, f"--temp-dir={machines.folder}/ray"
    )
    address = f"127.0.0.1:{port}"
    machines.start(f"--address={address}")
    victim = machines.start(f"--address={address}")

    program = [sys.executable, str(Path(__file__).with_name("node_loss.py")), address]
    done = subprocess.run(
        # its workers start with the search: they need not be named, they die with their machine
        [*program, *map(str, machines.processes(victim))],
        env={**machines.environment, "OMP_NUM_THREADS": "1"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["machines"] == 3
    assert result["equal"]
    assert result["repeated"] >= 1
