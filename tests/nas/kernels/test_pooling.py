"""Maximum pooling on other devices gives what torch gives on the CPU, its gradient included."""

import pytest
import torch
import torch.nn.functional as F

from nas.kernels.pooling import _shifted_max_pool


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
