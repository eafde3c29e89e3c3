"""Jobs for the registries that `tests/cluster/conftest.py` makes, and places to run them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.registry.records import Job, Resources
from cluster.registry.registry import Registry
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.queue import Host
from cluster.scheduling.submission import Options, submit


@pytest.fixture
def add(registry: Registry, tmp_path: Path) -> Callable[..., tuple[Job, ...]]:
    """Queue jobs: add("a", "b", cpus=2, after=(1,)) -> their records."""

    def add_jobs(*names: str, cpus: float = 1, gpus: float = 0, **options: object) -> tuple[Job, ...]:
        needs = Resources(cpus=cpus, gpus=gpus)
        jobs = tuple(
            PlannedJob(name=name, kind="search", settings={}, run=name, needs=needs) for name in names
        )
        plan = Plan(name="test", kind="search", source="kind: search\n", jobs=jobs)
        return submit(registry, plan, Options(out=str(tmp_path / "runs"), **options)).jobs  # type: ignore[arg-type]

    return add_jobs


@pytest.fixture
def place() -> Callable[..., Host]:
    """place("here", cpus=2) -> a place with that room."""

    def build(name: str = "here", cpus: float = 100, gpus: float = 0) -> Host:
        return Host(name=name, capacity=Resources(cpus=cpus, gpus=gpus))

    return build
