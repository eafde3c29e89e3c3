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
from typing import Any

import psutil
import pytest

from cluster.distributed.runtime import HEALTH_CHECK

pytestmark = [pytest.mark.ray, pytest.mark.slow]
START_SECONDS = 90
TINY_FILE = Path(__file__).parents[1] / "tiny.yaml"


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

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """`posenas`, with stdout and stderr together."""
        return subprocess.Popen(
            [sys.executable, "-m", "cluster.cli", *arguments],
            env={**self.environment, "OMP_NUM_THREADS": "1"},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

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


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture
def machines() -> Iterator[Machines]:
    # not tmp_path: the names of Ray's sockets must not be longer than 107 characters
    folder = Path(tempfile.mkdtemp(prefix="posenas-"))
    machines = Machines(folder)
    yield machines
    machines.close()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_machine_that_dies_costs_only_time(machines: Machines) -> None:
    port = free_port()
    # without a dashboard nobody reads Ray's metrics, which take a core while a machine is lost
    settings = f"--system-config={json.dumps({**HEALTH_CHECK, 'enable_metrics_collection': False})}"
    machines.start(
        "--head", f"--port={port}", "--include-dashboard=false", settings, f"--temp-dir={machines.folder}/ray"
    )
    address = f"127.0.0.1:{port}"
    # of addresses of their own, so that the driver joins the head: it lives on a machine that has its address
    machines.start(f"--address={address}", "--node-ip-address=127.0.0.2")
    victim = machines.start(f"--address={address}", "--node-ip-address=127.0.0.3")

    shards = ("--config", str(TINY_FILE), "--set", "search.num_shards=4", "--set", "derivation.epochs=1")
    where = ("--address", address, "--workers", "3", "--placement", "spread", "--placement-timeout", "120")
    said = []
    with machines.command("search", *shards, *where, "--out", str(machines.folder / "on_machines")) as search:
        assert search.stdout is not None
        for line in search.stdout:
            said.append(line)
            if line.startswith("epoch 1/3"):
                machines.end(victim)  # and the worker on it, wherever in a step it is
    assert search.returncode == 0, "".join(said)
    assert any("Ray has 3 machines with 3 CPUs" in line for line in said)
    assert any("was lost" in line for line in said)
    with machines.command("search", *shards, "--out", str(machines.folder / "alone")) as alone:
        alone.communicate(timeout=300)
    assert alone.returncode == 0
    cluster, here = (found(machines.folder / name) for name in ("on_machines", "alone"))
    assert len(cluster["weights"]) == 64  # SHA-256
    assert cluster == here


def found(folder: Path) -> dict[str, Any]:
    """Genotype, weights' hash and every metric of a search, without what it cost."""
    content = json.loads((folder / "search.json").read_text())
    content.pop("seconds")
    costs = ("timestamp", "weight_seconds", "controller_seconds", "weight_bytes", "idle_share")
    content["epochs"] = [
        {name: row[name] for name in row if not name.startswith(costs)} for row in content["epochs"]
    ]
    return dict(content)


def test_what_a_cluster_lacks_and_what_a_token_lacks_is_said_with_the_remedy(machines: Machines) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    machines.start(
        "--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={machines.folder}/ray"
    )

    def said(*arguments: str) -> tuple[int, str]:
        with machines.command(*arguments, "--address", address) as process:
            text, _ = process.communicate(timeout=300)
        return process.returncode, " ".join(text.split())

    asked = ("search", "--config", str(TINY_FILE), "--workers", "2", "--placement-timeout", "1", "--out")
    code, text = said(*asked, str(machines.folder / "one"))
    assert code == 2
    assert "had no free resources within 1 s for 2 workers of 1 CPU each (placement PACK)" in text
    assert "it has 1 machine with 1 CPUs" in text
    del machines.environment["RAY_AUTH_TOKEN"]
    code, text = said(*asked, str(machines.folder / "two"))
    assert code == 2
    assert "could not be joined with RAY_AUTH_MODE=token and no token here" in text
    code, text = said("doctor")
    assert code == 1
    assert "Ray token missing" in text
    assert "Ray cluster missing" in text
