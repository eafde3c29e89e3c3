"""The cells that searches have found: a list to choose from, one in full, several compared, one exported."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cluster.cells.compare_text import comparison_text
    from cluster.cells.comparison import Comparison, compare
    from cluster.cells.export import ExportedCells, export_cells
    from cluster.cells.found import SORTS, FoundCells, SortBy, best_sampled, find_cells, list_cells
    from cluster.cells.pages import comparison_page, list_page, run_page, write_page
    from cluster.cells.text import CellsTable, cell_lines, cells_table, describe

__all__ = [
    "SORTS",
    "CellsTable",
    "Comparison",
    "ExportedCells",
    "FoundCells",
    "SortBy",
    "best_sampled",
    "cell_lines",
    "cells_table",
    "compare",
    "comparison_page",
    "comparison_text",
    "describe",
    "export_cells",
    "find_cells",
    "list_cells",
    "list_page",
    "run_page",
    "write_page",
]

# Loaded when they are asked for: a list needs neither torch nor matplotlib, which take seconds.
_PLACES = {
    "cluster.cells.compare_text": "comparison_text",
    "cluster.cells.comparison": "Comparison compare",
    "cluster.cells.export": "ExportedCells export_cells",
    "cluster.cells.found": "FoundCells SORTS SortBy best_sampled find_cells list_cells",
    "cluster.cells.pages": "comparison_page list_page run_page write_page",
    "cluster.cells.text": "CellsTable cell_lines cells_table describe",
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value  # asked for once only
    return value
