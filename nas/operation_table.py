"""The operations of all search spaces by name: what each computes, and how a drawing shows it.

A further operation is one entry here, or an `Operation` in a file outside the project, named `module:name`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from nas.layers import FactorizedReduction, MaxPool, SeparableConvolution
from nas.outside import load_outside, unknown_name
from nas.space import SearchSpace
from nas.temporal_layers import (
    AveragePool,
    Convolution,
    GatedConvolution,
    GroupMixing,
    MaximumPool,
    Separable,
    SqueezeExcitation,
)

__all__ = ["OPERATION_TABLE", "Operation", "check_operations", "find_operation"]

BuildOperation = Callable[[int, int, int], nn.Module]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        build: (channels, stride, dimensions) to a module from (N, C, H, W) to the same number of channels.
            With stride 2 it halves W, and in two dimensions H too. Its weights lie in `Conv2d`, `Linear` and
            `BatchNorm2d` modules, from which the search takes their shapes.
        label: a short name for drawings.
        color: of drawings, as "#0072B2".
        dimensions: of the spaces in which it can stand.
        source: the expression that makes the module in exported source, which quotes `nas.layers` and
            `nas.temporal_layers`; `{stride}` and `{dimensions}` are filled in. Without one there is no
            exported source of networks that have it.
        passes: whether it has no parameters and gives back its input at stride 1: drop path never drops it.
    """

    build: BuildOperation
    label: str
    color: str
    dimensions: tuple[int, ...] = (1,)
    source: str = ""
    passes: bool = False


def _separable(kernel: int, dilation: int) -> BuildOperation:
    return lambda channels, stride, dimensions: Separable(channels, kernel, dilation, stride, dimensions)


def _identity(channels: int, stride: int, dimensions: int) -> nn.Module:
    """At stride 2 a factorized reduction."""
    return nn.Identity() if stride == 1 else FactorizedReduction(channels, channels, dimensions=dimensions)


# Okabe and Ito, "Color Universal Design" (2008): distinct with every form of color blindness. Dilated
# convolutions have tints of their kernel's color.
_TINTS = {
    3: ("#0072B2", "#56A9D6", "#A6D3EC"),
    5: ("#D55E00", "#EE9048", "#F7C29A"),
    9: ("#6A4C93", "#9D84BF", "#CCBDE0"),
}

OPERATION_TABLE: dict[str, Operation] = {
    "sep_conv_3x3": Operation(
        build=lambda channels, stride, _: SeparableConvolution(channels, 3, stride),
        label="sep conv 3×3",
        color="#0072B2",
        dimensions=(2,),
    ),
    "sep_conv_5x5": Operation(
        build=lambda channels, stride, _: SeparableConvolution(channels, 5, stride),
        label="sep conv 5×5",
        color="#D55E00",
        dimensions=(2,),
    ),
    "avg_pool_3x3": Operation(
        build=lambda _, stride, __: nn.AvgPool2d(3, stride, padding=1, count_include_pad=False),
        label="avg pool 3×3",
        source="nn.AvgPool2d(3, {stride}, padding=1, count_include_pad=False)",
        color="#E69F00",
        dimensions=(2,),
    ),
    "max_pool_3x3": Operation(
        build=lambda _, stride, __: MaxPool(stride),
        label="max pool 3×3",
        source="nn.MaxPool2d(3, {stride}, padding=1)",
        color="#009E73",
        dimensions=(2,),
    ),
    "identity": Operation(
        build=_identity,
        label="identity",
        source="FactorizedReduction(channels, channels, dimensions={dimensions})",
        color="#CC79A7",
        dimensions=(1, 2),
        passes=True,
    ),
    **{
        f"sep_conv_{kernel}" + (f"_d{dilation}" if dilation > 1 else ""): Operation(
            build=_separable(kernel, dilation),
            label=f"sep conv {kernel}" + (f" d{dilation}" if dilation > 1 else ""),
            color=tints[place],
            dimensions=(1, 2),
            source=f"Separable(channels, {kernel}, {dilation}, {{stride}}, {{dimensions}})",
        )
        for kernel, tints in _TINTS.items()
        for place, dilation in enumerate((1, 2, 4))
    },
    "avg_pool_3": Operation(
        build=lambda _, stride, __: AveragePool(stride),
        label="avg pool 3",
        source="AveragePool({stride})",
        color="#E69F00",
    ),
    "max_pool_3": Operation(
        build=lambda _, stride, __: MaximumPool(stride),
        label="max pool 3",
        source="MaximumPool({stride})",
        color="#009E73",
    ),
    "conv_3": Operation(
        build=lambda channels, stride, _: Convolution(channels, 3, stride),
        label="conv 3",
        source="Convolution(channels, 3, {stride})",
        color="#1B4F72",
    ),
    "conv_5": Operation(
        build=lambda channels, stride, _: Convolution(channels, 5, stride),
        label="conv 5",
        source="Convolution(channels, 5, {stride})",
        color="#873600",
    ),
    "gated_conv_3": Operation(
        build=lambda channels, stride, _: GatedConvolution(channels, 3, stride),
        label="gated conv 3",
        source="GatedConvolution(channels, 3, {stride})",
        color="#7D6608",
    ),
    "squeeze": Operation(
        build=lambda channels, stride, _: SqueezeExcitation(channels, stride),
        label="squeeze",
        source="SqueezeExcitation(channels, {stride})",
        color="#F0E442",
    ),
    "group_mix_3": Operation(
        build=lambda channels, stride, _: GroupMixing(channels, 3, stride),
        label="group mix 3",
        source="GroupMixing(channels, 3, {stride})",
        color="#56B4E9",
    ),
}


def find_operation(name: str) -> Operation:
    """An operation of the table, or `module:name` from a file outside the project.

    Raises:
        ValueError: there is no such operation.
    """
    if ":" not in name:
        if name not in OPERATION_TABLE:
            raise unknown_name("operation", name, OPERATION_TABLE)
        return OPERATION_TABLE[name]
    operation = load_outside(name, "operation")
    if not isinstance(operation, Operation):
        raise ValueError(
            f"{name!r} is a {type(operation).__name__}; a nas.operation_table.Operation is needed"
        )
    return operation


def check_operations(space: SearchSpace) -> None:
    """Raise ValueError unless the table has all operations of a space, in its number of dimensions."""
    for name in space.operations:
        allowed = find_operation(name).dimensions
        if space.dimensions not in allowed:
            raise ValueError(
                f"space {space.name!r} has {space.dimensions} dimension(s); operation {name!r} works in "
                f"{' or '.join(map(str, allowed))}"
            )


def check_passing_operation(space: SearchSpace, needed_by: str) -> None:
    """Raise ValueError unless some operation of the space passes its input on without parameters."""
    if not any(find_operation(name).passes for name in space.operations):
        raise ValueError(
            f"space {space.name!r} has no operation without parameters that passes its input on, and "
            f"{needed_by} needs one: add 'identity' to its operations"
        )
