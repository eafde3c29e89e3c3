"""The operations that networks are made of while searching, as functions of weights given from outside.

Batch normalization always uses the statistics of the batch (ENAS evaluates so too, while searching).
Each function comes with the specs of the parameters that it reads under a prefix.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from nas import kernels
from nas.layout import ParameterSpec

KERNELS = {"sep_conv_3x3": 3, "sep_conv_5x5": 5}
Weights = Mapping[str, Tensor]


def batch_norm_specs(prefix: str, channels: int) -> list[ParameterSpec]:
    """Scale and offset (channels,)."""
    return [
        ParameterSpec(f"{prefix}.scale", (channels,), "one"),
        ParameterSpec(f"{prefix}.offset", (channels,), "zero"),
    ]


def batch_norm(weights: Weights, prefix: str, x: Tensor) -> Tensor:
    """(x - mean) / sqrt(var + 1e-5) * scale + offset with mean and variance of the batch."""
    return kernels.batch_norm(x, weights[f"{prefix}.scale"], weights[f"{prefix}.offset"])


def conv_bn_specs(prefix: str, into: int, out: int, kernel: int) -> list[ParameterSpec]:
    """A dense convolution without bias, and its batch normalization."""
    weight = ParameterSpec(f"{prefix}.weight", (out, into, kernel, kernel), "he", into * kernel * kernel)
    return [weight, *batch_norm_specs(prefix, out)]


def conv_bn(weights: Weights, prefix: str, x: Tensor, stride: int = 1) -> Tensor:
    """Convolution with an odd kernel that divides height and width by `stride`, then batch normalization."""
    weight = weights[f"{prefix}.weight"]
    return batch_norm(weights, prefix, F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2))


def sep_conv_specs(prefix: str, channels: int, kernel: int) -> list[ParameterSpec]:
    """Two times depthwise, pointwise, batch normalization. Each depthwise output sums kernel^2 inputs."""
    specs = []
    for stack in (0, 1):
        name = f"{prefix}.{stack}"
        specs += [
            ParameterSpec(f"{name}.depthwise", (channels, 1, kernel, kernel), "he", kernel * kernel),
            ParameterSpec(f"{name}.pointwise", (channels, channels, 1, 1), "he", channels),
            *batch_norm_specs(name, channels),
        ]
    return specs


def sep_conv(weights: Weights, prefix: str, x: Tensor, addend: Tensor | None = None) -> Tensor:
    """(ReLU, depthwise, pointwise, BN) twice; the sum with `addend`, if any."""
    stacks = [
        kernels.SeparableWeights(
            weights[f"{prefix}.{stack}.depthwise"],
            weights[f"{prefix}.{stack}.pointwise"],
            weights[f"{prefix}.{stack}.scale"],
            weights[f"{prefix}.{stack}.offset"],
        )
        for stack in (0, 1)
    ]
    return kernels.separable_conv(x, stacks, addend)


def avg_pool(x: Tensor) -> Tensor:
    """3x3 mean of stride 1; positions outside the image are not counted."""
    return kernels.avg_pool(x)


def max_pool(x: Tensor) -> Tensor:
    """3x3 maximum of stride 1."""
    return kernels.max_pool(x)


def factorized_reduction_specs(prefix: str, into: int, out: int) -> list[ParameterSpec]:
    """Two 1x1 convolutions to half of the channels each, and one batch normalization."""
    return [
        ParameterSpec(f"{prefix}.path1", (out // 2, into, 1, 1), "he", into),
        ParameterSpec(f"{prefix}.path2", (out // 2, into, 1, 1), "he", into),
        *batch_norm_specs(prefix, out),
    ]


def factorized_reduction(weights: Weights, prefix: str, x: Tensor, dimensions: int = 2) -> Tensor:
    """Halve height and width (even), in one dimension the width alone, without dropping pixels blindly.

    Two 1x1 convolutions of stride 2, the second on the image shifted by one pixel down and right,
    concatenated, then batch normalization. No ReLU.
    """
    halves = (x[:, :, ::2, ::2], x[:, :, 1::2, 1::2]) if dimensions == 2 else (x[..., ::2], x[..., 1::2])
    # Sliced here instead of by the convolution's stride: torch 2.13 can damage memory in the backward pass
    # of the strided form. A slice before a convolution of stride 1 computes the same.
    paths = [
        F.conv2d(image, weights[f"{prefix}.{name}"])
        for name, image in zip(("path1", "path2"), halves, strict=True)
    ]
    return batch_norm(weights, prefix, torch.cat(paths, dim=1))
