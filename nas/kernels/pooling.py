"""Maximum pooling whose gradient is the same every time on every device."""

import torch
import torch.nn.functional as F
from torch import Tensor


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
