"""The fast forms compute what torch's own operations compute."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.kernels import _fewest_values, _shifted_max_pool, batch_norm, depthwise_conv

SHAPES = [(16, 20, 16, 16), (65, 12, 11, 9), (6, 5, 2, 2), (9, 8, 85, 87)]


def random_images(shape: tuple[int, ...]) -> Tensor:
    # A mean far from zero shows a variance computed as a difference of large numbers.
    values = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 0.5 + 3
    return values.to(memory_format=torch.channels_last).requires_grad_()


@pytest.mark.parametrize("shape", SHAPES)
def test_batch_norm_and_its_gradient_equal_torch_in_double_precision(shape: tuple[int, ...]) -> None:
    x = random_images(shape)
    assert (x.numel() >= _fewest_values(shape[1])) == (shape[0] != 6)  # all shapes but one take the fast form
    scale, offset = (torch.linspace(-1, 2, shape[1]).requires_grad_() for _ in range(2))
    y = batch_norm(x, scale, offset)
    exact = F.batch_norm(x.double(), None, None, scale.double(), offset.double(), training=True, eps=1e-5)
    torch.testing.assert_close(y.double(), exact, rtol=1e-4, atol=1e-4)
    dy = torch.sin(y.detach())
    ours = torch.autograd.grad(y, (x, scale, offset), dy)
    theirs = torch.autograd.grad(exact, (x, scale, offset), dy.double())
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its, rtol=2e-3, atol=2e-4 * float(its.abs().max()))


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape[2] > 2])
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


def test_results_are_channels_last() -> None:
    x = random_images((64, 4, 16, 16))
    y = batch_norm(depthwise_conv(x, torch.ones(4, 1, 5, 5)), torch.ones(4), torch.zeros(4))
    assert y.is_contiguous(memory_format=torch.channels_last)


def test_an_image_in_another_memory_order_gives_the_same() -> None:
    x = random_images((64, 4, 16, 16)).detach()
    ones = torch.ones(4)
    assert torch.equal(batch_norm(x.contiguous(), ones, ones), batch_norm(x, ones, ones))


def test_inputs_that_need_no_gradient_get_none() -> None:
    x = random_images((2, 4, 8, 8)).detach()
    weight = torch.ones(4, 1, 5, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(depthwise_conv(x, weight).sum(), weight)
    assert gradient.shape == weight.shape


@pytest.mark.parametrize(("size", "stride"), [(8, 1), (8, 2), (7, 2), (1, 1)])
def test_the_maximum_of_shifted_images_is_max_pooling_with_the_gradient_of_the_first_maximum(
    size: int, stride: int
) -> None:
    values = torch.randint(-2, 3, (2, 3, size, size), generator=torch.Generator().manual_seed(1)).float()
    ours, theirs = (values.clone().requires_grad_() for _ in range(2))  # few values: many ties
    pooled, expected = _shifted_max_pool(ours, stride), F.max_pool2d(theirs, 3, stride, padding=1)
    assert torch.equal(pooled, expected)
    weights = torch.arange(pooled.numel(), dtype=torch.float32).view_as(pooled)
    (pooled * weights).sum().backward()
    (expected * weights).sum().backward()
    assert torch.equal(ours.grad, theirs.grad)
