"""Drawings of cells and networks, for people: SVG and PNG without any program but matplotlib.

    save_figure(draw_genotype(genotype), "genotype.svg")

Figures are made without pyplot, so nothing global is touched and any thread may draw.
"""

from nas.drawing.cells import draw_cell, draw_genotype
from nas.drawing.networks import draw_network
from nas.drawing.theme import OPERATION_COLORS, OPERATION_LABELS, ThemeName, save_figure

__all__ = [
    "OPERATION_COLORS",
    "OPERATION_LABELS",
    "ThemeName",
    "draw_cell",
    "draw_genotype",
    "draw_network",
    "save_figure",
]
