"""The MLflow store: which one, where its artifacts lie, and clear sentences when it cannot be had.

Everything of posenas that talks to MLflow comes through `connect`, so that one place decides how long a dead
server may hold us up and what a person reads then.
"""

import fcntl
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from cluster.tracking.facts import without_passwords

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = [
    "MODEL_TRAINING",
    "TrackingConfig",
    "artifact_root",
    "connect",
    "experiment_id",
    "resolve",
    "said_clearly",
    "sqlite_file",
]

# An experiment tag of MLflow 3: the UI opens such an experiment in model-training, not in GenAI mode.
MODEL_TRAINING = {"mlflow.experimentKind": "custom_model_development"}

_SERVERS = ("http", "https")
_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
# MLflow waits 247 s for a dead server with its own settings; with one retry a refused connection is known
# at once, and a silent host after two of these.
_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


class TrackingConfig(BaseModel):
    """Where the record of a run goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str = Field(
        default_factory=lambda: os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db",
        description="MLflow store: sqlite:///FILE, the http(s) address of a server, or a database address; "
        "by default $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db",
    )
    experiment: str = Field(
        default="posenas", min_length=1, description="MLflow experiment that holds the runs"
    )


def resolve(uri: str) -> str:
    """The address with a relative SQLite file made absolute against the current folder.

    Raises:
        ValueError: the address is of no kind that MLflow 3 serves.
        FileNotFoundError: the folder of the SQLite file does not exist.
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
    file = Path(uri.split(":///", 1)[-1]).expanduser().absolute() if ":///" in uri else None
    if file is None or file.name == "":
        raise ValueError(f"{uri!r} names no file: an SQLite store is sqlite:///FILE, as sqlite:///mlflow.db")
    if not file.parent.is_dir():
        raise FileNotFoundError(
            f"the MLflow store {file} cannot be opened: the folder {file.parent} does not exist"
        )
    return f"sqlite:///{file}"


def artifact_root(uri: str) -> str | None:
    """Where a new experiment keeps its artifacts: `mlartifacts` beside an SQLite file, else None.

    MLflow's own default is relative to the folder of whoever starts it, and is lost from any other one.
    """
    file = sqlite_file(uri)
    return None if file is None else (file.parent / "mlartifacts").as_uri()


def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite store; None for a store of another kind."""
    resolved = resolve(uri)
    return Path(resolved.removeprefix("sqlite:///")) if resolved.startswith("sqlite:///") else None


def connect(uri: str, *, create: bool = True) -> "MlflowClient":
    """A client of the store at `uri`.

    Args:
        uri: see `TrackingConfig`.
        create: make an SQLite file that does not exist (2 s); without it such a file is an error.

    Raises:
        ValueError: the address is of no kind that MLflow serves, or the database is not one of this MLflow.
        FileNotFoundError: the SQLite file, or with `create` its folder, does not exist.
        ConnectionError: no MLflow server answers there.
    """
    resolved = resolve(uri)
    file = sqlite_file(resolved)
    if not create and file is not None and not file.is_file():
        raise FileNotFoundError(
            f"there is no MLflow store {file} yet; `posenas search` or `posenas demo` makes it, or name"
            " another one with --tracking"
        )
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    with warnings.catch_warnings(), said_clearly(resolved):
        # MLflow 3.17 configures its tables with an option that SQLAlchemy 2.1 has deprecated.
        warnings.filterwarnings(
            "ignore", message="The ``noload`` loader strategy", category=DeprecationWarning
        )
        from mlflow import MlflowClient

        # Says "Creating initial MLflow database tables..." on stderr, in the middle of a progress bar.
        for name in ("mlflow.store.db.utils", "mlflow.pyfunc", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        if urlsplit(resolved).scheme not in _SERVERS and (file is None or file.exists()):
            _open_database(resolved)
        with _alone(file):
            client = MlflowClient(resolved, registry_uri=resolved)
            client.get_experiment_by_name("Default")  # the first call that a dead server would fail
    return client


@contextmanager
def _alone(file: Path | None) -> Iterator[None]:
    """Two processes that make the tables of one new SQLite file at once break each other's: one at a time.

    Where nothing can be written no tables are made either, and nobody has to wait.
    """
    if file is None or not os.access(file.parent, os.W_OK):
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


def experiment_id(client: "MlflowClient", uri: str, name: str) -> str:
    """The id of the experiment called `name`, made where there is none.

    Raises:
        ValueError: an experiment of this name lies in MLflow's bin.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_root(uri), tags=MODEL_TRAINING))
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


@contextmanager
def said_clearly(uri: str) -> Iterator[None]:
    """Turn what MLflow and its database raise into one sentence that names the store.

    Raises:
        ConnectionError: a server does not answer, or something else answers at its address.
        ValueError: MLflow or the database refuses, or the driver of the database is not installed.
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
        if urlsplit(uri).scheme not in _SERVERS:
            raise ValueError(
                f"MLflow cannot use the store {without_passwords(uri)}: {_first_line(error)}"
            ) from error
        if isinstance(error, MlflowException) and "failed with exception" in str(error):
            raise ConnectionError(
                f"no MLflow server answers at {uri}: start it (posenas ui), give another address, or record"
                " into a file (sqlite:///mlflow.db)"
            ) from error
        raise ConnectionError(f"the MLflow server at {uri} refuses: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[
        :400
    ]
