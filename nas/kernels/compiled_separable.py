"""The separable convolution in C, fused into few passes over memory, with the bits of the form in torch.

To read or write a feature map of 5 MB takes 0.5 ms, as long as its depthwise filter: fewer passes are what is
gained. Nothing is used on faith: the first time that a shape comes, both forms compute it on
random images, forwards and backwards, and unless every bit is equal torch's form is used from then on.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from nas.kernels.bridge import Shape, available, call, last, shape_of
from nas.kernels.normalization import Rows, affine, handed_on, join
from nas.kernels.torch_separable import SeparableWeights, separable_conv_in_torch

logger = logging.getLogger(__name__)

KERNELS = (3, 5)


def usable(x: Tensor, kernel: int) -> bool:
    """Whether the compiled form is selected, there, and right for such images.

    Raises:
        RuntimeError: it is demanded and cannot be built.
    """
    return kernel in KERNELS and available(x) and _chain_of(x, kernel) is not None


def separable_conv(
    x: Tensor, first: SeparableWeights, second: SeparableWeights, addend: Tensor | None
) -> Tensor:
    """Both stacks, and the sum with `addend`; see `nas.kernels.separable`."""
    return _in_chains(x, first, second, addend, _chain_of(x, first.depthwise.shape[-1]))


def _in_chains(
    x: Tensor, first: SeparableWeights, second: SeparableWeights, addend: Tensor | None, chain: int | None
) -> Tensor:
    addend = None if addend is None else last(addend)
    y: Tensor = _SeparableConv.apply(chain, addend, last(x), *first, *second)  # type: ignore[no-untyped-call]
    return y


def _chain_of(x: Tensor, kernel: int) -> int | None:
    return _agreeing_chain(tuple(x.shape), kernel, torch.is_grad_enabled())


def _chains(height: int, width: int) -> list[int]:
    """What torch has been seen to do: whole images with AVX-512; rows with AVX2, or up to 128 pixels."""
    pixels = height * width
    most = max(count for count in range(1, min(pixels, 128) + 1) if pixels % count == 0)
    return list(dict.fromkeys((pixels, width, most)))


@lru_cache(maxsize=256)
def _agreeing_chain(shape: tuple[int, int, int, int], kernel: int, gradients: bool) -> int | None:
    """With which chains of pixels both forms are bit-identical, those of the gradients included if they are
    asked for; None: with none.

    For some shapes, maps of 4 x 4 pixels among them, torch adds up the weights' gradients in another order;
    on some processors (AMD's family 26) it does so in all sums over few channels.
    """
    generator = torch.Generator().manual_seed(0)
    C = shape[1]

    def draw(*size: int) -> Tensor:
        return torch.randn(size, generator=generator)

    with torch.inference_mode(False), torch.set_grad_enabled(gradients):
        x, addend, dy = (last(draw(*shape)) for _ in range(3))
        stacks = [
            SeparableWeights(draw(C, 1, kernel, kernel), draw(C, C, 1, 1), draw(C), draw(C)) for _ in range(2)
        ]
        leaves = [leaf.requires_grad_() for leaf in (x, addend, *stacks[0], *stacks[1])]

        def outcome(y: Tensor) -> tuple[Tensor, ...]:
            return (y, *torch.autograd.grad(y, leaves, dy)) if gradients else (y,)

        theirs = outcome(separable_conv_in_torch(x, stacks, addend))
        for chain in _chains(*shape[2:]) if gradients else (shape[2] * shape[3],):
            ours = outcome(_in_chains(x, stacks[0], stacks[1], addend, chain))
            if all(torch.equal(one, other) for one, other in zip(theirs, ours, strict=True)):
                return chain
    logger.info("torch computes separable convolutions %d x %d of images %s", kernel, kernel, shape)
    return None


class _SeparableConv(torch.autograd.Function):
    """Arguments: chain, addend, x, then four parameters of each stack.

    The addend comes first, so that its gradient is added to others' when autograd would without the fusion.
    """

    @staticmethod
    def forward(ctx: Any, chain: int | None, addend: Tensor | None, x: Tensor, *parameters: Tensor) -> Tensor:
        C, shape, rows = x.shape[1], shape_of(x, parameters[0].shape[-1]), Rows.of(tuple(x.shape))
        saved, source, slope, constant = [x], x, None, None
        for filters, matrix, scale, offset in (parameters[:4], parameters[4:]):
            z = torch.empty_like(x)
            means = x.new_empty(len(rows.weights), rows.pixels, C)
            variances = torch.empty_like(means)
            call("separable", C, shape, source, slope, constant, filters, matrix, z, means, variances)
            mean, inverse = join(means, variances, rows)
            slope, constant = affine(mean, inverse, scale, offset)
            saved += [z, mean, inverse, slope, constant]
            source = z
        y = torch.empty_like(x)
        call("affine", C, shape, source, slope, constant, addend, y)
        ctx.save_for_backward(*saved, parameters[0], parameters[1], parameters[4], parameters[5])
        ctx.has_addend, ctx.chain = addend is not None, chain
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, *saved = ctx.saved_tensors
        first, second = saved[:5], saved[5:10]
        dy = last(gradients[0])
        C, shape, rows = x.shape[1], shape_of(x, saved[10].shape[-1], ctx.chain), Rows.of(tuple(x.shape))
        sums, products = x.new_empty(2, rows.pixels, C)
        z, mean = second[:2]
        call("reduce", C, shape, z, mean.repeat(rows.pixels), dy, sums, products)
        dz, of_second = _stack_back(shape, rows, dy, second, first, saved[12:14], (sums, products))
        dx, of_first = _stack_back(shape, rows, dz, first, [x], saved[10:12], (sums, products))
        # As it came, since torch adds up differently where the order in memory is another.
        return (None, gradients[0] if ctx.has_addend else None, dx, *of_first, *of_second)


def _stack_back(
    shape: Shape,
    rows: Rows,
    dy: Tensor,
    stack: Sequence[Tensor],
    before: Sequence[Tensor],
    weights: Sequence[Tensor],
    columns: tuple[Tensor, Tensor],
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Gradients of the input and of the four parameters of one stack.

    Args:
        shape: of the images.
        rows: of the images.
        dy: gradient of the stack's output.
        stack: z, mean, inverse, slope, constant of its batch normalization.
        before: the same of the stack before it, whose output is its input; or the input alone.
        weights: depthwise and pointwise.
        columns: sums of dy and of (z - mean) dy; overwritten by those of the stack before.
    """
    z, mean, inverse, slope, _ = stack
    source, mean_before, _, slope_before, constant_before = (
        before if len(before) > 1 else (before[0], None, None, None, None)
    )
    sums, products = columns
    dscale, doffset = (products * inverse).sum(0), sums.sum(0)
    count = z.numel() // z.shape[1]
    of_z, constant_z = handed_on(slope, mean, inverse, dscale, doffset, count)
    dx, d_filters, d_matrix = torch.empty_like(z), torch.empty_like(weights[0]), torch.empty_like(weights[1])
    means = None if mean_before is None else mean_before.repeat(rows.pixels)
    call(
        "separable_back", z.shape[1], shape, dy, z, source, slope_before, constant_before, means, slope, of_z,
        constant_z, *weights, dx, d_filters, d_matrix, sums, products,
    )  # fmt: skip
    return dx, (d_filters, d_matrix, dscale, doffset)
