"""Batch normalization with the statistics of the batch, on rows of several pixels.

torch's kernel runs over the C channels of one pixel at a time; with C = 20 its vectors end in a slow
remainder. Here up to 16 neighboring pixels form one row of 16 C "columns", and a few images that fit the
cache form a chunk; the statistics of columns and chunks are joined afterwards (Chan et al. 1979). With x^ the
normalized input, the backward pass is

    dx = scale / std (dy - mean(dy) - x^ mean(dy x^)),  dscale = sum(dy x^),  doffset = sum(dy)
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.kernels.devices import ours

EPSILON = 1e-5
MOST_PIXELS_A_ROW = 16
MOST_VALUES_A_CHUNK = 1 << 17


@dataclass(frozen=True, eq=False)
class Rows:
    """How images are cut for their statistics.

    Attributes:
        pixels: neighboring pixels in a row: the largest power of two in H x W, 16 at most.
        chunk: images whose statistics are taken together.
        weights: (chunks, 1), each chunk's share of the images.
    """

    pixels: int
    chunk: int
    weights: Tensor

    @staticmethod
    @lru_cache(maxsize=64)
    def of(shape: tuple[int, int, int, int]) -> "Rows":
        """Of images (N, C, H, W)."""
        N, C, H, W = shape
        pixels = min(H * W & -(H * W), MOST_PIXELS_A_ROW)
        chunk = max(1, MOST_VALUES_A_CHUNK // (C * H * W))
        sizes = [min(chunk, N - first) for first in range(0, N, chunk)]
        with torch.inference_mode(False):
            return Rows(pixels, chunk, torch.tensor(sizes, dtype=torch.float32)[:, None] / N)

    def view(self, x: Tensor) -> Tensor:
        """(N H W / pixels, pixels C) of a channels-last image without copying."""
        return x.permute(0, 2, 3, 1).view(-1, self.pixels * x.shape[1])


def batch_norm(x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """(x - mean) / sqrt(var + 1e-5) * scale + offset, with mean and biased variance of the batch.

    Args:
        x: (N, C, H, W), channels last in memory.
        scale: (C,).
        offset: (C,).

    Returns:
        (N, C, H, W), channels last.
    """
    if x.numel() < _fewest_values(x.shape[1]):
        return F.batch_norm(x, None, None, scale, offset, training=True, eps=EPSILON)
    return batch_norm_of_rows(x, scale, offset)


def _fewest_values(channels: int) -> int:
    """Size from which rows of pixels are faster than torch's kernel: its vectors hold eight channels."""
    return 1 << 19 if channels % 8 == 0 else 1 << 16


def batch_norm_of_rows(x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """The same, on rows of pixels whatever the size; on a GPU and in mixed precision by torch."""
    if not ours(x):
        return F.batch_norm(x, None, None, scale, offset, training=True, eps=EPSILON)
    y: Tensor = _BatchNorm.apply(x.contiguous(memory_format=torch.channels_last), scale, offset)  # type: ignore[no-untyped-call]
    return y


def join(means: Tensor, variances: Tensor, rows: Rows) -> tuple[Tensor, Tensor]:
    """Mean and 1 / sqrt(var + 1e-5), (C,), from those of columns: (chunks, pixels, C)."""
    weights = rows.weights.to(means.dtype)
    mean = (weights * means.mean(1)).sum(0)
    variance = (weights * (variances + (means - mean).square()).mean(1)).sum(0)
    return mean, torch.rsqrt(variance + EPSILON)


def affine(mean: Tensor, inverse: Tensor, scale: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and constant, (C,), of the normalization."""
    slope = scale * inverse
    return slope, offset - slope * mean


def handed_on(
    slope: Tensor, mean: Tensor, inverse: Tensor, dscale: Tensor, doffset: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """of_x and constant, (C,), of the backward pass dx = x of_x + constant + dy slope over `count` pixels."""
    of_x = -slope * inverse * dscale / count
    return of_x, -slope * doffset / count - of_x * mean


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
        N, C, H, W = x.shape
        rows = Rows.of((N, C, H, W))
        image = rows.view(x)
        chunks = torch.split(image, rows.chunk * H * W // rows.pixels)
        columns = [torch.batch_norm_update_stats(_as_image(chunk), None, None, 0.0) for chunk in chunks]
        means, variances = (torch.stack(part).view(-1, rows.pixels, C) for part in zip(*columns, strict=True))
        mean, inverse = join(means, variances, rows)
        slope, constant = affine(mean, inverse, scale, offset)
        y = torch.empty_like(x)
        torch.addcmul(constant.repeat(rows.pixels), image, slope.repeat(rows.pixels), out=rows.view(y))
        ctx.save_for_backward(x, mean, inverse, slope)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, mean, inverse, slope = ctx.saved_tensors
        N, C, H, W = x.shape
        rows = Rows.of((N, C, H, W))
        image, dy = rows.view(x), rows.view(gradients[0].contiguous(memory_format=torch.channels_last))
        _, dscale, doffset = torch.ops.aten.native_batch_norm_backward(
            _as_image(dy), _as_image(image), None, None, None,
            mean.repeat(rows.pixels), inverse.repeat(rows.pixels), True, EPSILON, [False, True, True],
        )  # fmt: skip
        dscale, doffset = dscale.view(rows.pixels, C).sum(0), doffset.view(rows.pixels, C).sum(0)
        of_x, constant = handed_on(slope, mean, inverse, dscale, doffset, N * H * W)
        constants, of_xs, slopes = torch.stack((constant, of_x, slope)).repeat(1, rows.pixels)
        dx = torch.addcmul(constants, image, of_xs).addcmul_(dy, slopes)
        return dx.view(N, H, W, C).permute(0, 3, 1, 2), dscale, doffset


def _as_image(rows: Tensor) -> Tensor:
    return rows[:, :, None, None]
