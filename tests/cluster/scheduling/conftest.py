"""One registry for each engine: every test that asks for `registry` runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.queue import Place
from cluster.scheduling.records import Job, Room
from cluster.scheduling.registry import Registry
from cluster.scheduling.submission import Options, submit


@pytest.fixture(scope="session")
def made_databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Engine -> the address of a registry without jobs, to be copied: making one takes a while."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, made_databases: dict[str, str]) -> str:
    """The address of a registry without jobs."""
    made = made_databases.get(request.param)
    if request.param == "sqlite":
        file = tmp_path / "posenas.db"
        if made is None:
            folder = request.getfixturevalue("tmp_path_factory").mktemp("registry")
            made = made_databases["sqlite"] = f"sqlite:///{folder / 'posenas.db'}"
            Registry.open(made).close()
        shutil.copy(made.removeprefix("sqlite:///"), file)
        return f"sqlite:///{file}"
    server = request.getfixturevalue("postgres")
    if made is None:
        made = made_databases["postgresql"] = server.new_database()
        Registry.open(made).close()
    return str(server.new_database(template=made))


@pytest.fixture
def registry(database_url: str) -> Iterator[Registry]:
    with Registry.open(database_url) as registry:
        yield registry


@pytest.fixture
def add(registry: Registry, tmp_path: Path) -> Callable[..., tuple[Job, ...]]:
    """Queue jobs: add("a", "b", cpus=2, after=(1,)) -> their records."""

    def add_jobs(*names: str, cpus: float = 1, gpus: float = 0, **options: object) -> tuple[Job, ...]:
        needs = Room(cpus=cpus, gpus=gpus)
        jobs = tuple(
            PlannedJob(name=name, kind="search", settings={}, run=name, needs=needs) for name in names
        )
        plan = Plan(name="test", kind="search", source="kind: search\n", jobs=jobs)
        return submit(registry, plan, Options(out=str(tmp_path / "runs"), **options)).jobs  # type: ignore[arg-type]

    return add_jobs


@pytest.fixture
def place() -> Callable[..., Place]:
    """place("here", cpus=2) -> a place with that room."""

    def build(name: str = "here", cpus: float = 100, gpus: float = 0) -> Place:
        return Place(name=name, capacity=Room(cpus=cpus, gpus=gpus))

    return build
