"""One cell of the search network: the path that a genotype chooses, and nothing else.

Every (layer, node, side, input, operation) has parameters of its own, in a space that says so, as ENAS micro
does; others share them among the edges of a node or of a layer. The output of a cell while searching
is ReLU, a 1x1 `final_conv` over the concatenated loose ends, whose C x C slices belong to the states and are
gathered for those in use, and batch normalization.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.genotype import Cell
from nas.layout import ParameterSpec
from nas.operation_table import find_operation
from nas.operations import (
    KERNELS,
    Weights,
    avg_pool,
    batch_norm,
    batch_norm_specs,
    max_pool,
    sep_conv,
    sep_conv_specs,
)
from nas.shared_module import SharedModule
from nas.space import SearchSpace


class CellOperations:
    """The operations of a space at one width, over shared weights.

    Those of ENAS micro have hand-written kernels; the modules of the final network compute the others.

    Args:
        space: which operations.
        channels: C.
    """

    def __init__(self, space: SearchSpace, channels: int) -> None:
        self.space = space
        self.channels = channels
        self.modules = {
            name: _shared(name, channels, space.dimensions)
            for name in space.operations
            if name not in KERNELS and name not in _POOLS and not find_operation(name).passes
        }

    def specs(self, prefix: str, name: str) -> list[ParameterSpec]:
        """Parameters of one operation under the prefix of its edge; pooling and identity have none."""
        if name in KERNELS:
            return sep_conv_specs(f"{prefix}.{name}", self.channels, KERNELS[name])
        return self.modules[name].specs(f"{prefix}.{name}") if name in self.modules else []

    def place(self, prefix: str, node: int, side: str, state: int) -> str:
        """Prefix of an edge's parameters within those of a layer: edges of one prefix share them."""
        return f"{prefix}{_PLACES[self.space.sharing].format(node=node, side=side, state=state)}"


def _shared(name: str, channels: int, dimensions: int) -> SharedModule:
    build = find_operation(name).build
    return SharedModule(lambda: build(channels, 1, dimensions), f"operation {name!r}")


_PLACES = {"edge": ".node{node}.{side}.input{state}", "node": ".node{node}", "layer": ""}


def cell_specs(prefix: str, operations: CellOperations) -> Iterator[ParameterSpec]:
    """All parameters of a cell's search space."""
    space = operations.space
    edges = (
        operations.place(prefix, node, side, state)
        for node in range(space.num_nodes)
        for side in ("x", "y")
        for state in range(node + space.num_inputs)
    )
    for edge in dict.fromkeys(edges):
        for name in space.operations:
            yield from operations.specs(edge, name)
    for state in range(space.num_nodes + space.num_inputs):
        yield from _final_conv_specs(prefix, state, operations.channels)
    yield from batch_norm_specs(f"{prefix}.final_conv", operations.channels)


def used_cell_specs(prefix: str, operations: CellOperations, cell: Cell) -> Iterator[ParameterSpec]:
    """The parameters of `cell_specs` that one cell reads, in the same order."""
    edges = (
        (operations.place(prefix, index, side, state), cell.operations[operation])
        for index, node in enumerate(cell.nodes)
        for side, state, operation in node.sides
    )
    for edge, name in dict.fromkeys(edges):
        yield from operations.specs(edge, name)
    for state in cell.loose_ends:
        yield from _final_conv_specs(prefix, state, operations.channels)
    yield from batch_norm_specs(f"{prefix}.final_conv", operations.channels)


def _final_conv_specs(prefix: str, state: int, channels: int) -> Iterator[ParameterSpec]:
    # Fan-in of one slice; how many are summed depends on the genotype, and the BN behind takes the scale out.
    yield ParameterSpec(f"{prefix}.final_conv.state{state}", (channels, channels, 1, 1), "he", channels)


def cell_forward(
    weights: Weights, prefix: str, operations: CellOperations, cell: Cell, inputs: list[Tensor]
) -> Tensor:
    """Output of a cell.

    Args:
        weights: at least the parameters of `used_cell_specs`.
        prefix: names the layer.
        operations: of the cell's space and width.
        cell: normal or reduction cell; while searching both run at stride 1.
        inputs: (N, C, H, W) each, the cell's first states.

    Returns:
        (N, C, H, W).
    """
    states = _States(inputs, operations)
    for index in range(len(cell.nodes)):
        states.tensors.append(_node(weights, prefix, cell, index, states))
    return _final_conv(weights, f"{prefix}.final_conv", cell.loose_ends, states.tensors)


class _States:
    """The states of a cell, and their pools, which have no parameters: once for all nodes that want them."""

    def __init__(self, tensors: list[Tensor], operations: CellOperations) -> None:
        self.tensors = list(tensors)
        self.place = operations.place
        self._modules = operations.modules
        self._pools: dict[tuple[str, int], Tensor] = {}

    def apply(self, weights: Weights, prefix: str, name: str, state: int) -> Tensor:
        """An operation without a kernel of its own, on a state; pools are computed once."""
        if name in _POOLS:
            key = (name, state)
            if key not in self._pools:
                self._pools[key] = _POOLS[name](self.tensors[state])
            return self._pools[key]
        x = self.tensors[state]
        return self._modules[name](weights, f"{prefix}.{name}", x) if name in self._modules else x


_POOLS: dict[str, Callable[[Tensor], Tensor]] = {"avg_pool_3x3": avg_pool, "max_pool_3x3": max_pool}


def _node(weights: Weights, prefix: str, cell: Cell, index: int, states: _States) -> Tensor:
    """The sum of both sides; a separable convolution comes last, since it adds the other side in passing."""
    total = None
    named = [(side, state, cell.operations[operation]) for side, state, operation in cell.nodes[index].sides]
    for side, state, name in sorted(named, key=lambda one: one[2] in KERNELS):
        edge = states.place(prefix, index, side, state)
        if name in KERNELS:
            total = sep_conv(weights, f"{edge}.{name}", states.tensors[state], total)
            continue
        y = states.apply(weights, edge, name, state)
        total = y if total is None else total + y
    assert total is not None
    return total


def _final_conv(weights: Weights, prefix: str, loose_ends: tuple[int, ...], states: list[Tensor]) -> Tensor:
    x = torch.cat([states[state] for state in loose_ends], dim=1)
    weight = torch.cat([weights[f"{prefix}.state{state}"] for state in loose_ends], dim=1)
    return batch_norm(weights, prefix, F.conv2d(F.relu(x), weight))
