"""docs/tutorial.md as it stands: its files are written, its commands run, its server answers.

The one change is the length: the experiment file gets a search and a training of few steps.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "tutorial.md"
BLOCK = re.compile(r'^```(\w+)(?: (server))?(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PORT = "5010"
SHORT = """\
search: {epochs: 1, weight_steps_per_epoch: 2, controller_steps_per_epoch: 1}
derivation: {num_samples: 2, num_retrained: 1, epochs: 2}
training: {epochs: 2, warmup_epochs: 0}
parameters: 20000
kernels: {kernels: 100, copies: 1}
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def servers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Servers that the page starts; each is the leader of a process group of its own."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for server in started:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(60)


def test_every_block_of_the_tutorial_runs(tmp_path: Path, servers: list[subprocess.Popen[bytes]]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    said = ""
    for language, server, title, content in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        text = content.replace(PORT, port)
        if title:
            (tmp_path / title).write_text(text + (SHORT if language == "yaml" else ""), encoding="utf-8")
        elif server:
            servers.append(start(text, tmp_path, environment))
            wait_for(f"http://127.0.0.1:{port}/ping", servers[-1], tmp_path / "server.log")
        elif language == "sh":
            said = run(text, tmp_path, environment)
    assert servers
    assert (tmp_path / "images" / "contact_sheet.png").is_file()
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()
    assert re.fullmatch(r"bend_s02_e01: [a-z ]+ \([01]\.\d\d\)\n", said)


def run(commands: str, folder: Path, environment: dict[str, str]) -> str:
    """A block of commands, each of which must succeed."""
    answer = subprocess.run(
        ["bash", "-e", "-c", commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert answer.returncode == 0, f"{commands}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


def start(command: str, folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """The server of a block, beside the test."""
    with (folder / "server.log").open("wb") as log:
        return subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers; it must not end, nor take four minutes."""
    deadline = time.monotonic() + 240
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert server.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.2)
