"""Eight processes claim a thousand jobs, none twice; the race itself is benchmarks/claims.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "claims.py"


def race(url: str, *options: str) -> dict[str, float]:
    command = [sys.executable, str(BENCHMARK), "--database", url, "--json", *options]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=500)
    return dict(json.loads(answer.stdout))


@pytest.mark.slow
def test_eight_workers_claim_a_thousand_jobs_none_twice(database_url: str) -> None:
    found = race(database_url)
    assert (found["jobs"], found["workers"]) == (1000, 8)
    assert (found["claimed_twice"], found["never_claimed"], found["not_finished"]) == (0, 0, 0)


def test_the_check_sees_jobs_that_are_claimed_twice(database_url: str) -> None:
    """The control: workers that select, then update."""
    assert race(database_url, "--jobs", "60", "--workers", "4", "--naive")["claimed_twice"] > 0
