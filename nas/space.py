"""Search spaces as values: which operations, how many cell inputs and nodes, which stems and heads.

A genotype names its space, and a space names its operations, stems and heads. What the names compute is in
the tables of `nas.operation_table`, `nas.stems` and `nas.heads`; nothing here loads torch.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import product
from typing import Any, Self

from nas.outside import load_outside, unknown_name

__all__ = ["ENAS_MICRO", "SPACES", "TEMPORAL", "SearchSpace", "find_space"]

CHOICES = ("stem", "head")
"""What a genotype decides beside its cells, in the order of its decisions."""


SHARING = ("edge", "node", "layer")


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """A space of genotypes with a normal and a reduction cell.

    Attributes:
        name: of the space; `module:name` for one from a file outside the project.
        operations: names from the table of operations; a genotype holds their positions here.
        num_inputs: states that a cell begins with: the outputs of that many layers before it.
        num_nodes: nodes of a cell, where the settings do not say. It is a size: genotypes of one space may
            differ in it, and it does not enter comparisons.
        dimensions: 2 for operations on images, 1 for operations along time on one row.
        reductions: layers that are reduction cells, ascending; None: after each third of the normal cells.
        stems: names of stems; a genotype chooses one.
        heads: likewise of heads, which turn the last layer into features for the classifier.
        sharing: who shares an operation's weights while searching: nothing but the genotypes that have it on
            one "edge" (node, side and input), as in ENAS; all edges of a "node"; or all of a "layer". A short
            search trains few weights well and many not at all.
        preferred: how many of the first operations ENAS's controller prefers in the beginning.

    Raises:
        ValueError: a list is empty or repeats a name, or a number is not allowed.
    """

    name: str
    operations: tuple[str, ...]
    num_inputs: int = 2
    num_nodes: int = field(default=5, compare=False)
    dimensions: int = 2
    reductions: tuple[int, ...] | None = None
    stems: tuple[str, ...] = ("conv_3x3",)
    heads: tuple[str, ...] = ("mean",)
    sharing: str = "edge"
    preferred: int = 0

    def __post_init__(self) -> None:
        for kind in ("operations", "stems", "heads"):
            _check_names(self.name, kind, getattr(self, kind))
        _check_number(self.name, "num_inputs", self.num_inputs, (1, 2))
        _check_number(self.name, "dimensions", self.dimensions, (1, 2))
        if self.sharing not in SHARING:
            raise unknown_name("way of sharing weights named", self.sharing, SHARING)
        if self.num_nodes < 1:
            raise ValueError(f"space {self.name!r} has {self.num_nodes} nodes a cell; it needs 1 or more")
        if self.reductions is not None and list(self.reductions) != sorted(set(self.reductions)):
            raise ValueError(
                f"space {self.name!r} has reductions {self.reductions}; layer numbers must ascend"
            )

    def sized(self, num_nodes: int) -> Self:
        """The same space with this number of nodes in a cell."""
        return replace(self, num_nodes=num_nodes)

    def reduction_layers(self, normal_cells: int) -> tuple[int, ...]:
        """Numbers of the layers that are reduction cells.

        Raises:
            ValueError: the space's reductions need more normal cells.
        """
        if self.reductions is None:
            third = normal_cells // 3
            return third, 2 * third + 1
        last = normal_cells + len(self.reductions) - 1
        if self.reductions and self.reductions[-1] > last:
            raise ValueError(
                f"space {self.name!r} reduces at layer {self.reductions[-1]}; with {normal_cells} normal "
                f"cells the last layer is {last}"
            )
        return self.reductions

    def auxiliary_layer(self, normal_cells: int) -> int | None:
        """The layer whose output feeds the auxiliary head: the one after the last reduction.

        None in one dimension, and where no layer follows.
        """
        reductions = self.reduction_layers(normal_cells)
        layer = reductions[-1] + 1 if reductions else normal_cells
        return layer if self.dimensions == 2 and layer < normal_cells + len(reductions) else None

    @property
    def choices(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """(what, names) of the decisions beside the cells: those with more than one name."""
        named = (("stem", self.stems), ("head", self.heads))
        return tuple((what, names) for what, names in named if len(names) > 1)

    @property
    def bounds(self) -> tuple[int, ...]:
        """Number of options of each decision of a genotype, in the order of `Genotype.to_decisions`."""
        cell = [
            count
            for node in range(self.num_nodes)
            for count in (self.num_inputs + node, len(self.operations)) * 2
        ]
        return (*cell, *cell, *(len(names) for _, names in self.choices))

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            ValueError: unknown or missing fields, or values that are not allowed.
        """
        known = {f.name for f in fields(cls)}
        if not {"name", "operations"} <= set(data) <= known:
            raise ValueError(f"a search space has the fields {', '.join(sorted(known))}; got {sorted(data)}")
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in data.items()}
        return cls(**values)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _check_names(space: str, kind: str, names: Iterable[str]) -> None:
    listed = list(names)
    if not listed or not all(isinstance(name, str) and name for name in listed):
        raise ValueError(f"space {space!r} has {kind} {listed!r}; it needs one name or more")
    if len(set(listed)) < len(listed):
        raise ValueError(f"space {space!r} repeats a name among its {kind}: {', '.join(listed)}")


def _check_number(space: str, name: str, value: int, allowed: tuple[int, ...]) -> None:
    if value not in allowed:
        options = " or ".join(map(str, allowed))
        raise ValueError(f"`{name}` of space {space!r} is {value!r}; it must be {options}")


ENAS_MICRO = SearchSpace(
    name="enas_micro",
    operations=("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "identity"),
    preferred=2,
)
"""Pham et al. 2018; the operations are in the order of the released program."""

TEMPORAL = SearchSpace(
    name="temporal",
    operations=(
        *(f"sep_conv_{kernel}{gap}" for gap, kernel in product(("", "_d2", "_d4"), (3, 5, 9))),
        "avg_pool_3",
        "max_pool_3",
        "identity",
    ),
    num_nodes=4,
    dimensions=1,
    sharing="node",
    reductions=(1, 3),
    stems=("tall", "windows", "both"),
    heads=(
        "mean_max",
        "halves_mean_max",
        "thirds_mean_max",
        "mean_max_share",
        "halves_mean_max_share",
        "thirds_mean_max_share",
    ),
)
"""Rows of the image become channels, by rows anywhere or by small windows; cells then work along time."""

SPACES = {space.name: space for space in (ENAS_MICRO, TEMPORAL)}


def find_space(name: str) -> SearchSpace:
    """A space by its name, or `module:name` from a file outside the project.

    Raises:
        ValueError: there is no such space.
    """
    if ":" not in name:
        if name not in SPACES:
            raise unknown_name("search space", name, SPACES)
        return SPACES[name]
    space = load_outside(name, "search space")
    if not isinstance(space, SearchSpace):
        raise ValueError(f"{name!r} is a {type(space).__name__}; a nas.space.SearchSpace is needed")
    return replace(space, name=name)
