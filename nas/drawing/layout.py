"""Where every box and line of a cell's drawing lies, in inches; no drawing is done here."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from nas.drawing.ordering import OUTPUT, Column, depths, order_columns, segments
from nas.genotype import Cell

Point = tuple[float, float]

CHIP_OFFSET = 0.17  # an operation lies so far above or below the line on which its node's sum lies
NODE_ABOVE, NODE_BELOW = 0.58, 0.40
NODE_WIDTH = 2.02
INPUT_HALF, INPUT_WIDTH = 0.27, 1.3
OUTPUT_WIDTH, PORT_DISTANCE = 0.72, 0.32
LANE_HALF = 0.05
CLEARANCE = 0.14  # between a box and a lane; two boxes keep twice that
GAP, GAP_PER_INCH, WIDEST_GAP = 0.6, 0.22, 1.3
STRAIGHTNESS = 4.0  # how much more a passing line wants to be straight than an arriving one
SWEEPS = 40


@dataclass(frozen=True)
class Box:
    """A box's rectangle, and the height of the line through it."""

    left: float
    right: float
    bottom: float
    top: float
    line: float


@dataclass(frozen=True)
class Line:
    """The way of one state to one reader.

    Attributes:
        name: "node 0 x", or "loose 3" for the way to the concatenation.
        source: the state.
        target: the reader's state, OUTPUT for the concatenation.
        operation: name of what the reader applies; None for the concatenation.
        points: first and last are ends; between them two for every column passed. Points 2k and 2k + 1 are
            joined by a curve, 2k + 1 and 2k + 2 by a straight line.
    """

    name: str
    source: int
    target: int
    operation: str | None
    points: tuple[Point, ...]


@dataclass(frozen=True)
class CellLayout:
    """A laid-out cell.

    Attributes:
        boxes: by state; OUTPUT is the concatenation.
        lines: one for each side of each node and each loose end.
        num_inputs: states that the cell begins with.
        width: of the whole, from 0.
        bottom: lowest point of a box or lane.
        top: highest.
    """

    boxes: dict[int, Box]
    lines: tuple[Line, ...]
    num_inputs: int
    width: float
    bottom: float
    top: float


def lay_out(cell: Cell) -> CellLayout:
    """Place the boxes of a cell in columns and route its lines through lanes between them."""
    extents = _extents(cell)
    half = LANE_HALF + CLEARANCE
    columns = order_columns(cell, extents, (half, half))
    heights = _heights(cell, columns, extents)
    ports = _ports(cell, heights)
    spans = _spans(cell, heights)
    boxes = {
        item: Box(
            *spans[number],
            heights[number][item] - extents[item][1] + CLEARANCE,
            heights[number][item] + extents[item][0] - CLEARANCE,
            heights[number][item],
        )
        for number, column in enumerate(columns)
        for item in column.boxes
    }
    lines = tuple(_lines(cell, heights, ports, spans))
    levels = [y for line in lines for _, y in line.points]
    return CellLayout(
        boxes,
        lines,
        cell.num_inputs,
        spans[-1][1],
        min(levels + [box.bottom for box in boxes.values()]),
        max(levels + [box.top for box in boxes.values()]),
    )


def _extents(cell: Cell) -> dict[int, tuple[float, float]]:
    """Height that each box takes above and below its line, half the clearance to its neighbors included."""
    extents = dict.fromkeys(range(cell.num_inputs), (INPUT_HALF, INPUT_HALF))
    extents |= dict.fromkeys(range(cell.num_inputs, cell.num_states), (NODE_ABOVE, NODE_BELOW))
    half = (len(cell.loose_ends) * PORT_DISTANCE + 0.1) / 2
    extents[OUTPUT] = (max(half, 0.5), max(half, 0.5))
    return {item: (above + CLEARANCE, below + CLEARANCE) for item, (above, below) in extents.items()}


def _heights(
    cell: Cell, columns: list[Column], extents: dict[int, tuple[float, float]]
) -> list[dict[int, float]]:
    """Height of every item's line, by column: near its neighbors' mean, in order and clear of each other."""
    half = LANE_HALF + CLEARANCE
    rooms = [
        [extents[item] if item in column.boxes else (half, half) for item in column.items]
        for column in columns
    ]
    heights = []
    for column, room in zip(columns, rooms, strict=True):
        bottoms = np.cumsum([above + below for above, below in room])
        levels = bottoms[-1] / 2 - bottoms + [below for _, below in room]
        heights.append(dict(zip(column.items, levels.tolist(), strict=True)))
    lines = [segments(cell, number) for number in range(len(columns) - 1)]
    numbers = list(range(len(columns)))
    for _ in range(SWEEPS):
        for number in numbers + numbers[-2:0:-1]:
            wanted = _wanted(number, columns, lines, heights)
            heights[number] = _apart(columns[number].items, rooms[number], wanted)
    _straighten(columns, rooms, heights)
    return heights


def _straighten(
    columns: list[Column], rooms: list[list[tuple[float, float]]], heights: list[dict[int, float]]
) -> None:
    """Give all lanes of a state one height, where one is free in all columns: the one nearest to its box."""
    for state in sorted({item for column in columns for item in column.items}):
        lanes = [n for n, column in enumerate(columns) if state in column.items and state not in column.boxes]
        if not lanes:
            continue
        limits = [_free(columns[n].items, rooms[n], heights[n], state) for n in lanes]
        lowest, highest = max(low for low, _ in limits), min(high for _, high in limits)
        if lowest <= highest:
            level = min(max(heights[lanes[0] - 1][state], lowest), highest)
            for n in lanes:
                heights[n][state] = level


def _free(
    items: tuple[int, ...], room: list[tuple[float, float]], heights: dict[int, float], item: int
) -> tuple[float, float]:
    """Lowest and highest place of an item between its neighbors."""
    place = items.index(item)
    above, below = room[place]
    highest = heights[items[place - 1]] - room[place - 1][1] - above if place else math.inf
    lowest = heights[items[place + 1]] + room[place + 1][0] + below if place + 1 < len(items) else -math.inf
    return lowest, highest


def _wanted(
    number: int,
    columns: list[Column],
    lines: list[list[tuple[int, int]]],
    heights: list[dict[int, float]],
) -> dict[int, float]:
    """Weighted mean height of what each item of a column is joined to; its own where there is nothing."""
    pulls: dict[int, list[tuple[float, float]]] = {item: [] for item in columns[number].items}
    if number > 0:
        for state, item in lines[number - 1]:
            pulls[item].append((heights[number - 1][state], STRAIGHTNESS if state == item else 1.0))
    if number < len(lines):
        for state, item in lines[number]:
            pulls[state].append((heights[number + 1][item], STRAIGHTNESS if state == item else 1.0))
    return {
        item: sum(y * w for y, w in pull) / sum(w for _, w in pull) if pull else heights[number][item]
        for item, pull in pulls.items()
    }


def _apart(
    items: tuple[int, ...], room: list[tuple[float, float]], wanted: dict[int, float]
) -> dict[int, float]:
    """The heights nearest to the wanted ones (least squares) that keep the order and everyone's room.

    With the room subtracted this is isotonic regression: neighbors that collide are pooled at their mean.
    """
    offsets = [0.0]
    for (_, below), (above, _) in pairwise(room):
        offsets.append(offsets[-1] - below - above)
    pools: list[tuple[float, int]] = []
    for item, offset in zip(items, offsets, strict=True):
        mean, count = wanted[item] - offset, 1
        while pools and pools[-1][0] < mean:  # the one above would lie below
            above_mean, above_count = pools.pop()
            mean = (above_mean * above_count + mean * count) / (above_count + count)
            count += above_count
        pools.append((mean, count))
    levels = [mean for mean, count in pools for _ in range(count)]
    return {item: level + offset for item, level, offset in zip(items, levels, offsets, strict=True)}


def _ports(cell: Cell, heights: list[dict[int, float]]) -> dict[tuple[int, str], float]:
    """Height at which each line arrives: by (state, side) for nodes, by (OUTPUT, state) for loose ends.

    The line that comes from further up arrives further up, so lines into one box do not cross.
    """
    depth = depths(cell)
    ports = {}
    for index, node in enumerate(cell.nodes):
        item = index + cell.num_inputs
        before = heights[depth[item] - 1]
        upper, lower = sorted(node.sides, key=lambda side: -before[side[1]])
        ports[item, upper[0]] = heights[depth[item]][item] + CHIP_OFFSET
        ports[item, lower[0]] = heights[depth[item]][item] - CHIP_OFFSET
    arriving = sorted(cell.loose_ends, key=lambda state: -heights[-2][state])
    for number, state in enumerate(arriving):
        middle = (len(arriving) - 1) / 2
        ports[OUTPUT, str(state)] = heights[-1][OUTPUT] + (middle - number) * PORT_DISTANCE
    return ports


def _spans(cell: Cell, heights: list[dict[int, float]]) -> list[tuple[float, float]]:
    """Left and right of every column; steeper lines get wider gaps."""
    widths = [INPUT_WIDTH] + [NODE_WIDTH] * (len(heights) - 2) + [OUTPUT_WIDTH]
    spans = [(0.0, widths[0])]
    for number, width in enumerate(widths[1:]):
        steepest = max(
            abs(heights[number][state] - heights[number + 1][item]) for state, item in segments(cell, number)
        )
        left = spans[-1][1] + min(GAP + GAP_PER_INCH * steepest, WIDEST_GAP)
        spans.append((left, left + width))
    return spans


def _lines(
    cell: Cell,
    heights: list[dict[int, float]],
    ports: dict[tuple[int, str], float],
    spans: list[tuple[float, float]],
) -> list[Line]:
    depth = depths(cell)

    def way(state: int, target: int, arrival: float) -> tuple[Point, ...]:
        first, last = depth[state], depth[target]
        points = [(spans[first][1], heights[first][state])]
        for number in range(first + 1, last):
            points += [(spans[number][0], heights[number][state]), (spans[number][1], heights[number][state])]
        return (*points, (spans[last][0], arrival))

    lines = []
    for index, node in enumerate(cell.nodes):
        item = index + cell.num_inputs
        for side, state, operation in node.sides:
            points = way(state, item, ports[item, side])
            lines.append(Line(f"node {index} {side}", state, item, cell.operations[operation], points))
    for state in cell.loose_ends:
        points = way(state, OUTPUT, ports[OUTPUT, str(state)])
        lines.append(Line(f"loose {state}", state, OUTPUT, None, points))
    return lines
