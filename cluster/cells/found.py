"""The cells that searches have found, read back from MLflow."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args
from urllib.parse import unquote, urlsplit

from cluster.tracking.mlflow_store import connect, said_clearly
from cluster.tracking.run_list import RunRow, list_runs
from cluster.tracking.tracker import RUN_ID, SPLIT
from nas.genotype import Genotype

if TYPE_CHECKING:
    from cluster.registry.architectures import Architecture

__all__ = ["SORTS", "FoundCells", "SortBy", "best_sampled", "find_cells", "list_cells"]

# What a search records about its result; `cluster.worker` writes under these names.
GENOTYPE, DATA = "posenas.genotype", "posenas.data"
TEST_ACCURACY, VALIDATION_ACCURACY = "test_accuracy", "retrained_accuracy"
PARAMETERS, LATENCY = "parameters", "latency_ms"
VERSION, COMMIT = "posenas.version", "posenas.commit"

_TAGS = (GENOTYPE, RUN_ID, DATA, SPLIT, VERSION, COMMIT)
_METRICS = (TEST_ACCURACY, VALIDATION_ACCURACY, PARAMETERS, LATENCY)

SortBy = Literal["date", "accuracy", "parameters", "latency", "name"]
SORTS: tuple[SortBy, ...] = get_args(SortBy)

_PICTURES = (".svg", ".png", ".html")


@dataclass(frozen=True, kw_only=True)
class FoundCells:
    """What one search found.

    Args:
        run_id: our own id of the run.
        mlflow_run_id: MLflow's.
        name: of the run, as MLflow shows it.
        data: name of the data set.
        split: what was trained on and tested on.
        genotype: the cells.
        test_accuracy: of the trained network, 0 to 1; None before the test.
        validation_accuracy: of the genotype retrained from scratch, 0 to 1; None where there is none.
        parameters: of the trained network; None before the test.
        latency: median milliseconds of one answer on one thread; None before the test.
        started: when the search began.
        status: MLflow's word for it, in lower case.
        artifacts: where the pictures and files of the run lie.
        settings: the experiment, by dotted name; of a run that was asked for, not in a list.
        version: of posenas, with the commit where it is known.
    """

    run_id: str
    mlflow_run_id: str
    name: str
    data: str
    split: str
    genotype: Genotype
    test_accuracy: float | None
    validation_accuracy: float | None
    parameters: int | None
    latency: float | None
    started: datetime
    status: str
    artifacts: str
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)
    version: str = ""

    def pictures(self) -> list[Path]:
        """The drawings and the report, where the artifacts lie on this machine; else nothing."""
        parts = urlsplit(self.artifacts)
        if parts.scheme not in ("", "file"):
            return []
        root = Path(unquote(parts.path))
        return sorted(path for path in root.rglob("*") if path.suffix in _PICTURES)


def list_cells(
    uri: str = "sqlite:///mlflow.db", experiment: str = "posenas", *, data: str = "", sort: SortBy = "date"
) -> list[FoundCells]:
    """All cells found, the newest (or the best, or the smallest) first.

    Args:
        uri: MLflow store.
        experiment: MLflow experiment.
        data: only runs whose data set or split contains this, in any case.
        sort: by date or accuracy, the highest first; by parameters, latency or name, the lowest first. Runs
            without the value come last.

    Raises:
        FileNotFoundError, ValueError, ConnectionError: as `cluster.tracking.mlflow_store.connect`.
    """
    cells = [_record(row) for row in list_runs(uri, experiment, _TAGS, _METRICS)]
    wanted = [cell for cell in cells if data.lower() in f"{cell.data} {cell.split}".lower()]
    return _sorted(wanted, sort)


def find_cells(run: str, uri: str = "sqlite:///mlflow.db", experiment: str = "posenas") -> FoundCells:
    """The cells of one run, by its own id, MLflow's id, its name, or the beginning of one of them.

    Raises:
        ValueError: no run, or several of them, is meant.
    """
    cells = list_cells(uri, experiment)
    for matches in (
        [cell for cell in cells if run in (cell.run_id, cell.mlflow_run_id, cell.name)],
        [
            cell
            for cell in cells
            if any(n.startswith(run) for n in (cell.run_id, cell.mlflow_run_id, cell.name))
        ],
    ):
        if len(matches) == 1:
            return _with_settings(matches[0], uri)
        if matches:
            ids = ", ".join(cell.run_id for cell in matches[:5])
            raise ValueError(f"{run!r} means {len(matches)} runs ({ids}); give the whole id of one")
    raise ValueError(
        f"no run {run!r} has found cells in {uri}, experiment {experiment!r} ({len(cells)} have)"
        f"{_what_it_is(run, uri)}; `posenas cells list` shows them"
    )


def best_sampled(
    cells: FoundCells, database: str | None = None, count: int = 5
) -> "tuple[Architecture, ...]":
    """The architectures of the highest reward that a search sampled; none where there is no registry.

    Args:
        cells: the run.
        database: address of the registry, as `cluster.registry.registry.Registry.open` takes it.
        count: how many.

    Raises:
        ValueError, ConnectionError: there is a registry, and it cannot be used.
    """
    from cluster.registry.architectures import architectures
    from cluster.registry.database import chosen_url
    from cluster.registry.registry import Registry

    file = chosen_url(database).removeprefix("sqlite:///")
    if "://" not in file and not Path(file).is_file():
        return ()
    with Registry.open(database) as registry:
        return architectures(registry, run_id=cells.run_id, best=count)


def _what_it_is(run: str, uri: str) -> str:
    """Says what an MLflow id means that is none of a search's with cells; nothing where it means nothing."""
    from mlflow.exceptions import MlflowException

    try:
        found = connect(uri, create=False).get_run(run)
    except MlflowException:
        return ""
    parent = found.data.tags.get("mlflow.parentRunId")
    name = found.info.run_name
    if parent:
        return f": it is {name!r}, a part of the run {parent}, which can be asked for"
    if RUN_ID not in found.data.tags:
        return f": it is the MLflow run {name!r}, which posenas did not make"
    return f": it is the run {name!r}, whose search has not ended ({found.info.status.lower()})"


def _with_settings(cells: FoundCells, uri: str) -> FoundCells:
    with said_clearly(uri):
        params = connect(uri, create=False).get_run(cells.mlflow_run_id).data.params
    return replace(cells, settings=dict(params))


def _record(row: RunRow) -> FoundCells:
    tags, metrics = row.tags, row.metrics
    parameters = metrics.get(PARAMETERS)
    return FoundCells(
        run_id=tags.get(RUN_ID, row.mlflow_run_id),
        mlflow_run_id=row.mlflow_run_id,
        name=row.name,
        data=tags.get(DATA, ""),
        split=tags.get(SPLIT, ""),
        genotype=Genotype.parse(tags[GENOTYPE]),
        test_accuracy=metrics.get(TEST_ACCURACY),
        validation_accuracy=metrics.get(VALIDATION_ACCURACY),
        parameters=None if parameters is None else round(parameters),
        latency=metrics.get(LATENCY),
        started=datetime.fromtimestamp(row.started / 1000, UTC),
        status=row.status,
        artifacts=row.artifacts,
        version=f"{tags.get(VERSION, '')} {tags.get(COMMIT, '')[:12]}".strip(),
    )


def _sorted(cells: list[FoundCells], sort: SortBy) -> list[FoundCells]:
    newest = sorted(cells, key=lambda cell: cell.started, reverse=True)
    if sort == "accuracy":
        return sorted(newest, key=lambda cell: -_accuracy(cell))
    if sort == "parameters":
        return sorted(newest, key=lambda cell: (cell.parameters is None, cell.parameters or 0))
    if sort == "latency":
        return sorted(newest, key=lambda cell: (cell.latency is None, cell.latency or 0.0))
    if sort == "name":
        return sorted(newest, key=lambda cell: cell.name)
    return newest


def _accuracy(cell: FoundCells) -> float:
    """On the test part; below all tested runs those with a validation accuracy alone, then the others."""
    if cell.test_accuracy is not None:
        return 2 + cell.test_accuracy
    return -1.0 if cell.validation_accuracy is None else cell.validation_accuracy
