"""The record of a run: parameters, curves, tables, pictures and models, kept by MLflow, or not kept.

A `Tracker` takes events and answers nothing; each may be given twice and is recorded once. So a resumed
search tells its history again without doubling a point, and a durable outbox can stand before any tracker.
"""

import getpass
import hashlib
import json
import math
import re
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from cluster.tracking import mlflow_registry
from cluster.tracking.facts import as_csv, flat, without_passwords
from cluster.tracking.mlflow_store import connect, experiment_id, resolve, said_clearly

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

__all__ = [
    "COMMAND",
    "RUN_ID",
    "SPLIT",
    "MetricPoint",
    "MlflowTracker",
    "NullTracker",
    "Status",
    "Tracker",
    "epoch_point",
]

RUN_ID = "posenas.run_id"
"""The tag that holds our own id of a run: by it a resumed search finds the MLflow run that it began."""

SPLIT = "posenas.split"
"""The tag that says what a run was trained and tested on."""

COMMAND = "posenas.command"
"""The tag that holds the command which began a run."""

Status = Literal["finished", "failed", "killed"]

# Limits of MLflow 3.17 (mlflow/utils/validation.py).
_PARAMETER_LENGTH, _TAG_LENGTH = 6000, 8000
_PER_BATCH, _METRICS_PER_BATCH = 100, 1000
_FORBIDDEN_IN_NAMES = re.compile(r"[^\w.\-/ ]")


@dataclass(frozen=True)
class MetricPoint:
    """Metrics of one step.

    Args:
        step: their place on the x axis.
        metrics: name to value; not-a-number is recorded as such.
        timestamp: when they were measured, seconds since 1970; stored with the history, so that telling a
            point again tells the same.
    """

    step: int
    metrics: Mapping[str, float]
    timestamp: float


def epoch_point(row: Mapping[str, Any]) -> MetricPoint:
    """The point of a row of a history: its numbers, without text and bookkeeping."""
    metrics = {
        name: float(value)
        for name, value in row.items()
        if name not in ("epoch", "timestamp") and isinstance(value, int | float)
    }
    return MetricPoint(int(row["epoch"]), metrics, float(row["timestamp"]))


class Tracker(Protocol):
    """Records what happens in one run. Nothing is answered; every call may be repeated."""

    def start(
        self, run_id: str, name: str, params: Mapping[str, object], tags: Mapping[str, str], parent: str = ""
    ) -> None:
        """Begin the run of our own id, or go on with it; `parent` is the own id of the run it belongs to."""

    def log(self, step: int, metrics: Mapping[str, float], timestamp: float | None = None) -> None:
        """Metrics of one step."""

    def log_history(self, points: Iterable[MetricPoint]) -> None:
        """Metrics of many steps: a resumed run tells all of its history."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Tags, set or replaced."""

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """A file, or all files of a folder; those of the same name are replaced."""

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Rows as the CSV artifact `name`, replaced as a whole."""

    def log_model(
        self,
        folder: Path,
        name: str,
        *,
        registered_name: str = "",
        alias: str = "",
        score: float | None = None,
    ) -> None:
        """A model folder of `mlflow_model.save_network_model`, registered where a name is given."""

    def finish(self, status: Status) -> None:
        """The run has ended."""

    def position(self) -> int:
        """How many events were recorded so far: part of a checkpoint."""

    def rewind(self, position: int) -> None:
        """The steps after a checkpoint that was saved at `position` will be done, and recorded, again."""

    def close(self) -> None:
        """Nothing more will be recorded."""


class NullTracker:
    """A `Tracker` that records nothing."""

    def start(
        self, run_id: str, name: str, params: Mapping[str, object], tags: Mapping[str, str], parent: str = ""
    ) -> None:
        """Nothing."""

    def log(self, step: int, metrics: Mapping[str, float], timestamp: float | None = None) -> None:
        """Nothing."""

    def log_history(self, points: Iterable[MetricPoint]) -> None:
        """Nothing."""

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Nothing."""

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Nothing."""

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Nothing."""

    def log_model(
        self,
        folder: Path,
        name: str,
        *,
        registered_name: str = "",
        alias: str = "",
        score: float | None = None,
    ) -> None:
        """Nothing."""

    def finish(self, status: Status) -> None:
        """Nothing."""

    def position(self) -> int:
        """Nothing was recorded."""
        return 0

    def rewind(self, position: int) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class MlflowTracker:
    """A `Tracker` that writes into MLflow, in the caller's thread, in batches.

    Args:
        uri: MLflow store; an SQLite file keeps its artifacts in `mlartifacts` beside it.
        experiment: MLflow experiment, made where there is none.
        artifacts: where a new experiment keeps its files; None: see `TrackingConfig`.

    Raises:
        ValueError, OSError: as `cluster.tracking.mlflow_store.connect`.
    """

    def __init__(
        self, uri: str = "sqlite:///mlflow.db", experiment: str = "posenas", artifacts: str | None = None
    ) -> None:
        self.uri = resolve(uri)
        self._client: MlflowClient = connect(self.uri)
        with said_clearly(self.uri):
            self.experiment_id = experiment_id(self._client, self.uri, experiment, artifacts)
        self._run: Run | None = None
        self._logged: dict[tuple[str, int], float] = {}

    @property
    def mlflow_run_id(self) -> str:
        """MLflow's own id of the run.

        Raises:
            ValueError: `start` has not been called.
        """
        if self._run is None:
            raise ValueError("this tracker has no run yet: call start(run_id, name, params, tags) first")
        return str(self._run.info.run_id)

    @property
    def artifact_location(self) -> str:
        """Where the artifacts of the run lie, as MLflow writes it."""
        self.mlflow_run_id  # noqa: B018  (says that there is no run)
        return str(self._run.info.artifact_uri) if self._run is not None else ""

    def start(
        self,
        run_id: str,
        name: str,
        params: Mapping[str, object],
        tags: Mapping[str, str],
        parent: str = "",
        timestamp: float | None = None,
    ) -> None:
        """Begin the MLflow run of our own id, or go on with the one that an earlier process began.

        MLflow never changes a parameter: where a resumed run brings another value, the first stays and the
        tag `posenas.changed.NAME` holds the new one. `timestamp`: when it began, seconds since 1970.

        Raises:
            ValueError: `run_id` cannot be a tag to search for, or `parent` is unknown.
        """
        with said_clearly(self.uri):
            self._run = self._found(run_id)
            if self._run is None:
                parents = {"mlflow.parentRunId": self._parent(parent)} if parent else {}
                own = {RUN_ID: run_id} | _for_mlflow(tags) | parents
                self._run = self._client.create_run(
                    self.experiment_id, _milliseconds(timestamp), tags=own, run_name=name
                )
                self._logged = {}
            else:
                self._client.update_run(self.mlflow_run_id, status="RUNNING", name=name)
                self._logged = self._points_of(self._run)
            self._log_params(params)
            if SPLIT in tags:
                self._log_data(tags[SPLIT])
            known = self._run.data.tags
        # what began the run stays; a resume or a later stage has another command
        self.set_tags({name: tag for name, tag in tags.items() if name != COMMAND or COMMAND not in known})

    def attach(self, run_id: str) -> bool:
        """Go on in a run as it is; False where this store has no such run."""
        with said_clearly(self.uri):
            found = self._found(run_id)
            if found is None:
                return False
            self._run, self._logged = found, self._points_of(found)
        return True

    def log(self, step: int, metrics: Mapping[str, float], timestamp: float | None = None) -> None:
        """Metrics of one step in one call (7 ms for 12 on SQLite); a point recorded before is left out."""
        self.log_history([MetricPoint(step, metrics, time.time() if timestamp is None else timestamp)])

    def log_history(self, points: Iterable[MetricPoint]) -> None:
        """Metrics of many steps, 1000 to a call; points recorded before are left out.

        A point is known by its name and step: a step done again after a crash gives the same numbers, and the
        first record of it, with its time, stays. Step 0 is for scores of the run as a whole (epochs count
        from 1): there another value is a correction, which is recorded as well and becomes the one shown.
        """
        from mlflow.entities import Metric

        fresh: dict[tuple[str, int], Metric] = {}
        for point in points:
            for name, number in point.metrics.items():
                key, value = (_name(name), point.step), _finite(number)
                if key not in self._logged or (point.step == 0 and self._logged[key] != value):
                    fresh[key] = Metric(key[0], value, round(point.timestamp * 1000), point.step)
        metrics = list(fresh.values())
        with said_clearly(self.uri):
            for begin in range(0, len(metrics), _METRICS_PER_BATCH):
                batch = metrics[begin : begin + _METRICS_PER_BATCH]
                self._client.log_batch(self.mlflow_run_id, metrics=batch)
                self._logged |= {(metric.key, metric.step): metric.value for metric in batch}

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Tags, set or replaced; a value longer than MLflow's 8000 characters is cut, which its end says."""
        from mlflow.entities import RunTag

        entities = [RunTag(_name(key), _cut(value, _TAG_LENGTH)) for key, value in tags.items()]
        with said_clearly(self.uri):
            for begin in range(0, len(entities), _PER_BATCH):
                self._client.log_batch(self.mlflow_run_id, tags=entities[begin : begin + _PER_BATCH])

    def log_artifact(self, path: Path, folder: str = "") -> None:
        """Copy a file, or the files of a folder, into the run's artifacts.

        Raises:
            FileNotFoundError: there is nothing at `path`.
        """
        if not Path(path).exists():
            raise FileNotFoundError(f"{path} cannot be recorded as an artifact: it does not exist")
        with said_clearly(self.uri):
            if Path(path).is_dir():
                self._client.log_artifacts(self.mlflow_run_id, str(path), folder or None)
            else:
                self._client.log_artifact(self.mlflow_run_id, str(path), folder or None)

    def log_table(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Rows as CSV; the columns are those of all rows in the order in which they first appear."""
        with said_clearly(self.uri):
            self._client.log_text(self.mlflow_run_id, as_csv(rows), name)

    def log_model(
        self,
        folder: Path,
        name: str,
        *,
        registered_name: str = "",
        alias: str = "",
        score: float | None = None,
    ) -> None:
        """Record the model once, register it once, and move the alias to it if no better one holds it.

        Args:
            folder: written by `mlflow_model.save_network_model`.
            name: of the model within the run.
            registered_name: of the registered model; not registered where empty.
            alias: of the version, as "champion"; it stays with its holder where that has a higher score
                or other classes.
            score: by which versions are compared: validation accuracy, never accuracy on the test part.
        """
        with said_clearly(self.uri):
            model_id = mlflow_registry.record(
                self._client, self.experiment_id, self.mlflow_run_id, folder, name
            )
            if registered_name:
                classes = mlflow_registry.classes_of(folder)
                version = mlflow_registry.register(
                    self._client, registered_name, model_id, self.mlflow_run_id, score, classes
                )
                if alias:
                    mlflow_registry.award(self._client, registered_name, alias, version, score)

    def finish(self, status: Status, timestamp: float | None = None) -> None:
        """Close the run with its status; `timestamp`: when it ended, seconds since 1970."""
        with said_clearly(self.uri):
            self._client.set_terminated(self.mlflow_run_id, status.upper(), _milliseconds(timestamp))

    def position(self) -> int:
        """Nothing waits here: all is recorded at once."""
        return 0

    def rewind(self, position: int) -> None:
        """Nothing: a point that is recorded again is left out."""

    def close(self) -> None:
        """Nothing: all is recorded at once."""

    def _found(self, run_id: str) -> "Run | None":
        if not re.fullmatch(r"[\w.\-]+", run_id):
            raise ValueError(f"{run_id!r} cannot be a run id: use letters, digits, '.', '_' and '-'")
        found = self._client.search_runs([self.experiment_id], f"tags.`{RUN_ID}` = '{run_id}'", max_results=1)
        return found[0] if found else None

    def _parent(self, run_id: str) -> str:
        parent = self._found(run_id)
        if parent is None:
            raise ValueError(
                f"run {run_id!r}, to which a run was to belong, is not in the MLflow store {self.uri}"
            )
        return str(parent.info.run_id)

    def _points_of(self, run: "Run") -> dict[tuple[str, int], float]:
        histories = (self._client.get_metric_history(run.info.run_id, key) for key in run.data.metrics)
        points = sorted((p for history in histories for p in history), key=lambda point: point.timestamp)
        return {(point.key, point.step): point.value for point in points}

    def _log_data(self, split: str) -> None:
        """Name the data in MLflow's own way, which its run list shows in a column."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        digest = hashlib.sha256(split.encode()).hexdigest()[:12]
        data = Dataset(split[:500], digest, "local", json.dumps({"split": split}))
        used = DatasetInput(data, [InputTag("mlflow.data.context", "search")])
        self._client.log_inputs(self.mlflow_run_id, [used])

    def _log_params(self, params: Mapping[str, object]) -> None:
        from mlflow.entities import Param, RunTag

        assert self._run is not None
        known = dict(self._run.data.params)
        wanted = {_name(key): _cut(value, _PARAMETER_LENGTH) for key, value in flat(params).items()}
        fresh = [Param(key, value) for key, value in wanted.items() if key not in known]
        for begin in range(0, len(fresh), _PER_BATCH):
            self._client.log_batch(self.mlflow_run_id, params=fresh[begin : begin + _PER_BATCH])
        changed = [
            RunTag(f"posenas.changed.{key}", value)
            for key, value in wanted.items()
            if known.get(key, value) != value
        ]
        if changed:
            self._client.log_batch(self.mlflow_run_id, tags=changed[:_PER_BATCH])


def _for_mlflow(tags: Mapping[str, str]) -> dict[str, str]:
    """What MLflow's run list shows as source, version and user, under its own names."""
    command = shlex.split(tags.get(COMMAND, "posenas"))
    words = [word for word in command[:2] if not word.startswith("-")]
    names = {"mlflow.source.name": " ".join(words), "mlflow.source.type": "LOCAL"}
    if "posenas.commit" in tags:
        names["mlflow.source.git.commit"] = tags["posenas.commit"]
    try:
        return names | {"mlflow.user": getpass.getuser()}
    except (KeyError, OSError):  # a container may run under a number that has no name
        return names


def _milliseconds(timestamp: float | None) -> int | None:
    return None if timestamp is None else round(timestamp * 1000)


def _name(name: str) -> str:
    return _FORBIDDEN_IN_NAMES.sub("_", name)


def _finite(value: Any) -> float:
    """Infinity becomes not-a-number: MLflow would record 1.8e308, and no curve could be read beside it."""
    number = float(value)
    return number if math.isfinite(number) else math.nan


def _cut(value: str, limit: int) -> str:
    value = without_passwords(value)
    if len(value) <= limit:
        return value
    note = f" ... (cut: {len(value)} characters)"
    return value[: limit - len(note)] + note
