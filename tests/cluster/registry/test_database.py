"""The schema: made, upgraded from every revision that there was, refused where it does not fit."""

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from cluster.registry import database
from cluster.registry.database import HEAD, Database, upgrade_schema
from cluster.registry.models import Base
from cluster.registry.records import Resources
from cluster.registry.registry import Registry
from cluster.scheduling.queue import Host, Queue

STORED = sorted((Path(__file__).parent / "schemas").glob("*.sql"))
MIGRATIONS = Path(database.__file__).parent / "migrations"


@pytest.fixture
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Path], str]:
    """Bring a stored registry to life: stored(file) -> its address."""

    def restore(file: Path) -> str:
        statements = file.read_text(encoding="utf-8")
        if file.name.endswith(".sqlite.sql"):
            place = tmp_path / "stored.db"
            with sqlite3.connect(place) as connection:
                connection.executescript(statements)
            connection.close()
            return f"sqlite:///{place}"
        url: str = request.getfixturevalue("postgres").new_database()
        with psycopg.connect(url.replace("+psycopg", "")) as server:
            server.execute(statements)  # type: ignore[call-overload]
        return url

    return restore


def test_there_is_a_stored_registry_of_every_revision_before_this_one() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    script = ScriptDirectory.from_config(config)
    assert script.get_current_head() == HEAD
    revisions = {revision.revision for revision in script.walk_revisions()} - {HEAD}
    for engine in ("sqlite", "postgresql"):
        assert {file.name.split(".")[0] for file in STORED if f".{engine}." in file.name} >= revisions


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.name)
def test_an_old_registry_is_refused_with_the_command_then_upgraded_with_all_its_jobs(
    file: Path, stored: Callable[[Path], str]
) -> None:
    url = stored(file)
    revision = file.name.split(".")[0]
    with pytest.raises(ValueError, match=f"has the schema {revision} .*`posenas db upgrade --database"):
        Registry.open(url)
    assert upgrade_schema(url) == (revision, HEAD)
    assert upgrade_schema(url) == (HEAD, HEAD)
    with Registry.open(url) as registry:
        assert [(job.name, job.state) for job in registry.jobs()] == [
            ("done", "finished"), ("running", "running"), ("waiting", "queued"),
        ]  # fmt: skip
        assert registry.jobs()[2].after == (2,)
        assert [experiment.every for experiment in registry.experiments()] == [None, "0 2 * * *"]
        with registry.database.writing() as connection:
            connection.execute(text("UPDATE job SET state = 'finished' WHERE name = 'running'"))
        claim = Queue(registry).claim("w", Host(name="here", capacity=Resources(cpus=1)))
        assert claim is not None
        assert claim.job.name == "waiting"
        _assert_schema_is_that_of_the_models(registry.database)


def test_a_new_registry_has_the_schema_of_the_models(registry: Registry) -> None:
    _assert_schema_is_that_of_the_models(registry.database)


def test_the_comparison_sees_a_difference(registry: Registry) -> None:
    with registry.database.writing() as connection:
        connection.execute(text("ALTER TABLE job ADD COLUMN forgotten TEXT"))
    with pytest.raises(AssertionError, match="forgotten"):
        _assert_schema_is_that_of_the_models(registry.database)


def _assert_schema_is_that_of_the_models(opened: Database) -> None:
    with opened.reading() as connection:
        found = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert found == []


def test_a_newer_registry_is_refused(registry: Registry) -> None:
    with registry.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ValueError, match="has the schema 9999 of a newer posenas"):
        Registry.open(registry.database.url)


def test_many_may_open_a_new_registry_at_once(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for url in (f"sqlite:///{tmp_path / 'new.db'}", request.getfixturevalue("postgres").new_database()):
        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(Registry.open, [url] * 8))
        assert [registry.jobs() for registry in opened] == [()] * 8
        for registry in opened:
            registry.close()


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "mlflow.db"
    with sqlite3.connect(place) as connection:
        connection.execute("CREATE TABLE runs (id INTEGER)")
    connection.close()
    with pytest.raises(ValueError, match="belongs to another program"):
        Registry.open(f"sqlite:///{place}")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("posenas.db", "the registry's address is 'posenas.db'; sqlite:///FILE.db or postgresql://"),
        ("mysql://x/y", "can be SQLite or PostgreSQL; the address says 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:////no/such/folder/x.db", "the folder /no/such/folder of the registry x.db does not exist"),
    ],
)
def test_a_wrong_address_is_one_sentence(url: str, sentence: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        Registry.open(url)


def test_a_server_that_is_down_is_named_without_its_password() -> None:
    with pytest.raises(ConnectionError, match=r"postgresql.*u:\*\*\*@127.0.0.1.* does not answer"):
        Registry.open("postgresql://u:secret@127.0.0.1:9/x")
