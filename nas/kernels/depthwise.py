"""Depthwise convolution of stride 1 whose weight gradient is fast for 5 x 5 filters too."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.kernels.devices import ours

_WIDEST_FAST_KERNEL = 3


def depthwise_conv(x: Tensor, weight: Tensor) -> Tensor:
    """One square, odd filter for each channel; height and width are kept.

    Args:
        x: (N, C, H, W), channels last in memory.
        weight: (C, 1, k, k).

    Returns:
        (N, C, H, W), channels last.
    """
    if not ours(x) or weight.shape[-1] <= _WIDEST_FAST_KERNEL:
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=x.shape[1])
    y: Tensor = _DepthwiseConv.apply(x, weight)  # type: ignore[no-untyped-call]
    return y


class _DepthwiseConv(torch.autograd.Function):
    """Depthwise convolution whose weight gradient is taken in strips of at most three columns.

    oneDNN has a fast kernel for the weight gradient only up to that width; a 5x5 filter falls back to one
    that takes four times as long. Strip [a, b) of the filter sees the image shifted by its own columns.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=x.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        x, weight = ctx.saved_tensors
        dy, half = gradients[0], weight.shape[-1] // 2
        dx = dweight = None
        if ctx.needs_input_grad[0]:
            dx = _conv_backward(dy, x, weight, (half, half), 0)
        if ctx.needs_input_grad[1]:
            starts = range(0, weight.shape[-1], _WIDEST_FAST_KERNEL)
            dweight = torch.cat([_strip_gradient(dy, x, weight, start) for start in starts], dim=3)
        return dx, dweight


def _strip_gradient(dy: Tensor, x: Tensor, weight: Tensor, start: int) -> Tensor:
    """Gradient of the filter's columns from `start`, three at most."""
    strip = weight[..., start : start + _WIDEST_FAST_KERNEL]
    half, width = weight.shape[-1] // 2, strip.shape[-1]
    # Output column w reads input columns w + start - half to w + start - half + width - 1.
    left, right = half - start, start - half + width - 1
    return _conv_backward(dy, F.pad(x, (left, right)), strip, (half, 0), 1)


def _conv_backward(dy: Tensor, x: Tensor, weight: Tensor, padding: tuple[int, int], which: int) -> Tensor:
    """Gradient for the input (which = 0) or the weight (1) of a depthwise convolution of stride 1."""
    wanted = [which == 0, which == 1, False]
    both: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        dy, x, weight, None, [1, 1], list(padding), [1, 1], False, [0, 0], x.shape[1], wanted
    )
    return both[which]
