"""Pooling in C, with the bits of torch: where it is not so for a shape, it is not used for it."""

from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.kernels.bridge import available, call, last, shape_of


def usable(x: Tensor) -> bool:
    """Whether the compiled form is selected, there, and right for such images.

    Raises:
        RuntimeError: it is demanded and cannot be built.
    """
    return available(x) and _agrees(tuple(x.shape))


def average(x: Tensor) -> Tensor:
    """3x3 mean of stride 1; positions outside the image are not counted."""
    y: Tensor = _Average.apply(last(x))  # type: ignore[no-untyped-call]
    return y


def maximum(x: Tensor) -> Tensor:
    """3x3 maximum of stride 1; of equal values the first in reading order gets the gradient."""
    y: Tensor = _Maximum.apply(last(x))  # type: ignore[no-untyped-call]
    return y


@lru_cache(maxsize=256)
def _agrees(shape: tuple[int, int, int, int]) -> bool:
    """Whether torch is bit-identical, gradients included, on numbers that are often equal."""
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.enable_grad():
        x, dy = (last(torch.randn(shape, generator=generator)) for _ in range(2))
        x = (3 * x).round().div_(3).requires_grad_()
        pairs = (
            (average(x), F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)),
            (maximum(x), F.max_pool2d(x, 3, 1, 1)),
        )
        return all(
            torch.equal(ours, theirs)
            and torch.equal(torch.autograd.grad(ours, x, dy)[0], torch.autograd.grad(theirs, x, dy)[0])
            for ours, theirs in pairs
        )


class _Average(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, x: Tensor) -> Tensor:
        y = torch.empty_like(x)
        call("average", x.shape[1], shape_of(x, 3), x, y)
        return y

    @staticmethod
    def backward(_ctx: Any, *gradients: Tensor) -> Tensor:
        dy = last(gradients[0])
        dx = torch.empty_like(dy)
        call("average_back", dy.shape[1], shape_of(dy, 3), dy, dx)
        return dx


class _Maximum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        y, places = torch.empty_like(x), torch.empty_like(x, dtype=torch.uint8)
        call("maximum", x.shape[1], shape_of(x, 3), x, y, places)
        ctx.save_for_backward(places)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        dy = last(gradients[0])
        dx = torch.empty_like(dy)
        call("maximum_back", dy.shape[1], shape_of(dy, 3), dy, *ctx.saved_tensors, dx)
        return dx
