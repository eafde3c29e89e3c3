"""Cells for a terminal: the list to choose from, and one run in full."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from cluster.cells.found import FoundCells
from nas.genotype import OPERATIONS, Cell

if TYPE_CHECKING:
    from cluster.scheduling.architectures import Architecture

__all__ = ["CellsTable", "as_milliseconds", "as_percent", "cell_lines", "cells_table", "describe"]

_WIDE = 170  # characters: a genotype of five nodes takes 80 of them
_FIRST = ("report.html", "normal_cell.svg", "reduction_cell.svg", "network.svg")  # of forty pictures
_INPUTS = ("cell before last", "last cell")


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
        for heading in ("test", "valid.", "params", "latency"):
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
        as_percent(cell.test_accuracy),
        as_percent(cell.validation_accuracy),
        "" if cell.parameters is None else f"{cell.parameters:,}",
        as_milliseconds(cell.latency),
        cell.started.astimezone().strftime("%Y-%m-%d"),
        str(cell.genotype),
    )
    return [Text(value) for value in values]


def describe(cells: FoundCells, sampled: "Sequence[Architecture]" = ()) -> str:
    """One run in full, as lines of text: what it is, both cells, and where its main pictures are.

    Args:
        cells: the run.
        sampled: the best of the architectures that its search sampled, as the registry holds them.
    """
    lines = [
        f"run          {cells.run_id} ({cells.name}, {cells.status})",
        f"MLflow id    {cells.mlflow_run_id}",
        f"data         {cells.split or cells.data}",
        f"begun        {cells.started.astimezone():%Y-%m-%d %H:%M}",
        f"test         {as_percent(cells.test_accuracy) or 'not tested yet'}",
        f"validation   {as_percent(cells.validation_accuracy) or 'not known'}",
        f"parameters   {'not tested yet' if cells.parameters is None else format(cells.parameters, ',')}",
        f"latency      {as_milliseconds(cells.latency) or 'not measured yet'}",
        f"genotype     {cells.genotype}",
        "",
        *cell_lines("normal cell", cells.genotype.normal),
        "",
        *cell_lines("reduction cell", cells.genotype.reduction),
        "",
        *(["best rewards of the search, with the shared weights"] if sampled else []),
        *(f"  {one.reward:.4f}  epoch {one.epoch}  {one.genotype}" for one in sampled),
        *([""] if sampled else []),
        f"artifacts    {cells.artifacts}",
        *(f"             {path}" for path in cells.pictures() if path.name in _FIRST),
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


def as_percent(value: float | None) -> str:
    """A share as text, empty where there is none."""
    return "" if value is None else f"{value:.1%}"


def as_milliseconds(value: float | None) -> str:
    """A latency as text, empty where there is none."""
    return "" if value is None else f"{value:.1f} ms"
