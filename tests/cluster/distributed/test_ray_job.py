"""A search handed to a cluster with `ray job submit`, as docs/containers.md says."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ray_head import START_SECONDS, RayHead

pytestmark = [pytest.mark.ray, pytest.mark.slow]

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).resolve().parents[3]
TINY_FILE = REPOSITORY / "tests" / "cluster" / "tiny.yaml"


@pytest.fixture
def head() -> Iterator[RayHead]:
    with RayHead(jobs=True) as head:
        yield head


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


def test_a_search_submitted_as_a_ray_job_finds_what_one_without_ray_finds(head: RayHead) -> None:
    folder, environment = head.folder, head.environment
    search = [str(BIN / "posenas"), "search", "--config", str(TINY_FILE), "--epochs", "1"]
    submit = [str(BIN / "ray"), "job", "submit", "--address", head.job_server, "--"]
    output = run(
        [*submit, *search, "--address", "auto", "--workers", "2", "--out", str(folder / "job")], environment
    )
    assert "succeeded" in output
    run([*search, "--out", str(folder / "alone")], environment)
    job, alone = (json.loads((folder / name / "genotype.json").read_text()) for name in ("job", "alone"))
    assert job == alone
