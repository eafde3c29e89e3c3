"""The page as a command: where it listens, what it says, how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cluster.scheduling.page.server import mlflow_addresses


@contextmanager
def served(folder: Path, *options: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`posenas queue --web` in a folder, and the address that it says."""
    command = [sys.executable, "-m", "cluster.cli", "queue", "--web", "--port", "8450", *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            match = re.search(r"http://\S+", process.stdout.readline())
            assert match is not None
            yield process, match[0]
        finally:
            process.kill()


def status(address: str) -> int:
    """What the page answers, once it listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except urllib.error.URLError:
            assert time.monotonic() < deadline, f"nobody listens at {address}"
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_page_is_served_on_loopback_until_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path) as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert "token" not in address
        assert status(address) == 200
        process.send_signal(number)
        assert process.wait(60) in (0, 128 + number, -number)


@pytest.mark.slow
def test_elsewhere_the_address_that_is_said_holds_a_token(tmp_path: Path) -> None:
    with served(tmp_path, "--host", "0.0.0.0") as (_, address):
        here = address.replace("0.0.0.0", "127.0.0.1")
        assert status(here.split("?")[0]) == 401
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(here, timeout=10) as answer:
            assert answer.status == 200
            assert "token" not in answer.url


def test_links_need_a_server() -> None:
    with pytest.raises(ValueError, match="links need the http"):
        mlflow_addresses("sqlite:///mlflow.db")
