"""Average and maximum pooling over 3 x 3 pixels, padded by one, whose gradients are the same every time."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nas.kernels import compiled_pooling


def avg_pool(x: Tensor) -> Tensor:
    """3x3 mean of stride 1; positions outside the image are not counted. (N, C, H, W) to the same."""
    if compiled_pooling.usable(x):
        return compiled_pooling.average(x)
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


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
    if stride == 1 and compiled_pooling.usable(x):
        return compiled_pooling.maximum(x)
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
