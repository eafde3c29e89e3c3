"""Faster forms, for the CPU, of two operations whose torch kernels are slow on small channel counts.

Both are plain torch, need no compiler, and compute what `F.batch_norm` and `F.conv2d` compute up to
rounding; on other devices those are called. Measured times are in docs/performance.md.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

BN_EPSILON = 1e-5
_WIDEST_FAST_KERNEL = 3
_MOST_PIXELS_A_ROW = 16


def batch_norm(x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """(x - mean) / sqrt(var + 1e-5) * scale + offset, with mean and biased variance of the batch.

    Args:
        x: (N, C, H, W), channels last in memory.
        scale: (C,).
        offset: (C,).

    Returns:
        (N, C, H, W), channels last.
    """
    if not _ours(x) or x.numel() < _fewest_values(x.shape[1]):
        return F.batch_norm(x, None, None, scale, offset, training=True, eps=BN_EPSILON)
    y: Tensor = _BatchNorm.apply(x.contiguous(memory_format=torch.channels_last), scale, offset)  # type: ignore[no-untyped-call]
    return y


def _fewest_values(channels: int) -> int:
    """Size from which rows of pixels are faster than torch's kernel: its vectors hold eight channels."""
    return 1 << 19 if channels % 8 == 0 else 1 << 16


def depthwise_conv(x: Tensor, weight: Tensor) -> Tensor:
    """One square, odd filter for each channel; height and width are kept.

    Args:
        x: (N, C, H, W), channels last in memory.
        weight: (C, 1, k, k).

    Returns:
        (N, C, H, W), channels last.
    """
    if not _ours(x) or weight.shape[-1] <= _WIDEST_FAST_KERNEL:
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=x.shape[1])
    y: Tensor = _DepthwiseConv.apply(x, weight)  # type: ignore[no-untyped-call]
    return y


def max_pool(x: Tensor, stride: int = 1) -> Tensor:
    """3x3 maximum, padded by one; of equal values the first in reading order gets the gradient.

    torch's kernels for GPUs add the gradients of overlapping windows in whatever order they come. There the
    maximum is taken over nine shifted images instead, whose gradients are added in a fixed order.

    Args:
        x: (N, C, H, W).
        stride: 1 or 2.

    Returns:
        (N, C, ceil(H / stride), ceil(W / stride)).
    """
    if x.device.type == "cpu":
        return F.max_pool2d(x, 3, stride, padding=1)
    return _shifted_max_pool(x, stride)


def _shifted_max_pool(x: Tensor, stride: int) -> Tensor:
    H, W = x.shape[-2:]
    padded = F.pad(x, (1, 1, 1, 1), value=-torch.inf)
    shifted = [padded[..., row : row + H : stride, column : column + W : stride]
               for row in range(3) for column in range(3)]  # fmt: skip
    largest = shifted[0]
    for image in shifted[1:]:
        largest = torch.where(image > largest, image, largest)
    return largest


def _ours(x: Tensor) -> bool:
    """Whether our kernels are meant for it: on the CPU, and not in mixed precision."""
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")


class _BatchNorm(torch.autograd.Function):
    """Batch normalisation on rows of several pixels.

    torch's kernel runs over the C channels of one pixel at a time; with C = 20 its vectors end in a slow
    remainder. Here up to 16 neighbouring pixels form one row of 16 C "channels" whose statistics are
    joined afterwards (Chan et al. 1979). The backward pass is, with x^ the normalised input,

        dx = scale / std (dy - mean(dy) - x^ mean(dy x^)),  dscale = sum(dy x^),  doffset = sum(dy)
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
        rows, pixels = _rows(x)
        means, variances = torch.batch_norm_update_stats(_as_image(rows), None, None, 0.0)
        means, variances = means.view(pixels, -1), variances.view(pixels, -1)
        mean = means.mean(0)
        variance = variances.mean(0) + (means - mean).square().mean(0)
        inverse = torch.rsqrt(variance + BN_EPSILON)
        slope = scale * inverse
        y = torch.empty_like(x)
        constant, slopes = torch.stack((offset - slope * mean, slope)).repeat(1, pixels)
        torch.addcmul(constant, rows, slopes, out=_rows(y)[0])
        ctx.save_for_backward(x, mean, inverse, scale)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, mean, inverse, scale = ctx.saved_tensors
        rows, pixels = _rows(x)
        dy, _ = _rows(gradients[0].contiguous(memory_format=torch.channels_last))
        means, inverses = torch.stack((mean, inverse)).repeat(1, pixels)
        _, dscale, doffset = torch.ops.aten.native_batch_norm_backward(
            _as_image(dy), _as_image(rows), None, None, None, means, inverses,
            True, BN_EPSILON, [False, True, True],
        )  # fmt: skip
        dscale, doffset = dscale.view(pixels, -1).sum(0), doffset.view(pixels, -1).sum(0)
        count = x.numel() // x.shape[1]
        slope = scale * inverse
        of_x = -slope * inverse * dscale / count
        constant = -slope * doffset / count - of_x * mean
        constants, of_xs, slopes = torch.stack((constant, of_x, slope)).repeat(1, pixels)
        dx = torch.addcmul(constants, rows, of_xs).addcmul_(dy, slopes)
        return dx.view(_last(x)).permute(0, 3, 1, 2), dscale, doffset


def _rows(x: Tensor) -> tuple[Tensor, int]:
    """(N H W / p, p C) of a channels-last image without copying, and p, a power of two."""
    count = x.numel() // x.shape[1]
    pixels = min(count & -count, _MOST_PIXELS_A_ROW)
    return x.permute(0, 2, 3, 1).view(count // pixels, pixels * x.shape[1]), pixels


def _as_image(rows: Tensor) -> Tensor:
    return rows[:, :, None, None]


def _last(x: Tensor) -> tuple[int, int, int, int]:
    N, C, H, W = x.shape
    return N, H, W, C


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
