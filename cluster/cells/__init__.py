"""The cells that searches have found: a list to choose from, one in full, several compared, one exported."""

from cluster.cells.compare_page import write_comparison
from cluster.cells.compare_text import comparison_text
from cluster.cells.comparison import Comparison, compare
from cluster.cells.export import ExportedCells, export_cells
from cluster.cells.found import SORTS, FoundCells, SortBy, best_sampled, find_cells, list_cells
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
    "comparison_text",
    "describe",
    "export_cells",
    "find_cells",
    "list_cells",
    "write_comparison",
]
