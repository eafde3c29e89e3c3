"""Drawing of a whole network: its layers and their shapes, from the image down to the classes."""

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path

from nas.drawing.cells import ARROW, LINE_WIDTH, MARGIN
from nas.drawing.theme import FONT_SIZE, Theme, ThemeName, blank_sheet, get_theme
from nas.genotype import Genotype
from nas.network import Network, num_parameters
from nas.plan import STEM_WIDTH, LayerPlan, NetworkConfig, plan
from nas.stems import Head, find_head, find_stem

LANES = 0.55  # room on the left for the lines that pass over a layer
ROW_WIDTH, ROW_HEIGHT, ROW_GAP = 3.3, 0.36, 0.2
SIDE_WIDTH, SIDE_GAP = 2.2, 0.5
HEADER = 0.75
REDUCTION_COLOR = "#56B4E9"  # Okabe and Ito's sky blue, which no operation has


@dataclass(frozen=True)
class Row:
    """One box of the stack.

    Attributes:
        name: what it is.
        shape: channels x height x width of what comes out of it.
        reduction: whether it halves height and width.
        cell: whether it reads the row before the last too.
    """

    name: str
    shape: str
    reduction: bool = False
    cell: bool = False


def draw_network(
    genotype: Genotype, config: NetworkConfig, title: str = "network", theme: ThemeName = "light"
) -> Figure:
    """The layers of a network with the shape that each puts out; what passes over a layer stands on the left.

    Args:
        genotype: its cells; they are drawn by `draw_genotype`.
        config: its size.
        title: above the drawing.
        theme: "light" or "dark" ground.

    Raises:
        ValueError: there is no such theme.
    """
    colors = get_theme(theme)
    layers = plan(genotype, config)
    rows, auxiliary = _rows(genotype, layers, config)
    step = ROW_HEIGHT + ROW_GAP
    width = 2 * MARGIN + LANES + ROW_WIDTH + SIDE_GAP + SIDE_WIDTH
    figure, axes = blank_sheet(width, HEADER + len(rows) * step + 2 * MARGIN, colors)
    top = HEADER + len(rows) * step + MARGIN
    parameters = num_parameters(Network(genotype, config))
    reductions = sum(layer.reduction for layer in layers)
    facts = f"{parameters:,} parameters, C = {config.channels}, {config.normal_cells} + {reductions} cells"
    form = ", search form" if config.search_form else ""
    axes.text(MARGIN, top, title, color=colors.ink, size=13, weight="bold", va="top")
    axes.text(MARGIN, top - 0.32, facts + form, color=colors.muted, size=FONT_SIZE + 1, va="top")
    stack = _Stack(axes, colors, top - HEADER)
    for number, row in enumerate(rows):
        stack.row(number, row, is_last=number == len(rows) - 1)
        if row.cell and number > 2:  # the first cell reads the stem twice
            stack.skip(number - 2)
    if auxiliary is not None:
        stack.side(auxiliary, "auxiliary head", "in training only")
    return figure


def _rows(
    genotype: Genotype, layers: tuple[LayerPlan, ...], config: NetworkConfig
) -> tuple[list[Row], int | None]:
    """The stack from top to bottom, and the row that the auxiliary head reads."""
    size, space = config.image_size, genotype.space
    at_auxiliary = space.auxiliary_layer(config.normal_cells) if config.auxiliary else None

    def shape(channels: int, width: int) -> str:
        return f"{channels} × {width if space.dimensions == 2 else 1} × {width}"

    stride = ", stride 2" if config.stem_stride == 2 else ""
    first = shape(STEM_WIDTH * config.channels, math.ceil(size / config.stem_stride))
    rows = [
        Row("image", f"3 × {size} × {size}"),
        Row(f"stem: {find_stem(genotype.stem).label}{stride}, BN", first),
    ]
    auxiliary = None
    for layer in layers:
        if layer.reduction and config.search_form:
            rows.append(Row("factorized reduction", shape(layer.channels, layer.out_size), True))
        halves = layer.reduction and not config.search_form
        name = f"layer {layer.number}: {'reduction' if layer.reduction else 'normal'} cell"
        rows.append(
            Row(name, shape(layer.out_channels, layer.out_size), halves, genotype.normal.num_inputs == 2)
        )
        if layer.number == at_auxiliary:
            auxiliary = len(rows) - 1
    head = find_head(genotype.head)
    over = "mean over positions" if head == Head() else head.label
    rows.append(Row(f"ReLU, {over}, dropout", f"{layers[-1].out_channels * head.multiple}"))
    rows.append(Row("linear", f"{config.num_classes} classes"))
    return rows, auxiliary


class _Stack:
    """Draws rows below `top`."""

    def __init__(self, axes: Axes, theme: Theme, top: float) -> None:
        self.axes, self.theme, self.top = axes, theme, top
        self.left = MARGIN + LANES

    def _middle(self, number: int) -> float:
        return self.top - number * (ROW_HEIGHT + ROW_GAP) - ROW_HEIGHT / 2

    def _box(self, left: float, middle: float, width: float, border: str) -> None:
        style = "round,pad=0,rounding_size=0.07"
        corner = (left, middle - ROW_HEIGHT / 2)
        self.axes.add_patch(
            FancyBboxPatch(
                corner,
                width,
                ROW_HEIGHT,
                boxstyle=style,
                facecolor=self.theme.fill,
                edgecolor=border,
                zorder=3,
            )
        )

    def row(self, number: int, row: Row, is_last: bool) -> None:
        """The box and the arrow to the next."""
        middle = self._middle(number)
        self._box(self.left, middle, ROW_WIDTH, REDUCTION_COLOR if row.reduction else self.theme.border)
        style: dict[str, Any] = {"va": "center_baseline", "size": FONT_SIZE, "zorder": 5}
        name = row.name + (" ↓2" if row.reduction else "")
        self.axes.text(self.left + 0.12, middle, name, color=self.theme.ink, **style)
        right = self.left + ROW_WIDTH - 0.12
        self.axes.text(right, middle, row.shape, color=self.theme.muted, ha="right", **style)
        if not is_last:
            x, y = self.left + ROW_WIDTH / 2, middle - ROW_HEIGHT / 2
            self.axes.add_patch(FancyArrowPatch((x, y), (x, y - ROW_GAP), color=self.theme.line, **ARROW))

    def skip(self, number: int) -> None:
        """From a row to the next but one; neighbors take turns in two lanes."""
        quarter = ROW_HEIGHT / 4
        start, end = self._middle(number) - quarter, self._middle(number + 2) + quarter
        lane = self.left - (0.2 if number % 2 else 0.4)
        bend = 0.1
        points = [
            (self.left, start), (lane + bend, start), (lane, start), (lane, start - bend),
            (lane, end + bend), (lane, end), (lane + bend, end),
        ]  # fmt: skip
        codes = [Path.MOVETO, Path.LINETO, Path.CURVE3, Path.CURVE3, Path.LINETO, Path.CURVE3, Path.CURVE3]
        self.axes.add_patch(
            PathPatch(Path(points, codes), fill=False, edgecolor=self.theme.line, lw=LINE_WIDTH, zorder=1)
        )
        arrow = FancyArrowPatch((lane + bend, end), (self.left, end), color=self.theme.line, **ARROW)
        self.axes.add_patch(arrow)

    def side(self, number: int, name: str, note: str) -> None:
        """A box to the right of a row, which the row feeds."""
        middle, left = self._middle(number), self.left + ROW_WIDTH + SIDE_GAP
        self._box(left, middle, SIDE_WIDTH, self.theme.border)
        start = (self.left + ROW_WIDTH, middle)
        self.axes.add_patch(FancyArrowPatch(start, (left, middle), color=self.theme.line, **ARROW))
        style: dict[str, Any] = {"va": "center_baseline", "size": FONT_SIZE, "zorder": 5}
        self.axes.text(left + 0.1, middle, name, color=self.theme.ink, **style)
        self.axes.text(left + SIDE_WIDTH - 0.1, middle, note, color=self.theme.muted, ha="right", **style)
