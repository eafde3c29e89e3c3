"""The layers of the final network: operations, calibration, reduction and the auxiliary head as modules.

Source: Pham, Guan, Zoph, Le, Dean, "Efficient Neural Architecture Search via Parameter Sharing" (ICML 2018)
and its released program. All tensors are (N, C, H, W) in channels_last memory. Stride 2 gives ceil(H / 2).

Departure: strided windows are padded alike on both sides (the released program pads the far side only), which
moves every window by one pixel.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.kernels import max_pool

BATCH_NORM_EPSILON = 1e-5
BATCH_NORM_MOMENTUM = 0.1
AUXILIARY_POOL = 5
AUXILIARY_STRIDE = 3
AUXILIARY_WIDTHS = (128, 768)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalization with ENAS's epsilon and momentum."""
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPSILON, momentum=BATCH_NORM_MOMENTUM)


def keep_mask(shape: tuple[int, ...], keep: Tensor | float, generator: torch.Generator) -> Tensor:
    """0 with probability 1 - keep, else 1 / keep: expectation 1. `keep` broadcasts to `shape`."""
    return (torch.rand(shape, generator=generator) < keep).to(torch.float32) / keep


class SeparableConvolution(nn.Module):
    """(ReLU, depthwise k x k, pointwise, BN) twice; the first has the stride.

    The first ReLU is the caller's, who shares it among all that read the same state.
    """

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.stack = nn.Sequential(
            *self._once(channels, kernel, stride), nn.ReLU(), *self._once(channels, kernel, 1)
        )

    @staticmethod
    def _once(channels: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
        depthwise = nn.Conv2d(
            channels, channels, kernel, stride, padding=kernel // 2, groups=channels, bias=False
        )
        pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        return depthwise, pointwise, batch_norm(channels)

    def forward(self, rectified: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H / stride, W / stride)."""
        y: Tensor = self.stack(rectified)
        return y


class MaxPool(nn.Module):
    """3x3 maximum, with a gradient that is the same every time on every device."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H / stride, W / stride)."""
        return max_pool(x, self.stride)


class Calibration(nn.Module):
    """ReLU, 1x1 convolution, BN: brings a state to the width of a cell."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.norm = batch_norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, channels, H, W)."""
        y: Tensor = self.norm(self.convolution(F.relu(x)))
        return y


class FactorizedReduction(nn.Module):
    """Halves height and width: two 1x1 paths of stride 2, the second a pixel further, concatenated, BN.

    Together the paths see half of the pixels, where one strided 1x1 would see a quarter. In one dimension the
    width alone is halved, and the paths see all of it.

    Args:
        in_channels: of the input.
        channels: of the output; the first path makes half of them.
        relu: a ReLU first (calibration has it; the identity operation and loose ends do not).
        dimensions: 2, or 1 for one row.
    """

    def __init__(self, in_channels: int, channels: int, *, relu: bool = False, dimensions: int = 2) -> None:
        super().__init__()
        self.relu = relu
        self.rows = dimensions == 2
        self.even = nn.Conv2d(in_channels, channels // 2, 1, bias=False)
        self.odd = nn.Conv2d(in_channels, channels - channels // 2, 1, bias=False)
        self.norm = batch_norm(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) to (N, channels, ceil(H / 2), ceil(W / 2)); H stays in one dimension."""
        if self.relu:
            x = F.relu(x)
        if not self.rows:
            moments = F.pad(x[..., 1::2], (0, x.shape[-1] % 2))
            joined: Tensor = self.norm(torch.cat([self.even(x[..., ::2]), self.odd(moments)], dim=1))
            return joined
        height, width = x.shape[-2:]
        # Sliced here instead of by the convolution's stride: torch 2.13 can damage memory in the backward
        # pass of the strided form. A slice before a convolution of stride 1 computes the same.
        # An odd side has no pixel after its last one: a zero stands there.
        shifted = F.pad(x[:, :, 1::2, 1::2], (0, width % 2, 0, height % 2))
        y: Tensor = self.norm(torch.cat([self.even(x[:, :, ::2, ::2]), self.odd(shifted)], dim=1))
        return y


class AuxiliaryHead(nn.Module):
    """A second classifier in mid-network, whose loss helps the lower layers learn; unused for prediction.

    ReLU, 5x5 average pooling of stride 3, 1x1 to 128, a convolution as large as what is left to 768, mean,
    linear. Where the feature map is smaller than the 5x5 window, the window is the map.
    """

    def __init__(self, channels: int, num_classes: int, size: int) -> None:
        super().__init__()
        window = min(AUXILIARY_POOL, size)
        left = (size - window) // AUXILIARY_STRIDE + 1
        before, after = (left - 1) // 2, left // 2  # "same" padding; an even kernel pads more at the far side
        narrow, wide = AUXILIARY_WIDTHS
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d(window, AUXILIARY_STRIDE),
            nn.Conv2d(channels, narrow, 1, bias=False),
            batch_norm(narrow),
            nn.ReLU(),
            nn.ZeroPad2d((before, after, before, after)),
            nn.Conv2d(narrow, wide, left, bias=False),
            batch_norm(wide),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(wide, num_classes, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to logits (N, num_classes)."""
        logits: Tensor = self.classifier(self.features(x).mean(dim=(2, 3)))
        return logits
