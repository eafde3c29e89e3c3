"""Which lane every state takes in every column of a cell's drawing, with the fewest crossings.

States stand in columns by depth: the cell's inputs in column 0, a node one column after the later of its two
inputs, the concatenation last. A state that is read further on runs through the columns between in a lane of
its own, so no line ever passes behind a box. Lines from one state share their way as far as they can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from nas.genotype import Cell

OUTPUT = -1
"""Stands for the concatenation where a state's number is expected."""

MAX_ITEMS = 6  # 720 orders; five nodes never put more into a column
CROSSING_COST = 1e3  # a crossing is worse than any detour


@dataclass(frozen=True)
class Column:
    """States in one column, top first.

    Attributes:
        items: states, OUTPUT for the concatenation.
        boxes: those whose box stands here; the others pass through.
    """

    items: tuple[int, ...]
    boxes: frozenset[int]


def depths(cell: Cell) -> dict[int, int]:
    """Column of every state and of OUTPUT."""
    depth: dict[int, int] = dict.fromkeys(range(cell.num_inputs), 0)
    for index, node in enumerate(cell.nodes):
        depth[index + cell.num_inputs] = 1 + max(depth[node.x_input], depth[node.y_input])
    depth[OUTPUT] = 1 + max(depth.values())
    return depth


def last_columns(cell: Cell) -> dict[int, int]:
    """The last column that each state's line reaches."""
    depth = depths(cell)
    last = dict.fromkeys(cell.loose_ends, depth[OUTPUT])
    for index, node in enumerate(cell.nodes):
        for _, state, _ in node.sides:
            last[state] = max(last.get(state, 0), depth[index + cell.num_inputs])
    return last


def segments(cell: Cell, column: int) -> list[tuple[int, int]]:
    """(state, item of the next column) of every line from `column` to the next; two sides give two lines."""
    depth, last = depths(cell), last_columns(cell)
    lines = [
        (state, index + cell.num_inputs)
        for index, node in enumerate(cell.nodes)
        for _, state, _ in node.sides
        if depth[index + cell.num_inputs] == column + 1
    ]
    passing = [
        (state, state) for state in sorted(last) if depth[state] <= column and last[state] > column + 1
    ]
    if depth[OUTPUT] == column + 1:
        passing += [(state, OUTPUT) for state in cell.loose_ends]
    return lines + passing


def order_columns(
    cell: Cell, extents: dict[int, tuple[float, float]], lane: tuple[float, float]
) -> list[Column]:
    """The columns with the fewest crossings between them, and among those the shortest lines.

    Dynamic programming over all orders of all columns: exact for cells of up to five nodes. A column of more
    than six states, which larger cells may have, tries 720 random orders.

    Args:
        cell: what is drawn.
        extents: height of each box above and below its line.
        lane: the same for a state that passes through.
    """
    depth, last = depths(cell), last_columns(cell)
    columns: list[tuple[list[int], frozenset[int]]] = []
    for number in range(depth[OUTPUT] + 1):
        boxes = [state for state in depth if depth[state] == number]
        passing = [state for state in last if depth[state] < number < last[state]]
        columns.append((boxes + passing, frozenset(boxes)))
    orders = [_orders(len(items)) for items, _ in columns]
    heights = [
        _stacked(order, [extents[item] if item in boxes else lane for item in items])
        for order, (items, boxes) in zip(orders, columns, strict=True)
    ]
    best = _cheapest_path(
        [
            _cost(
                segments(cell, number),
                columns[number][0],
                columns[number + 1][0],
                heights[number : number + 2],
            )
            for number in range(len(columns) - 1)
        ]
    )
    return [
        Column(tuple(items[i] for i in order[choice]), boxes)
        for (items, boxes), order, choice in zip(columns, orders, best, strict=True)
    ]


def _orders(num_items: int) -> npt.NDArray[np.int64]:
    """(P, n): row p lists the items from top to bottom."""
    if num_items <= MAX_ITEMS:
        return np.array(list(permutations(range(num_items))))
    rng = np.random.default_rng(0)
    return np.stack([rng.permutation(num_items) for _ in range(720)])


def _stacked(order: npt.NDArray[np.int64], extents: Sequence[tuple[float, float]]) -> npt.NDArray[np.float64]:
    """(P, n): height of each item when the items are stacked in each order, centered on 0."""
    above, below = np.array(extents).T
    total = (above + below)[order]
    center = total.sum(axis=1, keepdims=True) / 2 - np.cumsum(total, axis=1) + below[order]
    heights: npt.NDArray[np.float64] = np.empty_like(center)
    np.put_along_axis(heights, order, center, axis=1)
    return heights


def _cost(
    lines: Sequence[tuple[int, int]],
    left: Sequence[int],
    right: Sequence[int],
    heights: Sequence[npt.NDArray[np.float64]],
) -> npt.NDArray[np.float64]:
    """(P, Q): crossings and length between two columns for every pair of orders.

    Lines a-d and b-c cross where a is above b and c above d; lines into one box sort themselves.
    """
    count = np.zeros((len(left), len(right)))
    for state, item in lines:
        count[left.index(state), right.index(item)] += 1
    crossing = np.einsum("ad,bc->abcd", count, count)
    above = [(h[:, :, None] > h[:, None, :]).astype(np.float64).reshape(len(h), -1) for h in heights]
    cost: npt.NDArray[np.float64] = CROSSING_COST * (
        above[0] @ crossing.reshape(len(left) ** 2, -1) @ above[1].T
    )
    for state, item in lines:
        cost += np.abs(heights[0][:, left.index(state), None] - heights[1][None, :, right.index(item)])
    return cost


def _cheapest_path(costs: Sequence[npt.NDArray[np.float64]]) -> list[int]:
    """Indices i_0, i_1, ... that minimize the sum of costs[k][i_k, i_k+1] (Viterbi)."""
    total = np.zeros(len(costs[0]))
    arrived = []
    for cost in costs:
        table = total[:, None] + cost
        arrived.append(table.argmin(axis=0))
        total = table.min(axis=0)
    path = [int(total.argmin())]
    for origin in reversed(arrived):
        path.append(int(origin[path[-1]]))
    return path[::-1]
