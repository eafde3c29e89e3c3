"""ENAS's separable convolution: (ReLU, depthwise k x k, pointwise, batch normalisation) twice."""

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from nas.kernels import compiled_separable
from nas.kernels.depthwise import depthwise_conv
from nas.kernels.normalization import batch_norm_of_rows


class SeparableWeights(NamedTuple):
    """Parameters of one of the two stacks.

    Attributes:
        depthwise: (C, 1, k, k).
        pointwise: (C, C, 1, 1).
        scale: (C,), of the batch normalisation.
        offset: (C,).
    """

    depthwise: Tensor
    pointwise: Tensor
    scale: Tensor
    offset: Tensor


def separable_conv(x: Tensor, stacks: Sequence[SeparableWeights], addend: Tensor | None = None) -> Tensor:
    """Both stacks, each beginning with a ReLU, and then the sum with `addend`.

    Args:
        x: (N, C, H, W), channels last in memory.
        stacks: two.
        addend: like x; the other operation of the node, whose sum costs nothing here.

    Returns:
        (N, C, H, W), channels last.
    """
    first, second = stacks
    if compiled_separable.usable(x, first.depthwise.shape[-1]):
        return compiled_separable.separable_conv(x, first, second, addend)
    return separable_conv_in_torch(x, stacks, addend)


def separable_conv_in_torch(
    x: Tensor, stacks: Sequence[SeparableWeights], addend: Tensor | None = None
) -> Tensor:
    """The form that is always there."""
    for number, stack in enumerate(stacks):
        x = F.relu(x, inplace=number > 0)
        x = F.conv2d(depthwise_conv(x, stack.depthwise), stack.pointwise)
        x = batch_norm_of_rows(x, stack.scale, stack.offset)
    return x if addend is None else x + addend
