"""Cells for a terminal: the list to choose from, and one run in full."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

from cluster.cells.found import FoundCells
from nas.genotype import Cell, Genotype

if TYPE_CHECKING:
    from cluster.registry.architectures import Architecture

__all__ = ["CellsTable", "as_milliseconds", "as_percent", "cell_lines", "cells_table", "describe"]

_WIDE = 170  # characters: a genotype of five nodes takes 80 of them
_NARROWEST = 6  # of a column that is folded
_GAP = "  "
_FIRST = ("report.html", "normal_cell.svg", "reduction_cell.svg", "network.svg")  # of forty pictures
_INPUTS = ("cell before last", "last cell")


_PLAIN, _BOLD, _DIM = Style(), Style(bold=True), Style(dim=True)


@dataclass(frozen=True)
class _Column:
    """A column of the list."""

    heading: str
    right: bool = False
    folded: bool = False
    style: Style = _PLAIN


_COLUMNS = (
    _Column("run", folded=True, style=_BOLD),
    _Column("id"),
    _Column("data", folded=True),
    *(_Column(heading, right=True) for heading in ("test", "valid.", "params", "latency")),
    _Column("begun"),
    _Column("genotype", style=_DIM),
)


@dataclass(frozen=True)
class CellsTable:
    """The list for a terminal; a wide one shows the genotypes too.

    Laid out here, for a rich table of a thousand rows takes a second.
    """

    cells: Sequence[FoundCells]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it in the width that there is; names and data are folded where they do not fit."""
        columns = _COLUMNS if options.max_width >= _WIDE else _COLUMNS[:-1]
        headings = tuple(column.heading for column in columns)
        rows = [_row(cell)[: len(columns)] for cell in self.cells]
        widths = [max(map(cell_len, texts)) for texts in zip(headings, *rows, strict=True)]
        _narrow(widths, [number for number, column in enumerate(columns) if column.folded], options.max_width)
        strong = [replace(column, style=_BOLD) for column in columns]
        yield from _lines(headings, strong, widths, console)
        for row in rows:
            yield from _lines(row, columns, widths, console)


def cells_table(cells: Sequence[FoundCells]) -> CellsTable:
    """The list for a terminal."""
    return CellsTable(cells)


def _narrow(widths: list[int], folded: Sequence[int], most: int) -> None:
    """Take from the widest of the columns that may be folded until the line fits."""
    while sum(widths) + len(_GAP) * (len(widths) - 1) > most:
        widest = max(folded, key=lambda number: widths[number])
        if widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1


def _lines(
    texts: Sequence[str], columns: Sequence[_Column], widths: Sequence[int], console: Console
) -> Iterator[Segment]:
    """One row, as many lines as its most folded text takes."""
    parts = [
        [text] if cell_len(text) <= width else _folded(text, width, console)
        for text, width in zip(texts, widths, strict=True)
    ]
    for line in range(max(map(len, parts))):
        for number, (column, width) in enumerate(zip(columns, widths, strict=True)):
            text = parts[number][line] if line < len(parts[number]) else ""
            space = " " * (width - cell_len(text))
            yield Segment(f"{space}{text}" if column.right else f"{text}{space}", column.style)
            if number < len(columns) - 1:
                yield Segment(_GAP)
        yield Segment.line()


def _folded(text: str, width: int, console: Console) -> list[str]:
    """Broken at spaces, words that are too long anywhere."""
    return [line.plain.rstrip() for line in Text(text).wrap(console, width, overflow="fold")]


def _row(cell: FoundCells) -> tuple[str, ...]:
    return (
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
        *_choice_lines(cells.genotype),
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


def _choice_lines(genotype: Genotype) -> list[str]:
    """Space, stem and head, where the space is not ENAS micro."""
    if not genotype.label:
        return []
    chosen = (("space", genotype.space.name), ("stem", genotype.stem), ("head", genotype.head))
    return [*(f"{what:<12} {name}" for what, name in chosen), ""]


def cell_lines(title: str, cell: Cell) -> list[str]:
    """A cell as text: one line a node, and what the cell gives out."""
    names = [*_INPUTS[-cell.num_inputs :], *(f"node {number}" for number in range(len(cell.nodes)))]
    lines = [title]
    for number, node in enumerate(cell.nodes):
        terms = [f"{cell.operations[operation]}({names[state]})" for _, state, operation in node.sides]
        lines.append(f"  node {number} = {terms[0]} + {terms[1]}")
    ends = ", ".join(names[state] for state in cell.loose_ends)
    return [*lines, f"  output = concatenation of {ends}"]


def as_percent(value: float | None) -> str:
    """A share as text, empty where there is none."""
    return "" if value is None else f"{value:.1%}"


def as_milliseconds(value: float | None) -> str:
    """A latency as text, empty where there is none."""
    return "" if value is None else f"{value:.1f} ms"
