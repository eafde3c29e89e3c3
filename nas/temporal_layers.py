"""Layers of spaces beside ENAS micro: operations along time (or on images), stems and heads.

All tensors are (N, C, H, W); in a one-dimensional space H is 1 and W is time. The file needs torch alone, so
that the source of a network can quote it. The search calls the same modules with shared
weights as the final network does with its own.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "AveragePool",
    "Convolution",
    "GatedConvolution",
    "GroupMixing",
    "MaximumPool",
    "Separable",
    "SqueezeExcitation",
    "TallAndWindowsStem",
    "TallStem",
    "WindowsStem",
    "temporal_features",
]


class Separable(nn.Module):
    """ReLU, depthwise convolution, pointwise convolution, batch normalization.

    Args:
        channels: in and out.
        kernel: odd length.
        dilation: distance of the kernel's taps.
        stride: 1 or 2.
        dimensions: 1: along W; 2: along H and W.
    """

    def __init__(
        self, channels: int, kernel: int, dilation: int = 1, stride: int = 1, dimensions: int = 1
    ) -> None:
        super().__init__()
        row = dimensions == 1
        reach = dilation * (kernel // 2)
        self.depthwise = nn.Conv2d(
            channels,
            channels,
            (1 if row else kernel, kernel),
            stride=(1 if row else stride, stride),
            padding=(0 if row else reach, reach),
            dilation=(1 if row else dilation, dilation),
            groups=channels,
            bias=False,
        )
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, C, H', W / stride)."""
        y: Tensor = self.norm(self.pointwise(self.depthwise(F.relu(x))))
        return y


class Convolution(nn.Module):
    """ReLU, dense convolution along W, batch normalization."""

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(
            channels, channels, (1, kernel), stride=(1, stride), padding=(0, kernel // 2), bias=False
        )
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, W) to (N, C, 1, W / stride)."""
        y: Tensor = self.norm(self.convolution(F.relu(x)))
        return y


class GatedConvolution(nn.Module):
    """ReLU, depthwise convolution along W, then BN(A x) sigmoid(B x) with pointwise A and B.

    Source: Dauphin et al., "Language modeling with gated convolutional networks" (ICML 2017).
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(
            channels,
            channels,
            (1, kernel),
            stride=(1, stride),
            padding=(0, kernel // 2),
            groups=channels,
            bias=False,
        )
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        self.gate = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, W) to (N, C, 1, W / stride)."""
        y = self.depthwise(F.relu(x))
        gated: Tensor = self.norm(self.value(y)) * torch.sigmoid(self.gate(y))
        return gated


class SqueezeExcitation(nn.Module):
    """Each channel times a number between 0 and 1 that follows from the means of all channels.

    Source: Hu et al., "Squeeze-and-excitation networks" (CVPR 2018), with a quarter of the channels between.
    """

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        middle = max(4, channels // 4)
        self.stride = stride
        self.squeeze = nn.Conv2d(channels, middle, 1, bias=False)
        self.excite = nn.Conv2d(middle, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, W) to (N, C, 1, W / stride)."""
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean(dim=(2, 3), keepdim=True)))))
        y: Tensor = self.norm((x * gate)[..., :: self.stride])
        return y


class GroupMixing(nn.Module):
    """ReLU, convolution along W within four groups of channels, batch normalization, channels shuffled.

    Source: Zhang et al., "ShuffleNet" (CVPR 2018).
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.groups = math.gcd(channels, 4)
        self.convolution = nn.Conv2d(
            channels,
            channels,
            (1, kernel),
            stride=(1, stride),
            padding=(0, kernel // 2),
            groups=self.groups,
            bias=False,
        )
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, W) to (N, C, 1, W / stride)."""
        y: Tensor = self.norm(self.convolution(F.relu(x)))
        shuffled = y.reshape(len(y), self.groups, -1, *y.shape[2:]).transpose(1, 2).flatten(1, 2)
        return shuffled.contiguous(memory_format=torch.channels_last)


class AveragePool(nn.Module):
    """Mean of three moments; moments outside of the clip are not counted."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d((1, 3), (1, stride), padding=(0, 1), count_include_pad=False)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, W) to (N, C, 1, W / stride)."""
        y: Tensor = self.pool(x)
        return y


class MaximumPool(nn.Module):
    """Maximum of three moments, from shifted copies: its gradient is the same every time on every device."""

    def __init__(self, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, W) to (N, C, 1, W / stride)."""
        padded = F.pad(x, (1, 1), value=float("-inf"))
        sides = torch.maximum(padded[..., :-2], padded[..., 2:])
        return torch.maximum(sides, x)[..., :: self.stride]


class TallStem(nn.Module):
    """Rows and colors become channels; a convolution over three moments then reads rows anywhere.

    Batch normalization of each row and color, a mask on whole rows and colors while training, and what equals
    a convolution with a kernel as high as the image.

    Args:
        image: (colors, height, width).
        channels: out.
        stride: of time.
    """

    def __init__(self, image: tuple[int, int, int], channels: int, stride: int = 1) -> None:
        super().__init__()
        self.masked = image[0] * image[1]
        self.norm_rows = nn.BatchNorm2d(self.masked)
        self.convolution = nn.Conv2d(
            self.masked, channels, (1, 3), stride=(1, stride), padding=(0, 1), bias=False
        )
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, colors, H, W) to (N, C, 1, W / stride); `mask` is (N, colors x H) factors."""
        x = self.norm_rows(images.flatten(1, 2).unsqueeze(2))
        if mask is not None:
            x = x * mask[:, :, None, None]
        y: Tensor = self.norm(self.convolution(x))
        return y


class WindowsStem(nn.Module):
    """Two convolutions with 3 x 3 windows, the second halving the height; then mean and maximum over rows.

    Args:
        image: (colors, height, width).
        channels: out.
        stride: of time.
    """

    def __init__(self, image: tuple[int, int, int], channels: int, stride: int = 1) -> None:
        super().__init__()
        narrow = max(4, channels // 2)
        self.first = nn.Conv2d(image[0], narrow, 3, padding=1, bias=False)
        self.norm_first = nn.BatchNorm2d(narrow)
        self.second = nn.Conv2d(narrow, channels, 3, stride=(2, stride), padding=1, bias=False)
        self.norm_second = nn.BatchNorm2d(channels)
        self.join = nn.Conv2d(2 * channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, images: Tensor) -> Tensor:
        """(N, colors, H, W) to (N, C, 1, W / stride)."""
        x = F.relu(self.norm_first(self.first(images)))
        x = F.relu(self.norm_second(self.second(x)))
        rows = torch.cat([x.mean(dim=2, keepdim=True), x.amax(dim=2, keepdim=True)], dim=1)
        y: Tensor = self.norm(self.join(rows))
        return y


class TallAndWindowsStem(nn.Module):
    """The tall stem and the stem of windows side by side, half of the channels each."""

    def __init__(self, image: tuple[int, int, int], channels: int, stride: int = 1) -> None:
        super().__init__()
        self.tall = TallStem(image, channels // 2, stride)
        self.windows = WindowsStem(image, channels - channels // 2, stride)
        self.masked = self.tall.masked

    def forward(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        """(N, colors, H, W) to (N, C, 1, W / stride); `mask` is the tall stem's."""
        return torch.cat([self.tall(images, mask), self.windows(images)], dim=1)


def temporal_features(x: Tensor, segments: int, maximum: bool, share: bool) -> Tensor:
    """What the classifier reads: statistics of each channel over each part of the clip.

    Args:
        x: (N, C, H, W), before its ReLU; W is time.
        segments: equal parts of the time axis that are kept apart.
        maximum: the maximum beside the mean, both after a ReLU.
        share: the share of positive values too, in the smooth form mean(sigmoid(4 x)), so that it can be
            trained.

    Returns:
        (N, C x segments x statistics).
    """
    values = []
    for part in x.tensor_split(segments, dim=3):
        rectified = F.relu(part)
        values.append(rectified.mean(dim=(2, 3)))
        if maximum:
            values.append(rectified.amax(dim=(2, 3)))
        if share:
            values.append(torch.sigmoid(4 * part).mean(dim=(2, 3)))
    return torch.cat(values, dim=1)
