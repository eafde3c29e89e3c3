"""The separable convolution in torch: the form that every machine has, and the check of the compiled one."""

from collections.abc import Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from nas.kernels.depthwise import depthwise_conv
from nas.kernels.normalization import batch_norm_of_rows


class SeparableWeights(NamedTuple):
    """Parameters of one of the two stacks.

    Attributes:
        depthwise: (C, 1, k, k).
        pointwise: (C, C, 1, 1).
        scale: (C,), of the batch normalization.
        offset: (C,).
    """

    depthwise: Tensor
    pointwise: Tensor
    scale: Tensor
    offset: Tensor


def separable_conv_in_torch(
    x: Tensor, stacks: Sequence[SeparableWeights], addend: Tensor | None = None
) -> Tensor:
    """Both stacks, and the sum with `addend`; see `nas.kernels.separable.separable_conv`."""
    for number, stack in enumerate(stacks):
        x = F.relu(x, inplace=number > 0)
        x = F.conv2d(depthwise_conv(x, stack.depthwise), stack.pointwise)
        x = batch_norm_of_rows(x, stack.scale, stack.offset)
    return x if addend is None else x + addend
