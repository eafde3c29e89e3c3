"""Genotypes: the architecture of a network as a value that can be hashed, printed and stored.

A cell has two input states and B nodes. State 0 is the output of the cell before the last, state 1 that of
the last cell, and node i makes state i + 2: it applies one operation to each of two earlier states, its x
and its y side, and adds the results (ENAS, Pham et al. 2018, section 2.3).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "identity")
"""Names of the operations in ENAS's own order: a genotype holds their positions, 0 to 4."""

NUM_CELL_INPUTS = 2
_FIELDS = ("x_input", "x_operation", "y_input", "y_operation")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node: x_operation(state x_input) + y_operation(state y_input).

    Raises:
        ValueError: a number is no integer, is negative, or names no operation.
    """

    x_input: int
    x_operation: int
    y_input: int
    y_operation: int

    def __post_init__(self) -> None:
        for name in _FIELDS:
            number = getattr(self, name)
            if isinstance(number, bool) or not isinstance(number, int) or number < 0:
                raise ValueError(f"`{name}` of a node is {number!r}; it must be an integer of 0 or more")
        for name in ("x_operation", "y_operation"):
            if getattr(self, name) >= len(OPERATIONS):
                raise ValueError(
                    f"`{name}` of a node is {getattr(self, name)}; operations are numbered 0 to "
                    f"{len(OPERATIONS) - 1}: {', '.join(OPERATIONS)}"
                )

    @property
    def sides(self) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
        """(side, input, operation) of the x and of the y side."""
        return (("x", self.x_input, self.x_operation), ("y", self.y_input, self.y_operation))


@dataclass(frozen=True)
class Cell:
    """The nodes of one cell, in order.

    Raises:
        ValueError: there is no node, or a node refers to a state that is not made before it.
    """

    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        _check_cell(self, "cell")

    @property
    def num_states(self) -> int:
        """Number of states: two inputs and one for each node."""
        return len(self.nodes) + NUM_CELL_INPUTS

    @property
    def used_states(self) -> frozenset[int]:
        """States that some node reads."""
        return frozenset(state for node in self.nodes for state in (node.x_input, node.y_input))

    @property
    def loose_ends(self) -> tuple[int, ...]:
        """States that no node reads, cell inputs included, in ascending order: the cell's output."""
        used = self.used_states
        return tuple(state for state in range(self.num_states) if state not in used)

    def to_numbers(self) -> tuple[int, ...]:
        """ENAS's notation: `x_input x_operation y_input y_operation` of each node in turn."""
        return tuple(chain.from_iterable(tuple(getattr(node, f) for f in _FIELDS) for node in self.nodes))

    @classmethod
    def from_numbers(cls, numbers: Sequence[int], name: str = "cell") -> Self:
        """Read ENAS's notation; `name` names the cell in error messages.

        Raises:
            ValueError: not a multiple of four numbers, or a node that refers forward.
        """
        if len(numbers) == 0 or len(numbers) % len(_FIELDS):
            raise ValueError(
                f"{name} cell has {len(numbers)} numbers; it needs four for each node: {' '.join(_FIELDS)}"
            )
        plain = [int(number) for number in numbers]
        rows = [plain[start : start + len(_FIELDS)] for start in range(0, len(plain), len(_FIELDS))]
        return cls._named(name, tuple(Node(**dict(zip(_FIELDS, row, strict=True))) for row in rows))

    @classmethod
    def _named(cls, name: str, nodes: tuple[Node, ...]) -> Self:
        """Build the cell with errors that say which of the two cells is wrong."""
        unchecked = object.__new__(cls)
        object.__setattr__(unchecked, "nodes", nodes)
        _check_cell(unchecked, f"{name} cell")
        return cls(nodes)


def _check_cell(cell: Cell, name: str) -> None:
    if not cell.nodes:
        raise ValueError(f"{name} has no nodes; it needs at least one")
    for index, node in enumerate(cell.nodes):
        for side, state, _ in node.sides:
            if state >= index + NUM_CELL_INPUTS:
                raise ValueError(
                    f"{name}, node {index}, side {side} refers forward to state {state}; "
                    f"it may read states 0 to {index + NUM_CELL_INPUTS - 1}"
                )


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell with the same number of nodes.

    Raises:
        ValueError: the cells differ in their number of nodes.
    """

    normal: Cell
    reduction: Cell

    def __post_init__(self) -> None:
        if len(self.normal.nodes) != len(self.reduction.nodes):
            raise ValueError(
                f"the normal cell has {len(self.normal.nodes)} nodes and the reduction cell "
                f"{len(self.reduction.nodes)}; both need the same number"
            )

    @property
    def num_nodes(self) -> int:
        """Nodes in each cell."""
        return len(self.normal.nodes)

    def __str__(self) -> str:
        """ENAS's own notation: the normal cell's numbers, then the reduction cell's, separated by blanks."""
        return " ".join(str(number) for numbers in self.to_numbers() for number in numbers)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote, or the `fixed_arc` of ENAS's released program.

        Raises:
            ValueError: something else than integers, an odd half, or a cell that refers forward.
        """
        try:
            numbers = [int(word) for word in text.split()]
        except ValueError as error:
            raise ValueError(f"genotype {text!r} must be integers separated by blanks") from error
        half = len(numbers) // 2
        return cls.from_numbers(numbers[:half], numbers[half:])

    def to_numbers(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Numbers of the normal and of the reduction cell (20 each with five nodes)."""
        return self.normal.to_numbers(), self.reduction.to_numbers()

    @classmethod
    def from_numbers(cls, normal: Sequence[int], reduction: Sequence[int]) -> Self:
        """Inverse of `to_numbers`.

        Raises:
            ValueError: as `Cell.from_numbers`.
        """
        return cls(Cell.from_numbers(normal, "normal"), Cell.from_numbers(reduction, "reduction"))

    def to_json(self) -> str:
        """Text that `from_json` reads back to an equal genotype; operations are written by name."""
        cells = {"normal": self.normal, "reduction": self.reduction}
        return json.dumps({name: _nodes_to_data(cell) for name, cell in cells.items()})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises:
            ValueError: no JSON, wrong or missing keys, an unknown operation, a cell that refers forward.
        """
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"genotype is not JSON: {error}") from error
        if not isinstance(data, dict) or set(data) != {"normal", "reduction"}:
            raise ValueError("genotype JSON must be an object with the keys `normal` and `reduction`")
        cells = {name: Cell._named(name, _nodes_from_data(name, nodes)) for name, nodes in data.items()}
        return cls(cells["normal"], cells["reduction"])


def _nodes_to_data(cell: Cell) -> list[dict[str, Any]]:
    return [
        {f: OPERATIONS[getattr(node, f)] if f.endswith("operation") else getattr(node, f) for f in _FIELDS}
        for node in cell.nodes
    ]


def _nodes_from_data(name: str, data: Any) -> tuple[Node, ...]:
    if not isinstance(data, list):
        raise ValueError(f"{name} cell in genotype JSON must be a list of nodes; got {type(data).__name__}")
    return tuple(_node_from_data(f"{name} cell, node {index}", node) for index, node in enumerate(data))


def _node_from_data(where: str, data: Any) -> Node:
    if not isinstance(data, dict) or set(data) != set(_FIELDS):
        raise ValueError(f"{where} in genotype JSON must have the keys {', '.join(_FIELDS)}")
    numbers = dict(data)
    for name in ("x_operation", "y_operation"):
        if data[name] not in OPERATIONS:
            raise ValueError(f"{where} has `{name}` {data[name]!r}; known are {', '.join(OPERATIONS)}")
        numbers[name] = OPERATIONS.index(data[name])
    try:
        return Node(**numbers)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
