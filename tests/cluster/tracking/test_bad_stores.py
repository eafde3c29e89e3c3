"""Stores that cannot be used: each is answered with one sentence that says what came and what to do."""

import os
import pwd
import re
import tempfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import create_engine, text

from cluster.cells import list_cells
from cluster.progress import PlainProgress, SilentProgress
from cluster.stages.delivery import deliver_run
from cluster.tracking.config import TrackingConfig
from cluster.tracking.durable import DurableTracker
from cluster.tracking.mlflow_store import connect
from cluster.tracking.ui import serve
from postgres_server import PostgresServer


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A whole store, whose version the tests change."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('foreign')}/mlflow.db"
    connect(uri)
    return uri


@pytest.fixture
def store(foreign: str, tmp_path: Path) -> Path:
    """A copy for one test, which nobody may touch; a process looks at the version of a place once only."""
    copy = tmp_path / "mlflow.db"
    copy.write_bytes(Path(foreign.removeprefix("sqlite:///")).read_bytes())
    copy.chmod(0o000)
    return copy


def set_version(uri: str, version: str) -> None:
    engine = create_engine(uri)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    engine.dispose()


class Forbidding(BaseHTTPRequestHandler):
    """A server with passwords, of which ours is none."""

    def do_GET(self) -> None:
        self.send_error(403, "Permission denied")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def forbidding() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Forbidding) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("htp://host:5000", "'htp://host:5000' is no MLflow store: give sqlite:///FILE"),
        ("host:5000", "'host:5000' is no MLflow store"),
        ("./mlruns", "'./mlruns' is no MLflow store"),
        ("sqlite:///", "'sqlite:///' names no file"),
    ],
)
def test_a_wrong_address_is_said_before_anything_is_begun(uri: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        DurableTracker(TrackingConfig(uri=uri), tmp_path, SilentProgress())
    with pytest.raises(ValueError, match=re.escape(sentence)):
        list_cells(uri)


@pytest.mark.parametrize(
    ("content", "sentence"), [(b"PK\x03\x04 a zip file", "not a database"), (None, "is no file")]
)
def test_a_store_that_is_no_database_is_said_before_anything_is_begun(
    content: bytes | None, sentence: str, tmp_path: Path
) -> None:
    place = tmp_path / "mlflow.db"
    if content is None:
        place.mkdir()
    else:
        place.write_bytes(content)
    with pytest.raises(ValueError, match=f"the MLflow store {place} .*{sentence}"):
        DurableTracker(TrackingConfig(uri=f"sqlite:///{place}"), tmp_path / "run", SilentProgress())


def test_a_server_that_does_not_let_us_in_is_said_with_what_it_may_want(forbidding: str) -> None:
    sentence = rf"the MLflow server at {forbidding} does not let us in .*: set MLFLOW_TRACKING_USERNAME"
    for ask in (connect, list_cells, serve):
        with pytest.raises(PermissionError, match=sentence):
            ask(forbidding)  # type: ignore[operator]


def test_a_search_goes_on_where_a_server_does_not_let_it_in(forbidding: str, tmp_path: Path) -> None:
    lines: list[str] = []
    config = TrackingConfig(uri=forbidding, wait_seconds=60)
    tracker = DurableTracker(config, tmp_path, PlainProgress(lines.append))
    tracker.start("run", "run", {}, {})
    tracker.close()
    assert "2" not in lines[-1].split(" other")[0]
    assert re.search(r"1 other events \(the MLflow server at .* does not let us in", lines[-1])


@pytest.fixture
def another_user(tmp_path: Path) -> Iterator[None]:
    """Root may read everything, so tests of permissions are another user where root runs them."""
    base = Path(tempfile.gettempdir())
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(base) and folder != base:  # pytest makes its folders for their owner alone
            folder.chmod(0o755)
    before = os.geteuid()
    if before == 0:
        os.seteuid(pwd.getpwnam("nobody").pw_uid)
    yield
    os.seteuid(before)


def test_a_file_that_may_not_be_read_is_said(store: Path, another_user: None) -> None:
    for ask in (connect, list_cells, serve):
        with pytest.raises(PermissionError, match=f"no permission to read the MLflow store {store}"):
            ask(f"sqlite:///{store}")  # type: ignore[operator]


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder that nobody may enter."""
    folder = tmp_path / "closed"
    (folder / "within").mkdir(parents=True)
    folder.chmod(0o600)
    yield folder
    folder.chmod(0o755)


def test_a_folder_that_may_not_be_entered_is_said(closed: Path, another_user: None) -> None:
    for place in (closed / "mlflow.db", closed / "within" / "mlflow.db"):
        with pytest.raises(PermissionError, match=f"no permission to look for the MLflow store {place}"):
            connect(f"sqlite:///{place}")


def test_a_file_that_may_not_be_written_is_said_before_a_search_begins(
    store: Path, another_user: None
) -> None:
    for place in (store, store.parent / "new.db"):
        with pytest.raises(PermissionError, match=f"no permission to write the MLflow store {place}: change"):
            DurableTracker(TrackingConfig(uri=f"sqlite:///{place}"), store.parent, SilentProgress())


def test_a_database_that_does_not_know_the_password_is_said(postgres: PostgresServer) -> None:
    uri = re.sub(r":[^:@]+@", ":wrong@", postgres.new_database())
    with pytest.raises(ValueError, match=r"MLflow cannot use the store .*:\*\*\*@.*password authentication"):
        connect(uri)


def test_the_store_of_an_older_mlflow_is_said_with_the_command_that_upgrades_it(store: Path) -> None:
    store.chmod(0o644)
    uri = f"sqlite:///{store}"
    set_version(uri, "cc1f77228345")  # MLflow 1.24's
    for ask in (connect, serve):
        with pytest.raises(
            ValueError,
            match=r"made by an older MLflow \(its tables are of version cc1f77228345; MLflow 3.* needs \w+\):"
            rf" copy it, then run `mlflow db upgrade {uri}`, or name another store with --tracking",
        ):
            ask(uri)  # type: ignore[operator]


def test_the_store_of_a_newer_mlflow_is_said(store: Path) -> None:
    store.chmod(0o644)
    set_version(f"sqlite:///{store}", "0123456789ab")
    with pytest.raises(ValueError, match=r"made by a newer MLflow .* install that one, or name another"):
        connect(f"sqlite:///{store}")


def test_delivering_from_a_folder_without_a_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no run"):
        deliver_run(tmp_path)
