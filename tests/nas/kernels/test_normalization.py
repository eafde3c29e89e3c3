"""Batch normalization on rows of pixels computes what torch's own computes."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.kernels.normalization import _fewest_values, batch_norm, batch_norm_of_rows

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


def test_an_image_in_another_memory_order_gives_the_same() -> None:
    x = random_images((64, 4, 16, 16)).detach()
    ones = torch.ones(4)
    assert torch.equal(batch_norm(x.contiguous(), ones, ones), batch_norm(x, ones, ones))


def test_a_chunk_of_few_images_at_the_end_counts_for_what_it_is() -> None:
    # 20 x 32 x 32 = 20,480 values: six images are a chunk, and of eight two are left.
    x = random_images((8, 20, 32, 32)).detach()
    x[6:] += 5
    scale, offset = torch.ones(20), torch.zeros(20)
    exact = F.batch_norm(x.double(), None, None, scale.double(), offset.double(), training=True, eps=1e-5)
    torch.testing.assert_close(batch_norm_of_rows(x, scale, offset).double(), exact, rtol=1e-4, atol=1e-4)
