"""The MLflow store: which one, where its artifacts lie, and clear sentences when it cannot be had.

Everything of posenas that talks to MLflow comes through `connect`, so that one place decides how long a dead
server may hold us up and what a person reads then.
"""

import fcntl
import importlib.util
import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cluster.files import TEMPORARY_PREFIX
from cluster.tracking.facts import without_passwords

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "MODEL_TRAINING",
    "RefusedError",
    "artifact_root",
    "check_exists",
    "check_place",
    "connect",
    "experiment_id",
    "quiet_mlflow",
    "resolve",
    "said_clearly",
    "sqlite_file",
    "table_version",
]

# An experiment tag of MLflow 3: the UI opens such an experiment in model-training, not in GenAI mode.
MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}

_SERVERS = ("http", "https")
_NO_PERMISSION = ("PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED")
_REFUSED = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
_REVISION = re.compile(r'^(revision|down_revision) = "(\w+)"', re.MULTILINE)
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
# MLflow waits 247 s for a dead server with its own settings; with one retry a refused connection is known
# at once, and a silent host after two of these.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


def resolve(uri: str) -> str:
    """The address with a relative SQLite file made absolute against the current folder.

    Raises:
        ValueError: the address is of no kind that MLflow 3 serves.
        FileNotFoundError: the folder of the SQLite file does not exist.
        PermissionError: a folder on the way to it cannot be entered.
    """
    kind = urlsplit(uri).scheme.split("+")[0]
    if kind in _SERVERS:
        return uri.rstrip("/")
    if kind not in _DATABASES:
        raise ValueError(
            f"{uri!r} is no MLflow store: give sqlite:///FILE (as sqlite:///mlflow.db), the http(s) address"
            " of an MLflow server, or a database address (as postgresql://user:password@host/name)"
        )
    if kind != "sqlite":
        return uri
    place = uri.partition(":///")[2]
    file = Path(place).expanduser().absolute()
    if place == "" or file.name == "":
        raise ValueError(f"{uri!r} names no file: an SQLite store is sqlite:///FILE, as sqlite:///mlflow.db")
    try:
        found = file.parent.is_dir()
        file.exists()  # which a folder that cannot be entered does not tell
    except PermissionError:
        raise PermissionError(
            f"no permission to look for the MLflow store {file}: a folder on the way to it cannot be entered;"
            " its owner may give it, or name another store with --tracking"
        ) from None
    if not found:
        raise FileNotFoundError(
            f"the MLflow store {file} cannot be opened: the folder {file.parent} does not exist"
        )
    return f"sqlite:///{file}"


def artifact_root(uri: str, wanted: str | None = None) -> str | None:
    """Where a new experiment keeps its artifacts: see `TrackingConfig`; None: a server decides.

    MLflow's own default is relative to the folder in which it is started, and is lost from any other one.
    """
    if wanted is not None:
        return wanted if urlsplit(wanted).scheme else Path(wanted).expanduser().absolute().as_uri()
    if urlsplit(resolve(uri)).scheme in _SERVERS:
        return None
    file = sqlite_file(uri)
    return ((Path.cwd() if file is None else file.parent) / "mlartifacts").as_uri()


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite store; None for a store of another kind."""
    resolved = resolve(uri)
    return Path(resolved.removeprefix("sqlite:///")) if resolved.startswith("sqlite:///") else None


def check_place(uri: str) -> None:
    """What can be seen of a store at once, without MLflow: whether its SQLite file can be one and be written.

    Raises:
        ValueError: the file is something else.
        PermissionError: it, or the folder that it is to be made in, cannot be written.
    """
    file = sqlite_file(uri)
    if file is None:
        return
    if file.exists() and not file.is_file():
        raise ValueError(f"the MLflow store {file} is no file: name one, as sqlite:///{file}/mlflow.db")
    place = file if file.exists() else file.parent
    if not _allowed(place, os.R_OK | os.W_OK):
        raise PermissionError(
            f"no permission to write the MLflow store {file}: change that of {place}, or name another store"
            " with --tracking"
        )
    with file.open("rb") if file.exists() else nullcontext() as opened:
        head = opened.read(16) if opened else b""
    if head not in (b"", b"SQLite format 3\0"):
        raise ValueError(f"the MLflow store {file} cannot be used: the file is not a database; name another")


def check_exists(uri: str) -> None:
    """Whether an SQLite store is there to be read.

    Raises:
        FileNotFoundError: there is no such file.
        PermissionError: it cannot be read.
    """
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise FileNotFoundError(
            f"there is no MLflow store {file} yet; `posenas search` or `posenas demo` makes it, or name"
            " another one with --tracking"
        )
    if file is not None and not _allowed(file, os.R_OK):
        raise PermissionError(f"no permission to read the MLflow store {file}: its owner may give it")


def _allowed(path: Path, mode: int) -> bool:
    """Whether we, as the user that opening a file would count, may do this."""
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def connect(uri: str, *, create: bool = True) -> "MlflowClient":
    """A client of the store at `uri`.

    Args:
        uri: see `TrackingConfig`.
        create: make an SQLite file that does not exist (2 s); without it such a file is an error.

    Raises:
        ValueError: the address is of no kind that MLflow serves, or the database is not one of this MLflow.
        FileNotFoundError: the SQLite file, or with `create` its folder, does not exist.
        ConnectionError: no MLflow server answers there.
        PermissionError: the file, or the server, does not let us in.
    """
    resolved = resolve(uri)
    file = sqlite_file(resolved)
    if not create or (file is not None and file.exists()):
        check_exists(resolved)
    quiet_mlflow()
    with warnings.catch_warnings(), said_clearly(resolved):
        # MLflow 3.17 configures its tables with an option that SQLAlchemy 2.1 has deprecated.
        warnings.filterwarnings(
            "ignore", message="The ``noload`` loader strategy", category=DeprecationWarning
        )
        from mlflow import MlflowClient

        if urlsplit(resolved).scheme not in _SERVERS and (file is None or file.exists()):
            _open_database(resolved)
        with _alone(file):
            if file is not None and not file.exists():
                _make(file)
            elif urlsplit(resolved).scheme not in _SERVERS:
                _check_tables(resolved)
            client = MlflowClient(resolved, registry_uri=resolved)
            client.get_experiment_by_name("Default")  # the first call that a dead server would fail
    return client


def quiet_mlflow() -> None:
    """Let MLflow be short with dead servers, and not write into the middle of our progress.

    To be called before MLflow is loaded.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    # "Creating initial MLflow database tables...", "Validating input example against model signature"
    for name in ("mlflow.store.db.utils", "mlflow.pyfunc", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def _alone(file: Path | None) -> Iterator[None]:
    """Two processes that make the tables of one new SQLite file at once break each other's: one at a time.

    Where nothing can be written no tables are made either, and no one has to wait.
    """
    if file is None or not _allowed(file.parent, os.W_OK):
        yield
        return
    with file.with_name(f"{file.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _open_database(uri: str) -> None:
    """Find out at once whether the database can be had: MLflow tries for 100 s before it says so."""
    from sqlalchemy import create_engine, text

    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            connection.execute(text("PRAGMA schema_version" if engine.name == "sqlite" else "SELECT 1"))
    finally:
        engine.dispose()


def _make(file: Path) -> None:
    """Make the tables beside and rename: a store whose making was killed half-way cannot be mended."""
    from mlflow.store.db.utils import _initialize_tables
    from sqlalchemy import create_engine

    beside = file.with_name(f"{TEMPORARY_PREFIX}{file.name}")
    beside.unlink(missing_ok=True)
    engine = create_engine(f"sqlite:///{beside}")
    try:
        _initialize_tables(engine)  # type: ignore[no-untyped-call]
    finally:
        engine.dispose()
    beside.rename(file)


def _check_tables(uri: str) -> None:
    """Refuse the tables of another MLflow before it opens them: where some are missing, it upgrades unasked.

    Raises:
        ValueError: they are of another version.
    """
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return
            found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    finally:
        engine.dispose()
    if found not in (None, table_version()):
        raise ValueError(_other_version(without_passwords(uri), str(found), table_version()))


def experiment_id(client: "MlflowClient", uri: str, name: str, artifacts: str | None = None) -> str:
    """The id of the experiment called `name`, made where there is none, with its files at `artifacts`.

    Raises:
        ValueError: an experiment of this name lies in MLflow's bin.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_root(uri, artifacts), tags=MODEL_TRAINING))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            found = client.get_experiment_by_name(name)  # another search has made it just now
    if found is None or found.lifecycle_stage != "active":
        raise ValueError(
            f"the MLflow experiment {name!r} in {uri} was deleted; restore it (mlflow experiments restore) or"
            " give another name"
        )
    return str(found.experiment_id)


class RefusedError(ValueError):
    """MLflow understood, and will not take this one event, now or later; others it may take."""


@contextmanager
def said_clearly(uri: str) -> Iterator[None]:
    """Turn what MLflow and its database raise into one sentence that names the store.

    Raises:
        ConnectionError: a server does not answer, or something else answers at its address.
        PermissionError: a server does not let us in.
        RefusedError: MLflow refuses the event.
        ValueError: the database cannot be used, or its driver is not installed.
    """
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the MLflow store {without_passwords(uri)} needs the Python package {error.name}: install it"
        ) from error
    except (MlflowException, SQLAlchemyError) as error:
        raise _clear(uri, error) from error


def _clear(uri: str, error: Exception) -> Exception:
    """What to raise instead."""
    text, shown = str(error), without_passwords(uri)
    code = getattr(error, "error_code", "")
    server = urlsplit(uri).scheme in _SERVERS
    if server and (code in _NO_PERMISSION or re.search(r"error code 40[13]\b", text)):
        return PermissionError(
            f"the MLflow server at {shown} does not let us in ({_first_line(error)}): set"
            " MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
        )
    if code in _REFUSED and "API request to endpoint" not in text:
        return RefusedError(f"MLflow at {shown} refuses: {_first_line(error)}")
    if not server:
        return ValueError(f"MLflow cannot use the store {shown}: {_first_line(error)}")
    if "failed with exception" in text:
        return ConnectionError(
            f"no MLflow server answers at {shown}: start it (posenas ui), give another address, or record"
            " into a file (sqlite:///mlflow.db)"
        )
    return ConnectionError(f"the MLflow server at {shown} refuses: {_first_line(error)}")


def _other_version(uri: str, found: str, needed: str) -> str:
    """The sentence for a database that another version of MLflow has made."""
    import mlflow

    if any(_migrations().glob(f"{found}_*.py")):
        return (
            f"the MLflow store {uri} was made by an older MLflow (its tables are of version {found}; MLflow"
            f" {mlflow.__version__} needs {needed}): copy it, then run `mlflow db upgrade {uri}`, or name"
            " another store with --tracking"
        )
    return (
        f"the MLflow store {uri} was made by a newer MLflow (its tables are of version {found}, which MLflow"
        f" {mlflow.__version__} does not know): install that one, or name another store with --tracking"
    )


def table_version() -> str:
    """The version of the tables that the MLflow installed here makes, found without loading MLflow (1 s)."""
    named = [dict(_REVISION.findall(file.read_text("utf-8"))) for file in _migrations().glob("*_*.py")]
    named = [one for one in named if one]  # without __init__.py
    (last,) = {one["revision"] for one in named} - {one.get("down_revision") for one in named}
    return str(last)


def _migrations() -> Path:
    """MLflow's changes of its tables, one file each."""
    mlflow = importlib.util.find_spec("mlflow")
    assert mlflow is not None
    assert mlflow.origin is not None
    return Path(mlflow.origin).parent / "store" / "db_migrations" / "versions"


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[
        :400
    ]
