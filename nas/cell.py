"""One cell of the search network: the path that a genotype chooses, and nothing else.

Every (layer, node, side, input, operation) has parameters of its own. The output of a cell while searching
is ReLU, a 1x1 `final_conv` over the concatenated loose ends, whose C x C slices belong to the states and are
gathered for those in use, and batch normalisation.
"""

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.genotype import NUM_CELL_INPUTS, OPERATIONS, Cell, Node
from nas.layout import ParameterSpec
from nas.operations import (
    KERNELS,
    Weights,
    avg_pool,
    batch_norm,
    batch_norm_specs,
    max_pool,
    operation_specs,
    sep_conv,
)


def _edge(prefix: str, node: int, side: str, state: int) -> str:
    return f"{prefix}.node{node}.{side}.input{state}"


def cell_specs(prefix: str, channels: int, num_nodes: int) -> Iterator[ParameterSpec]:
    """All parameters of a cell's search space."""
    for node in range(num_nodes):
        for side in ("x", "y"):
            for state in range(node + NUM_CELL_INPUTS):
                for operation in range(len(OPERATIONS)):
                    yield from operation_specs(_edge(prefix, node, side, state), operation, channels)
    for state in range(num_nodes + NUM_CELL_INPUTS):
        yield from _final_conv_specs(prefix, state, channels)
    yield from batch_norm_specs(f"{prefix}.final_conv", channels)


def used_cell_specs(prefix: str, channels: int, cell: Cell) -> Iterator[ParameterSpec]:
    """The parameters of `cell_specs` that one cell reads, in the same order."""
    for index, node in enumerate(cell.nodes):
        for side, state, operation in node.sides:
            yield from operation_specs(_edge(prefix, index, side, state), operation, channels)
    for state in cell.loose_ends:
        yield from _final_conv_specs(prefix, state, channels)
    yield from batch_norm_specs(f"{prefix}.final_conv", channels)


def _final_conv_specs(prefix: str, state: int, channels: int) -> Iterator[ParameterSpec]:
    # Fan-in of one slice; how many are summed depends on the genotype, and the BN behind takes the scale out.
    yield ParameterSpec(f"{prefix}.final_conv.state{state}", (channels, channels, 1, 1), "he", channels)


def cell_forward(weights: Weights, prefix: str, cell: Cell, before_last: Tensor, last: Tensor) -> Tensor:
    """Output of a cell.

    Args:
        weights: at least the parameters of `used_cell_specs`.
        prefix: names the layer.
        cell: normal or reduction cell; while searching both run at stride 1.
        before_last: (N, C, H, W), state 0.
        last: (N, C, H, W), state 1.

    Returns:
        (N, C, H, W).
    """
    states = _States([before_last, last])
    for index, node in enumerate(cell.nodes):
        states.tensors.append(_node(weights, f"{prefix}.node{index}", node, states))
    return _final_conv(weights, f"{prefix}.final_conv", cell.loose_ends, states.tensors)


class _States:
    """The states of a cell, and their pools, which have no parameters: once for all nodes that want them."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self._pools: dict[tuple[str, int], Tensor] = {}

    def pool(self, name: str, state: int) -> Tensor:
        """Average or maximum pooling of a state."""
        key = (name, state)
        if key not in self._pools:
            self._pools[key] = _POOLS[name](self.tensors[state])
        return self._pools[key]


_POOLS: dict[str, Callable[[Tensor], Tensor]] = {"avg_pool_3x3": avg_pool, "max_pool_3x3": max_pool}


def _node(weights: Weights, prefix: str, node: Node, states: _States) -> Tensor:
    """The sum of both sides; a separable convolution comes last, since it adds the other side in passing."""
    total = None
    for side, state, operation in sorted(node.sides, key=lambda side: OPERATIONS[side[2]] in KERNELS):
        name, x = OPERATIONS[operation], states.tensors[state]
        if name in KERNELS:
            total = sep_conv(weights, f"{prefix}.{side}.input{state}.{name}", x, total)
            continue
        y = states.pool(name, state) if name in _POOLS else x
        total = y if total is None else total + y
    assert total is not None
    return total


def _final_conv(weights: Weights, prefix: str, loose_ends: tuple[int, ...], states: list[Tensor]) -> Tensor:
    x = torch.cat([states[state] for state in loose_ends], dim=1)
    weight = torch.cat([weights[f"{prefix}.state{state}"] for state in loose_ends], dim=1)
    return batch_norm(weights, prefix, F.conv2d(F.relu(x), weight))
