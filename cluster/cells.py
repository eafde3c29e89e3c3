"""The cells that searches have found, read back from MLflow: a list to choose from, and one in full."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from cluster.tracking.mlflow_store import connect, said_clearly
from cluster.tracking.tracker import RUN_ID, SPLIT
from nas.genotype import OPERATIONS, Cell, Genotype

if TYPE_CHECKING:
    from mlflow.entities import Run

__all__ = [
    "CellsTable",
    "FoundCells",
    "SortBy",
    "cell_lines",
    "cells_table",
    "describe",
    "find_cells",
    "list_cells",
]

# What a search records about its result; `cluster.worker` writes under these names.
GENOTYPE, DATA = "posenas.genotype", "posenas.data"
TEST_ACCURACY, VALIDATION_ACCURACY, PARAMETERS = "test_accuracy", "retrained_accuracy", "parameters"

SortBy = Literal["date", "accuracy", "parameters", "name"]

_PICTURES = (".svg", ".png", ".html")
_WIDE = 170  # characters: a genotype of five nodes takes 80 of them
_INPUTS = ("cell before last", "last cell")


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
        parameters: of the trained network; None before the training.
        started: when the search began.
        status: MLflow's word for it, in lower case.
        artifacts: where the pictures and files of the run lie.
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
    started: datetime
    status: str
    artifacts: str

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
        sort: by date or accuracy, the highest first; by parameters or name, the lowest first. Runs without
            the value come last.

    Raises:
        FileNotFoundError, ValueError, ConnectionError: as `cluster.tracking.mlflow_store.connect`.
    """
    client = connect(uri, create=False)
    runs: list[Run] = []
    with said_clearly(uri):
        found = client.get_experiment_by_name(experiment)
        page = None
        while found is not None:
            part = client.search_runs(
                [found.experiment_id], f"tags.`{GENOTYPE}` LIKE '%'", max_results=1000, page_token=page
            )
            runs += part
            page = part.token
            if not page:
                break
    cells = [_record(run) for run in runs if "mlflow.parentRunId" not in run.data.tags]
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
            return matches[0]
        if matches:
            ids = ", ".join(cell.run_id for cell in matches[:5])
            raise ValueError(f"{run!r} means {len(matches)} runs ({ids}); give the whole id of one")
    raise ValueError(
        f"no run {run!r} has found cells in {uri}, experiment {experiment!r} ({len(cells)} have); "
        "`posenas cells list` shows them"
    )


@dataclass(frozen=True)
class CellsTable:
    """The list for a terminal; a wide one shows the genotypes too."""

    cells: Sequence[FoundCells]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it in the width that there is."""
        wide = options.max_width >= _WIDE
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("run", overflow="fold", style="bold")
        table.add_column("id", no_wrap=True)
        table.add_column("data", overflow="fold")
        for heading in ("test", "valid.", "params"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("begun", no_wrap=True)
        if wide:
            table.add_column("genotype", no_wrap=True, style="dim")
        for cell in self.cells:
            table.add_row(*_row(cell)[: None if wide else -1])
        yield table


def cells_table(cells: Sequence[FoundCells]) -> CellsTable:
    """The list for a terminal."""
    return CellsTable(cells)


def _row(cell: FoundCells) -> list[Text]:
    values = (
        cell.name,
        cell.run_id[:8],
        cell.split or cell.data,
        _percent(cell.test_accuracy),
        _percent(cell.validation_accuracy),
        "" if cell.parameters is None else f"{cell.parameters:,}",
        cell.started.astimezone().strftime("%Y-%m-%d"),
        str(cell.genotype),
    )
    return [Text(value) for value in values]


def describe(cells: FoundCells) -> str:
    """One run in full, as lines of text: what it is, both cells, and where its pictures are."""
    lines = [
        f"run          {cells.run_id} ({cells.name}, {cells.status})",
        f"MLflow id    {cells.mlflow_run_id}",
        f"data         {cells.split or cells.data}",
        f"begun        {cells.started.astimezone():%Y-%m-%d %H:%M}",
        f"test         {_percent(cells.test_accuracy) or 'not tested yet'}",
        f"validation   {_percent(cells.validation_accuracy) or 'not known'}",
        f"parameters   {'not trained yet' if cells.parameters is None else format(cells.parameters, ',')}",
        f"genotype     {cells.genotype}",
        "",
        *cell_lines("normal cell", cells.genotype.normal),
        "",
        *cell_lines("reduction cell", cells.genotype.reduction),
        "",
        f"artifacts    {cells.artifacts}",
        *(f"             {path}" for path in cells.pictures()),
    ]
    return "\n".join(lines)


def cell_lines(title: str, cell: Cell) -> list[str]:
    """A cell as text: one line a node, and what the cell gives out."""
    names = [*_INPUTS, *(f"node {number}" for number in range(len(cell.nodes)))]
    lines = [title]
    for number, node in enumerate(cell.nodes):
        terms = [f"{OPERATIONS[operation]}({names[state]})" for _, state, operation in node.sides]
        lines.append(f"  node {number} = {terms[0]} + {terms[1]}")
    ends = ", ".join(names[state] for state in cell.loose_ends)
    return [*lines, f"  output = concatenation of {ends}"]


def _record(run: "Run") -> FoundCells:
    tags, metrics = run.data.tags, run.data.metrics
    parameters = metrics.get(PARAMETERS)
    return FoundCells(
        run_id=tags.get(RUN_ID, run.info.run_id),
        mlflow_run_id=run.info.run_id,
        name=run.info.run_name or "",
        data=tags.get(DATA, ""),
        split=tags.get(SPLIT, ""),
        genotype=Genotype.parse(tags[GENOTYPE]),
        test_accuracy=metrics.get(TEST_ACCURACY),
        validation_accuracy=metrics.get(VALIDATION_ACCURACY),
        parameters=None if parameters is None else round(parameters),
        started=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        status=str(run.info.status).lower(),
        artifacts=run.info.artifact_uri,
    )


def _sorted(cells: list[FoundCells], sort: SortBy) -> list[FoundCells]:
    newest = sorted(cells, key=lambda cell: cell.started, reverse=True)
    if sort == "accuracy":
        return sorted(newest, key=lambda cell: -_accuracy(cell))
    if sort == "parameters":
        return sorted(newest, key=lambda cell: (cell.parameters is None, cell.parameters or 0))
    if sort == "name":
        return sorted(newest, key=lambda cell: cell.name)
    return newest


def _accuracy(cell: FoundCells) -> float:
    """On the test part; below all tested runs those with a validation accuracy alone, then the others."""
    if cell.test_accuracy is not None:
        return 2 + cell.test_accuracy
    return -1.0 if cell.validation_accuracy is None else cell.validation_accuracy


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
