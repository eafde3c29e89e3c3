"""Genotypes: the architecture of a network as a value that can be hashed, printed and stored.

A cell of ENAS micro has two input states and B nodes. State 0 is the output of the cell before the last,
state 1 that of the last cell, and node i makes state i + 2: it applies one operation to each of two earlier
states, its x and its y side, and adds the results (ENAS, Pham et al. 2018, section 2.3). Other spaces
(`nas.space`) have other operations, perhaps one input, and choose a stem and a head besides.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Self

from nas.outside import nearest_name, unknown_name
from nas.space import CHOICES, ENAS_MICRO, SPACES, SearchSpace, find_space

OPERATIONS = ENAS_MICRO.operations
"""Names of the operations of ENAS micro in its own order: a genotype holds their positions, 0 to 4."""

_FIELDS = ("x_input", "x_operation", "y_input", "y_operation")


@dataclass(frozen=True, kw_only=True)
class Node:
    """One node: x_operation(state x_input) + y_operation(state y_input).

    Raises:
        ValueError: a number is no integer or is negative.
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

    @property
    def sides(self) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
        """(side, input, operation) of the x and of the y side."""
        return (("x", self.x_input, self.x_operation), ("y", self.y_input, self.y_operation))


@dataclass(frozen=True)
class Cell:
    """The nodes of one cell, in order.

    Attributes:
        nodes: in the order in which they are computed.
        operations: names of the space's operations by number.
        num_inputs: states that the cell begins with.

    Raises:
        ValueError: there is no node, or a node refers to a state that is not made before it or to an
            operation that the space does not have.
    """

    nodes: tuple[Node, ...]
    operations: tuple[str, ...] = OPERATIONS
    num_inputs: int = ENAS_MICRO.num_inputs

    def __post_init__(self) -> None:
        _check_cell(self, "cell")

    @property
    def num_states(self) -> int:
        """Number of states: the inputs and one for each node."""
        return len(self.nodes) + self.num_inputs

    @property
    def used_states(self) -> frozenset[int]:
        """States that some node reads."""
        return frozenset(state for node in self.nodes for state in (node.x_input, node.y_input))

    @property
    def loose_ends(self) -> tuple[int, ...]:
        """States that no node reads, cell inputs included, in ascending order: the cell's output."""
        used = self.used_states
        return tuple(state for state in range(self.num_states) if state not in used)

    @property
    def used_operations(self) -> frozenset[str]:
        """Names of the operations that occur."""
        return frozenset(self.operations[number] for node in self.nodes for _, _, number in node.sides)

    def to_numbers(self) -> tuple[int, ...]:
        """ENAS's notation: `x_input x_operation y_input y_operation` of each node in turn."""
        return tuple(chain.from_iterable(tuple(getattr(node, f) for f in _FIELDS) for node in self.nodes))

    @classmethod
    def from_numbers(
        cls, numbers: Sequence[int], name: str = "cell", space: SearchSpace = ENAS_MICRO
    ) -> Self:
        """Read ENAS's notation; `name` names the cell in error messages.

        Raises:
            ValueError: not a multiple of four numbers, a node that refers forward, or an unknown operation.
        """
        if len(numbers) == 0 or len(numbers) % len(_FIELDS):
            raise ValueError(
                f"{name} cell has {len(numbers)} numbers; it needs four for each node: {' '.join(_FIELDS)}"
            )
        plain = [int(number) for number in numbers]
        rows = [plain[start : start + len(_FIELDS)] for start in range(0, len(plain), len(_FIELDS))]
        return cls._named(name, tuple(Node(**dict(zip(_FIELDS, row, strict=True))) for row in rows), space)

    @classmethod
    def _named(cls, name: str, nodes: tuple[Node, ...], space: SearchSpace) -> Self:
        """Build the cell with errors that say which of the two cells is wrong."""
        unchecked = object.__new__(cls)
        values: dict[str, Any] = {
            "nodes": nodes,
            "operations": space.operations,
            "num_inputs": space.num_inputs,
        }
        for attribute, value in values.items():
            object.__setattr__(unchecked, attribute, value)
        _check_cell(unchecked, f"{name} cell")
        return cls(**values)


def _check_cell(cell: Cell, name: str) -> None:
    if not cell.nodes:
        raise ValueError(f"{name} has no nodes; it needs at least one")
    for index, node in enumerate(cell.nodes):
        for side, state, operation in node.sides:
            if state >= index + cell.num_inputs:
                raise ValueError(
                    f"{name}, node {index}, side {side} refers forward to state {state}; "
                    f"it may read states 0 to {index + cell.num_inputs - 1}"
                )
            if operation >= len(cell.operations):
                raise ValueError(
                    f"{name}, node {index}: `{side}_operation` of a node is {operation}; operations are "
                    f"numbered 0 to {len(cell.operations) - 1}: {', '.join(cell.operations)}"
                )


@dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell with the same number of nodes, and what its space chooses besides.

    Attributes:
        normal, reduction: the cells.
        space: where it comes from.
        stem, head: names; "" stands for the space's first.

    Raises:
        ValueError: the cells differ in their number of nodes or are of another space, or the space does not
            have the stem or the head.
    """

    normal: Cell
    reduction: Cell
    space: SearchSpace = ENAS_MICRO
    stem: str = ""
    head: str = ""

    def __post_init__(self) -> None:
        if len(self.normal.nodes) != len(self.reduction.nodes):
            raise ValueError(
                f"the normal cell has {len(self.normal.nodes)} nodes and the reduction cell "
                f"{len(self.reduction.nodes)}; both need the same number"
            )
        for name, cell in (("normal", self.normal), ("reduction", self.reduction)):
            if (cell.operations, cell.num_inputs) != (self.space.operations, self.space.num_inputs):
                raise ValueError(f"the {name} cell is of another space than {self.space.name!r}")
        for what in CHOICES:
            self._set_choice(what, getattr(self.space, f"{what}s"))

    def _set_choice(self, what: str, names: tuple[str, ...]) -> None:
        chosen = getattr(self, what) or names[0]
        if chosen not in names:
            raise unknown_name(f"{what} of space {self.space.name!r} named", chosen, names)
        object.__setattr__(self, what, chosen)

    @property
    def num_nodes(self) -> int:
        """Nodes in each cell."""
        return len(self.normal.nodes)

    def __str__(self) -> str:
        """ENAS's own notation: the normal cell's numbers, then the reduction cell's, separated by blanks.

        The space, where it is not ENAS micro, and what it chooses stand before them, as
        `temporal/tall/mean_max 0 3 1 0 ...`.
        """
        numbers = [str(number) for numbers in self.to_numbers() for number in numbers]
        return " ".join([self.label, *numbers] if self.label else numbers)

    @property
    def label(self) -> str:
        """Space, stem and head, separated by slashes; empty for ENAS micro."""
        return "" if self.space == ENAS_MICRO else f"{self.space.name}/{self.stem}/{self.head}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote, or the `fixed_arc` of ENAS's released program.

        Raises:
            ValueError: something else than integers, an odd half, a cell that refers forward, or an unknown
                space, stem or head.
        """
        words = text.split()
        space, stem, head = _label(words.pop(0)) if words and "/" in words[0] else (ENAS_MICRO, "", "")
        try:
            numbers = [int(word) for word in words]
        except ValueError as error:
            raise ValueError(f"genotype {text!r} must be integers separated by blanks") from error
        half = len(numbers) // 2
        cells = (
            Cell.from_numbers(numbers[:half], "normal", space),
            Cell.from_numbers(numbers[half:], "reduction", space),
        )
        return cls(*cells, space, stem, head)

    def to_numbers(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Numbers of the normal and of the reduction cell (20 each with five nodes)."""
        return self.normal.to_numbers(), self.reduction.to_numbers()

    @classmethod
    def from_numbers(cls, normal: Sequence[int], reduction: Sequence[int]) -> Self:
        """Inverse of `to_numbers`, for ENAS micro.

        Raises:
            ValueError: as `Cell.from_numbers`.
        """
        return cls(Cell.from_numbers(normal, "normal"), Cell.from_numbers(reduction, "reduction"))

    def to_decisions(self) -> tuple[int, ...]:
        """Both cells' numbers and the positions of stem and head where the space has a choice of them."""
        chosen = (names.index(getattr(self, what)) for what, names in self.space.choices)
        return (*self.normal.to_numbers(), *self.reduction.to_numbers(), *chosen)

    @classmethod
    def from_decisions(cls, decisions: Sequence[int], space: SearchSpace = ENAS_MICRO) -> Self:
        """Inverse of `to_decisions`; each decision d lies below `space.bounds[d]`, for any number of nodes.

        Raises:
            ValueError: as `Cell.from_numbers`, or there is no such stem or head.
        """
        count = len(decisions) - len(space.choices)
        chosen = {}
        for (what, names), number in zip(space.choices, decisions[count:], strict=True):
            if not 0 <= number < len(names):
                raise ValueError(f"{what} is number {number}; space {space.name!r} has {len(names)}")
            chosen[what] = names[number]
        normal, reduction = decisions[: count // 2], decisions[count // 2 : count]
        return cls(
            Cell.from_numbers(normal, "normal", space),
            Cell.from_numbers(reduction, "reduction", space),
            space,
            **chosen,
        )

    def to_json(self) -> str:
        """Text that `from_json` reads back to an equal genotype; operations are written by name.

        A space from outside the project is written whole, so that reading needs no file but this.
        """
        cells = {"normal": _nodes_to_data(self.normal), "reduction": _nodes_to_data(self.reduction)}
        if self.space == ENAS_MICRO:
            return json.dumps(cells)
        known = SPACES.get(self.space.name) == self.space
        space = self.space.name if known else self.space.to_dict()
        return json.dumps({"space": space, "stem": self.stem, "head": self.head, **cells})

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
        if not isinstance(data, dict) or set(data) - {"space", *CHOICES} != {"normal", "reduction"}:
            raise ValueError("genotype JSON must be an object with the keys `normal` and `reduction`")
        space = _space_from_data(data.get("space", ENAS_MICRO.name))
        cells = {
            name: Cell._named(name, _nodes_from_data(name, data[name], space), space)
            for name in ("normal", "reduction")
        }
        chosen = {what: str(data.get(what, "")) for what in CHOICES}
        return cls(cells["normal"], cells["reduction"], space, **chosen)


def space_of(text: str) -> SearchSpace:
    """The space that a genotype's text names.

    Raises:
        ValueError: there is no such space.
    """
    words = text.split()
    return _label(words[0])[0] if words and words[0].count("/") == len(CHOICES) else ENAS_MICRO


def _label(word: str) -> tuple[SearchSpace, str, str]:
    """Space, stem and head of `space/stem/head`."""
    parts = word.split("/")
    if len(parts) != 1 + len(CHOICES):
        raise ValueError(f"genotype begins with {word!r}; space/stem/head is needed")
    return find_space(parts[0]), parts[1], parts[2]


def _space_from_data(data: Any) -> SearchSpace:
    if isinstance(data, str):
        return find_space(data)
    if not isinstance(data, dict):
        raise ValueError(
            f"`space` in genotype JSON is a {type(data).__name__}; a name or an object is needed"
        )
    return SearchSpace.from_dict(data)


def _nodes_to_data(cell: Cell) -> list[dict[str, Any]]:
    names = cell.operations
    return [
        {f: names[getattr(node, f)] if f.endswith("operation") else getattr(node, f) for f in _FIELDS}
        for node in cell.nodes
    ]


def _nodes_from_data(name: str, data: Any, space: SearchSpace) -> tuple[Node, ...]:
    if not isinstance(data, list):
        raise ValueError(f"{name} cell in genotype JSON must be a list of nodes; got {type(data).__name__}")
    return tuple(
        _node_from_data(f"{name} cell, node {index}", node, space.operations)
        for index, node in enumerate(data)
    )


def _node_from_data(where: str, data: Any, operations: tuple[str, ...]) -> Node:
    if not isinstance(data, dict) or set(data) != set(_FIELDS):
        raise ValueError(f"{where} in genotype JSON must have the keys {', '.join(_FIELDS)}")
    numbers = dict(data)
    for name in ("x_operation", "y_operation"):
        if data[name] not in operations:
            nearest = nearest_name(data[name], operations)
            raise ValueError(
                f"{where} has `{name}` {data[name]!r}{nearest}; known are {', '.join(operations)}"
            )
        numbers[name] = operations.index(data[name])
    try:
        return Node(**numbers)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
