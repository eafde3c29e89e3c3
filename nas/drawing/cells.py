"""Drawings of cells, as the ENAS paper draws them: what comes in on the left, what goes out on the right."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path

from nas.drawing.layout import CHIP_OFFSET, Box, CellLayout, Line, Point, lay_out
from nas.drawing.ordering import OUTPUT
from nas.drawing.theme import (
    FONT_SIZE,
    Theme,
    ThemeName,
    blank_sheet,
    get_theme,
    operation_style,
)
from nas.genotype import Cell, Genotype
from nas.source_text import notation
from nas.stems import find_head, find_stem

MARGIN = 0.3
TITLE_HEIGHT, NOTATION_HEIGHT = 0.45, 0.35
OUTPUT_ARROW, OUTPUT_LABEL = 0.45, 0.75
CHIP_WIDTH, CHIP_HEIGHT, CAP_WIDTH = 1.42, 0.26, 0.24
SUM_RADIUS, SUM_INSET = 0.115, 0.2
LINE_WIDTH = 1.6
ARROW: dict[str, Any] = {
    "arrowstyle": "-|>,head_length=0.45,head_width=0.2",
    "mutation_scale": 11,
    "lw": LINE_WIDTH,
    "shrinkA": 0,
    "shrinkB": 0,
    "zorder": 2,
}


def draw_cell(
    cell: Cell,
    title: str = "cell",
    theme: ThemeName = "light",
    *,
    reduction: bool = False,
    marked: frozenset[int] = frozenset(),
) -> Figure:
    """One cell: boxes hold a node's two operations and its sum, lines lead from states to operations.

    The number in front of an operation is the state that it reads; a line has its operation's color where it
    arrives. In a reduction cell, what reads the cell's inputs has stride 2 and is marked ↓2.

    Args:
        cell: any number of nodes.
        title: above the drawing.
        theme: "light" or "dark" ground.
        reduction: mark the strides of a reduction cell of the final network.
        marked: numbers of nodes to set off with a strong border and ≠, as those that another cell has not.

    Raises:
        ValueError: there is no such theme.
    """
    return _sheet([(cell, title, reduction)], get_theme(theme), marked)


def draw_genotype(genotype: Genotype, title: str = "", theme: ThemeName = "light") -> Figure:
    """Both cells on one sheet, the normal cell above.

    Args:
        genotype: the cells.
        title: stands before the cells' names, as the name of a run.
        theme: "light" or "dark" ground.

    Raises:
        ValueError: there is no such theme.
    """
    before = f"{title}: " if title else ""
    after = ""
    if genotype.label:
        stem, head = find_stem(genotype.stem).label, find_head(genotype.head).label
        after = f" — {genotype.space.name}; stem: {stem}; head: {head}"
    cells = [
        (genotype.normal, f"{before}normal cell{after}", False),
        (genotype.reduction, f"{before}reduction cell", True),
    ]
    return _sheet(cells, get_theme(theme))


def _sheet(cells: list[tuple[Cell, str, bool]], theme: Theme, marked: frozenset[int] = frozenset()) -> Figure:
    layouts = [lay_out(cell) for cell, _, _ in cells]
    heights = [layout.top - layout.bottom + TITLE_HEIGHT + NOTATION_HEIGHT for layout in layouts]
    width = max(layout.width for layout in layouts) + OUTPUT_ARROW + OUTPUT_LABEL + 2 * MARGIN
    figure, axes = blank_sheet(width, sum(heights) + MARGIN * (len(cells) + 1), theme)
    top = sum(heights) + MARGIN * len(cells)
    for (cell, title, reduction), layout, height in zip(cells, layouts, heights, strict=True):
        axes.text(MARGIN, top, title, color=theme.ink, size=13, weight="bold", va="top")
        axes.text(
            MARGIN,
            top - height,
            notation(cell),
            color=theme.muted,
            size=FONT_SIZE,
            va="bottom",
            family="monospace",
        )
        _Drawing(axes, theme, MARGIN, top - TITLE_HEIGHT - layout.top, marked).draw(layout, reduction)
        top -= height + MARGIN
    return figure


class _Drawing:
    """Draws a layout with its origin at (left, line) of the axes."""

    def __init__(
        self, axes: Axes, theme: Theme, left: float, line: float, marked: frozenset[int] = frozenset()
    ) -> None:
        self.axes, self.theme, self.marked = axes, theme, marked
        self.left, self.line = left, line

    def draw(self, layout: CellLayout, reduction: bool) -> None:
        """Lines first, so that boxes lie on them."""
        self.num_inputs = layout.num_inputs
        self._lines(layout.lines)
        for state, box in layout.boxes.items():
            if state == OUTPUT:
                self._output(box, [line for line in layout.lines if line.target == state], reduction)
            elif state < self.num_inputs:
                self._input(state, box)
            else:
                self._node(state, box, [line for line in layout.lines if line.target == state], reduction)

    def _at(self, point: Point) -> Point:
        return point[0] + self.left, point[1] + self.line

    def _lines(self, lines: tuple[Line, ...]) -> None:
        """Ways that lines share are drawn once, in gray; the last piece is the line's own."""
        shared = {
            (line.points[k], line.points[k + 1], k % 2 == 0)
            for line in lines
            for k in range(len(line.points) - 2)
        }
        for start, end, curved in sorted(shared):
            self._piece(start, end, curved)
        for line in lines:
            color = self.theme.line if line.operation is None else operation_style(line.operation)[1]
            start, end = line.points[-2:]
            arrow = FancyArrowPatch(
                path=self._path(start, end, True), color=color, gid=line.name.replace(" ", "-"), **ARROW
            )
            self.axes.add_patch(arrow)

    def _path(self, start: Point, end: Point, curved: bool) -> Path:
        (x0, y0), (x1, y1) = self._at(start), self._at(end)
        if not curved:
            return Path([(x0, y0), (x1, y1)])
        middle = (x0 + x1) / 2
        return Path([(x0, y0), (middle, y0), (middle, y1), (x1, y1)], [Path.MOVETO] + 3 * [Path.CURVE4])

    def _piece(self, start: Point, end: Point, curved: bool) -> None:
        path = self._path(start, end, curved)
        self.axes.add_patch(
            PathPatch(path, fill=False, edgecolor=self.theme.line, lw=LINE_WIDTH, capstyle="round", zorder=1)
        )

    def _text(self, x: float, y: float, text: str, color: str, **style: Any) -> None:
        style = {"ha": "center", "va": "center_baseline", "size": FONT_SIZE, "zorder": 5, **style}
        self.axes.text(x, y, text, color=color, **style)

    def _rectangle(self, box: Box, fill: str, border: str, width: float = 1) -> None:
        left, bottom = self._at((box.left, box.bottom))
        self.axes.add_patch(
            FancyBboxPatch(
                (left, bottom),
                box.right - box.left,
                box.top - box.bottom,
                boxstyle="round,pad=0,rounding_size=0.07",
                facecolor=fill,
                edgecolor=border,
                lw=width,
                zorder=3,
            )
        )

    def _input(self, state: int, box: Box) -> None:
        self._rectangle(box, self.theme.fill, self.theme.border)
        x, y = self._at(((box.left + box.right) / 2, box.line))
        is_last = state == self.num_inputs - 1
        self._text(x, y + 0.1, "last layer" if is_last else "layer before last", self.theme.ink)
        self._text(x, y - 0.1, f"state {state}", self.theme.muted)

    def _output(self, box: Box, lines: list[Line], reduction: bool) -> None:
        self._rectangle(box, self.theme.fill, self.theme.border)
        x, y = self._at((box.right - 0.13, (box.bottom + box.top) / 2))
        self._text(x, y, "concat" if len(lines) > 1 else "output", self.theme.ink, rotation=90, va="center")
        for line in lines:
            x, y = self._at(line.points[-1])
            self._cap(x, y, line.source, self.theme.border)
            if reduction and line.source < self.num_inputs:
                self._text(x + CAP_WIDTH + 0.04, y, "↓2", self.theme.muted, ha="left")
        start = self._at((box.right, (box.bottom + box.top) / 2))
        end = (start[0] + OUTPUT_ARROW, start[1])
        self.axes.add_patch(FancyArrowPatch(start, end, color=self.theme.line, **ARROW))
        self._text(end[0] + 0.06, end[1], "output" if len(lines) > 1 else "", self.theme.ink, ha="left")

    def _node(self, state: int, box: Box, lines: list[Line], reduction: bool) -> None:
        number = state - self.num_inputs
        marked = number in self.marked
        self._rectangle(box, self.theme.fill, *((self.theme.ink, 2.4) if marked else (self.theme.border, 1)))
        left, line = self._at((box.left, box.line))
        right, top = self._at((box.right, box.top))
        self._text(
            left + 0.1,
            top - 0.13,
            f"node {number}{' ≠' if marked else ''}",
            self.theme.ink,
            ha="left",
            weight="bold",
        )
        self._text(right - 0.1, top - 0.13, f"state {state}", self.theme.muted, ha="right")
        sum_at = (right - SUM_INSET, line)
        for arriving in lines:
            self._chip(arriving, sum_at, reduction and arriving.source < self.num_inputs)
        self.axes.add_patch(
            Circle(
                sum_at, SUM_RADIUS, facecolor=self.theme.ground, edgecolor=self.theme.line, lw=1.2, zorder=4
            )
        )
        for dx, dy in ((0.06, 0.0), (0.0, 0.06)):
            path = Path([(sum_at[0] - dx, line - dy), (sum_at[0] + dx, line + dy)])
            self.axes.add_patch(PathPatch(path, edgecolor=self.theme.ink, lw=1.2, zorder=5))
        path = Path([(sum_at[0] + SUM_RADIUS, line), (right, line)])
        self.axes.add_patch(PathPatch(path, edgecolor=self.theme.line, lw=LINE_WIDTH, zorder=4))

    def _chip(self, line: Line, sum_at: Point, halves: bool) -> None:
        """The operation at a line's end: the state that it reads, and its name."""
        assert line.operation is not None, "only loose ends have no operation, and they end in no node"
        name, color, letters = operation_style(line.operation)
        x, y = self._at(line.points[-1])
        towards = CHIP_OFFSET if y < sum_at[1] else -CHIP_OFFSET
        path = Path([(x + CHIP_WIDTH, y), (sum_at[0], y), (sum_at[0], y + towards)], [1, 3, 3])
        self.axes.add_patch(PathPatch(path, fill=False, edgecolor=self.theme.line, lw=1.2, zorder=3.5))
        self._rounded(x, y, CHIP_WIDTH, color, color)
        self._cap(x, y, line.source, color)
        label = name + (" ↓2" if halves else "")
        self._text(x + (CAP_WIDTH + CHIP_WIDTH) / 2, y, label, letters)

    def _cap(self, x: float, y: float, state: int, color: str) -> None:
        """The number of the state that arrives at (x, y)."""
        self._rounded(x, y, CAP_WIDTH, self.theme.ground, color)
        self._text(x + CAP_WIDTH / 2, y, str(state), self.theme.ink, weight="bold")

    def _rounded(self, x: float, y: float, width: float, fill: str, border: str) -> None:
        """A small rectangle of an operation's height whose left side's middle is (x, y)."""
        corner = (x, y - CHIP_HEIGHT / 2)
        style = "round,pad=0,rounding_size=0.05"
        self.axes.add_patch(
            FancyBboxPatch(
                corner, width, CHIP_HEIGHT, boxstyle=style, facecolor=fill, edgecolor=border, lw=1.2, zorder=4
            )
        )
