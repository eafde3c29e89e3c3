"""Many runs at once, with a few of their tags and metrics, read so fast that a list of them is no wait.

MLflow's own search loads every parameter, tag and metric of each run, and loading MLflow takes seconds too. A
database is therefore asked directly for what a list shows, an SQLite file without SQLAlchemy, which alone
takes half a second to load. A server is asked through MLflow, and so is a database whose tables are not those
of the MLflow installed here, which then says what is wrong with them.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cluster.tracking.mlflow_store import (
    check_exists,
    connect,
    resolve,
    said_clearly,
    sqlite_file,
    table_version,
)

__all__ = ["RunRow", "list_runs"]

_PARENT = "mlflow.parentRunId"
_RUNS = """
SELECT runs.run_uuid, runs.name, runs.status, runs.start_time, runs.artifact_uri
FROM runs JOIN experiments ON experiments.experiment_id = runs.experiment_id
WHERE experiments.name = :experiment AND runs.lifecycle_stage = 'active'
"""
_TAGS = "SELECT run_uuid, key, value FROM tags WHERE key IN ({})"
_METRICS = "SELECT run_uuid, key, value FROM latest_metrics WHERE key IN ({})"
_VERSION = "SELECT version_num FROM alembic_version"

_Ask = Callable[[str, dict[str, Any]], Iterable[Any]]
"""Gives the rows that answer a query; its `:name`s stand for the values."""


@dataclass(frozen=True)
class RunRow:
    """A run in a list.

    Args:
        mlflow_run_id: MLflow's id.
        name: as MLflow shows it.
        status: MLflow's word for it, in lower case.
        started: milliseconds since 1970.
        artifacts: where its files lie.
        tags: those that were asked for and are there.
        metrics: their last values, likewise.
    """

    mlflow_run_id: str
    name: str
    status: str
    started: int
    artifacts: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]


def list_runs(uri: str, experiment: str, tags: Sequence[str], metrics: Sequence[str]) -> list[RunRow]:
    """The runs of an experiment that have the first of `tags` and belong to no other run.

    Args:
        uri: MLflow store.
        experiment: its name; an unknown one has no runs.
        tags: to read.
        metrics: to read.

    Raises:
        FileNotFoundError, PermissionError, ValueError, ConnectionError: see
            `cluster.tracking.mlflow_store.connect`.
    """
    resolved = resolve(uri)
    check_exists(resolved)
    if urlsplit(resolved).scheme in ("http", "https"):
        return _asked_of_mlflow(uri, experiment, tags, metrics)
    file = sqlite_file(resolved)
    asked = experiment, tags, metrics
    rows = _asked_of_database(resolved, *asked) if file is None else _asked_of_file(file, *asked)
    return _asked_of_mlflow(uri, *asked) if rows is None else rows


def _asked_of_file(
    file: Path, experiment: str, tags: Sequence[str], metrics: Sequence[str]
) -> list[RunRow] | None:
    """None: see `_read`, or it cannot be read."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            return _read(connection.execute, experiment, tags, metrics)
    except sqlite3.Error:
        return None


def _asked_of_database(
    uri: str, experiment: str, tags: Sequence[str], metrics: Sequence[str]
) -> list[RunRow] | None:
    """None: see `_read`, or it cannot be reached."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(uri)
        try:
            with engine.connect() as connection:
                return _read(
                    lambda query, values: connection.execute(text(query), values), experiment, tags, metrics
                )
        finally:
            engine.dispose()
    except (SQLAlchemyError, ModuleNotFoundError):
        return None


def _read(ask: _Ask, experiment: str, tags: Sequence[str], metrics: Sequence[str]) -> list[RunRow] | None:
    """None: the tables are those of another version of MLflow."""
    if [version for (version,) in ask(_VERSION, {})] != [table_version()]:
        return None
    runs = list(ask(_RUNS, {"experiment": experiment}))
    texts = _by_run(ask, _TAGS, [*tags, _PARENT])
    numbers = _by_run(ask, _METRICS, metrics)
    rows = [
        RunRow(
            run_id, name or "", status.lower(), started, files, texts.get(run_id, {}), numbers.get(run_id, {})
        )
        for run_id, name, status, started, files in runs
    ]
    return _wanted(rows, tags)


def _by_run(ask: _Ask, query: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    values = {f"key{number}": key for number, key in enumerate(keys)}
    for run_id, key, value in ask(query.format(", ".join(f":{name}" for name in values)), values):
        result.setdefault(run_id, {})[key] = value
    return result


def _asked_of_mlflow(uri: str, experiment: str, tags: Sequence[str], metrics: Sequence[str]) -> list[RunRow]:
    client = connect(uri, create=False)
    rows: list[RunRow] = []
    with said_clearly(uri):
        found = client.get_experiment_by_name(experiment)
        page, asked = None, f"tags.`{tags[0]}` LIKE '%'"
        while found is not None:
            part = client.search_runs([found.experiment_id], asked, max_results=1000, page_token=page)
            for run in part:
                info, data = run.info, run.data
                rows.append(
                    RunRow(
                        info.run_id,
                        info.run_name or "",
                        str(info.status).lower(),
                        info.start_time,
                        info.artifact_uri,
                        {key: data.tags[key] for key in (*tags, _PARENT) if key in data.tags},
                        {key: data.metrics[key] for key in metrics if key in data.metrics},
                    )
                )
            page = part.token
            if not page:
                break
    return _wanted(rows, tags)


def _wanted(rows: Iterable[RunRow], tags: Sequence[str]) -> list[RunRow]:
    return [row for row in rows if tags[0] in row.tags and _PARENT not in row.tags]
