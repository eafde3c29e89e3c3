"""The fast depthwise convolution computes what torch's own computes."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.kernels.depthwise import depthwise_conv
from nas.kernels.normalization import batch_norm

SHAPES = [(16, 20, 16, 16), (65, 12, 11, 9), (9, 8, 85, 87)]


def random_images(shape: tuple[int, ...]) -> Tensor:
    # A mean far from zero shows a variance computed as a difference of large numbers.
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 0.5 + 3
    return values.to(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("shape", SHAPES)
def test_depthwise_convolution_and_its_gradient_equal_torch(shape: tuple[int, ...], kernel: int) -> None:
    x = random_images(shape).double().detach().requires_grad_()
    weight = torch.randn(shape[1], 1, kernel, kernel, dtype=torch.float64).requires_grad_()
    y = depthwise_conv(x, weight)
    exact = F.conv2d(x, weight, padding=kernel // 2, groups=shape[1])
    torch.testing.assert_close(y, exact)
    dy = torch.cos(y.detach())
    torch.testing.assert_close(
        torch.autograd.grad(y, (x, weight), dy), torch.autograd.grad(exact, (x, weight), dy)
    )


def test_inputs_that_need_no_gradient_get_none() -> None:
    x = random_images((2, 4, 8, 8)).detach()
    weight = torch.ones(4, 1, 5, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(depthwise_conv(x, weight).sum(), weight)
    assert gradient.shape == weight.shape


def test_results_are_channels_last() -> None:
    x = random_images((64, 4, 16, 16))
    y = batch_norm(depthwise_conv(x, torch.ones(4, 1, 5, 5)), torch.ones(4), torch.zeros(4))
    assert y.is_contiguous(memory_format=torch.channels_last)
