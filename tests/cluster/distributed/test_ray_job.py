"""A search handed to a cluster with `ray job submit`, as docs/containers.md says."""

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

pytestmark = [pytest.mark.ray, pytest.mark.slow]

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).resolve().parents[3]
TINY_FILE = REPOSITORY / "tests" / "cluster" / "tiny.yaml"
START_SECONDS = 120


def free_ports(count: int) -> list[int]:
    with_sockets = [socket.socket() for _ in range(count)]
    for free in with_sockets:
        free.bind(("127.0.0.1", 0))
    ports = [int(free.getsockname()[1]) for free in with_sockets]
    for free in with_sockets:
        free.close()
    return ports


@pytest.fixture
def folder() -> Iterator[Path]:
    # not tmp_path: the names of Ray's sockets must not be longer than 107 characters
    folder = Path(tempfile.mkdtemp(prefix="posenas-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def environment(folder: Path) -> dict[str, str]:
    """What a person exports before: the token, and nothing of another Ray."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "HOME": str(folder),
        "PYTHONPATH": str(REPOSITORY),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "3" * 40,
    }


@pytest.fixture
def job_server(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of the job server of a Ray head that ends with the test."""
    gcs, dashboard, agent = free_ports(3)
    log = folder / "head.log"
    command = [str(BIN / "ray"), "start", "--head", "--block", f"--port={gcs}", "--num-cpus=2"]
    command += ["--include-dashboard=true", f"--dashboard-port={dashboard}", "--disable-usage-stats"]
    # the agent that starts jobs listens on one fixed port, which another Ray of this machine may have
    command += [f"--dashboard-agent-listen-port={agent}"]
    command += ["--object-store-memory=80000000", f"--temp-dir={folder}/ray"]
    with log.open("wb") as output:
        head = subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while "Ray runtime started" not in log.read_text():
            assert head.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{dashboard}"
    finally:
        processes = [*psutil.Process(head.pid).children(recursive=True), psutil.Process(head.pid)]
        for process in processes:
            if process.is_running():
                process.kill()
        head.wait()


def run(command: list[str], environment: dict[str, str]) -> str:
    """What a command printed; a head that has just begun is asked again until it takes jobs."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        done = subprocess.run(
            command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False
        )
        if "No available agent" not in done.stderr or time.monotonic() > deadline:
            break
        time.sleep(1)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_search_submitted_as_a_ray_job_finds_what_one_without_ray_finds(
    job_server: str, folder: Path, environment: dict[str, str]
) -> None:
    search = [str(BIN / "posenas"), "search", "--config", str(TINY_FILE), "--epochs", "1"]
    submit = [str(BIN / "ray"), "job", "submit", "--address", job_server, "--"]
    output = run(
        [*submit, *search, "--address", "auto", "--workers", "2", "--out", str(folder / "job")], environment
    )
    assert "succeeded" in output
    run([*search, "--out", str(folder / "alone")], environment)
    job, alone = (json.loads((folder / name / "genotype.json").read_text()) for name in ("job", "alone"))
    assert job == alone
