"""ENAS's separable convolution: (ReLU, depthwise k x k, pointwise, batch normalization) twice."""

from collections.abc import Sequence

from torch import Tensor

from nas.kernels import compiled_separable
from nas.kernels.torch_separable import SeparableWeights, separable_conv_in_torch

__all__ = ["SeparableWeights", "separable_conv"]


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
