"""What to hold the searched networks against: networks made by hand, and the nearest neighbor.

The networks are trained by `nas.train` and scored by `nas.evaluate` like those of genotypes. Their size
follows from a parameter budget, so that a comparison is one of designs.

Source: He et al., "Identity mappings in deep residual networks" (ECCV 2016); Huang et al., "Densely connected
    convolutional networks" (CVPR 2017); the DenseNet's settings (three blocks, growth 12, 16 first filters,
    dropout 0.2) are those of Pham et al., Sensors 19(8):1932, 2019. The tall-stem network is ours.
"""

from itertools import count, pairwise
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from nas.image_classifier import ImageClassifier, num_parameters
from nas.images import ImageSource, IntArray
from nas.layers import batch_norm, keep_mask
from nas.random import torch_generator
from nas.temporal_layers import MaximumPool, TallStem, temporal_features

__all__ = ["Baseline", "BaselineConfig", "BaselineKind", "baseline_for_budget", "nearest_neighbor"]

BaselineKind = Literal["residual", "densenet", "tall"]


class BaselineConfig(BaseModel):
    """The size and regularization of a network made by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: BaselineKind = Field(description="residual network, DenseNet, or tall-stem network")
    num_classes: int = Field(ge=2, description="number of actions")
    image_size: int = Field(default=32, ge=4, description="height and width of an image, pixels")
    num_images: int = Field(default=1, ge=1, description="images of a clip, a network each")
    depth: int = Field(default=2, ge=1, description="residual units, or layers, of each of the three blocks")
    width: int = Field(
        default=16,
        ge=1,
        description="of the first convolution; residual blocks have 1, 2, 4 times as much, tall ones as much",
    )
    growth: int = Field(default=12, ge=1, description="densenet: filters that each layer adds")
    stem_stride: int = Field(
        default=1, ge=1, le=2, description="2 halves the image in the stem: a quarter of the time"
    )
    dropout_keep: float = Field(
        default=0.8, gt=0, le=1, description="kept fraction before the classifier, and after each dense layer"
    )
    stem_keep: float = Field(
        default=0.7, gt=0, le=1, description="tall: kept fraction of whole rows and colors of an image"
    )


class Baseline(ImageClassifier):
    """A network made by hand: stem, three blocks, mean over all positions, classifier.

    The tall-stem network reads the maximum over time beside the mean.

    Weights come from `seed` alone, by He initialization.

    Args:
        config: kind and size.
        seed: of the initial weights.
        image: which image of a clip it reads; each has weights of its own.
    """

    def __init__(self, config: BaselineConfig, seed: int = 0, *, image: int = 0) -> None:
        super().__init__()
        self.config: BaselineConfig = config
        with torch.device("meta"):  # nothing is drawn from torch's global state
            blocks, width = _BLOCKS[config.kind](config)
            self.features = nn.Sequential(_stem(config), *blocks, batch_norm(width), nn.ReLU())
            pooled = 2 * width if config.kind == "tall" else width
            self.classifier = nn.Linear(pooled, config.num_classes)
        self.materialise()
        self._initialize(torch_generator(seed, "baseline", *([image] if image else [])))
        alone = config.model_copy(update={"num_images": 1})
        self.others = nn.ModuleList(
            Baseline(alone, seed, image=number) for number in range(1, config.num_images)
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch has it, its stubs do not

    def _initialize(self, generator: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
        nn.init.zeros_(self.classifier.bias)

    def _logits(self, images: Tensor) -> Tensor:
        """(N, num_classes) of images (N, 3, image_size, image_size)."""
        logits: Tensor = self.classifier(self._pooled(images))
        return logits

    def _training_logits(
        self, images: Tensor, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, None]:
        """Logits with dropout, the same from first to last step; these networks have no auxiliary head."""
        del progress
        pooled, keep = self._pooled(images, generator), self.config.dropout_keep
        if keep < 1:
            pooled = pooled * keep_mask(tuple(pooled.shape), keep, generator).to(pooled.device)
        return self.classifier(pooled), None

    def _pooled(self, images: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """(N, 3, S, S) to (N, C); dense layers drop features by `generator`."""
        x = images.contiguous(memory_format=torch.channels_last)
        for module in self.features:
            if isinstance(module, TallStem):
                x = module(x, self._row_mask(len(x), module.masked, generator))
            else:
                x = module(x, generator) if isinstance(module, _DenseLayer) else module(x)
        tall = self.config.kind == "tall"
        return temporal_features(x, segments=1, maximum=True, share=False) if tall else x.mean(dim=(2, 3))

    def _row_mask(self, num_images: int, rows: int, generator: torch.Generator | None) -> Tensor | None:
        """(N, rows) factors while training."""
        if generator is None or self.config.stem_keep == 1:
            return None
        return keep_mask((num_images, rows), self.config.stem_keep, generator).to(
            self.classifier.weight.device
        )


class _TemporalUnit(nn.Module):
    """BN, ReLU, 1 x 5, BN, ReLU, 1 x 5, and the input added: a residual unit along time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(
                module
                for _ in range(2)
                for module in (
                    batch_norm(channels),
                    nn.ReLU(),
                    nn.Conv2d(channels, channels, (1, 5), padding=(0, 2), bias=False),
                )
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, 1, W) to the same."""
        y: Tensor = x + self.body(x)
        return y


class _ResidualUnit(nn.Module):
    """BN, ReLU, 3 x 3, BN, ReLU, 3 x 3, and the input added (He et al. 2016, figure 4e)."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.before = nn.Sequential(batch_norm(in_channels), nn.ReLU())
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False),
            batch_norm(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
        )
        # A mean, then 1 x 1: torch's strided 1 x 1 convolution fails at few channels (nas.layers).
        self.shortcut = (
            nn.Identity()
            if (in_channels, stride) == (channels, 1)
            else nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True), nn.Conv2d(in_channels, channels, 1, bias=False)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, channels, H / stride, W / stride)."""
        ready = self.before(x)
        kept = x if isinstance(self.shortcut, nn.Identity) else self.shortcut(ready)
        y: Tensor = self.body(ready) + kept
        return y


class _DenseLayer(nn.Module):
    """BN, ReLU, 3 x 3, dropout; its output is put beside its input (Huang et al. 2017)."""

    def __init__(self, in_channels: int, growth: int, keep: float) -> None:
        super().__init__()
        self.normalize = batch_norm(in_channels)
        self.convolve = nn.Conv2d(in_channels, growth, 3, padding=1, bias=False)
        self.keep = keep

    def forward(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """(N, C, H, W) to (N, C + growth, H, W)."""
        new = self.convolve(F.relu(self.normalize(x)))
        if generator is not None and self.keep < 1:
            new = new * keep_mask((*new.shape[:2], 1, 1), self.keep, generator).to(new.device)
        return torch.cat([x, new], dim=1)


def _stem(config: BaselineConfig) -> nn.Module:
    if config.kind == "tall":
        return TallStem((3, config.image_size, config.image_size), config.width, config.stem_stride)
    return nn.Conv2d(3, config.width, 3, config.stem_stride, padding=1, bias=False)


def _tall(config: BaselineConfig) -> tuple[list[nn.Module], int]:
    """Three blocks along time, of one width, each of half as many moments as the one before."""
    layers: list[nn.Module] = []
    for number in range(3):
        layers += [MaximumPool(2)] if number else []
        layers += [_TemporalUnit(config.width) for _ in range(config.depth)]
    return layers, config.width


def _residual(config: BaselineConfig) -> tuple[list[nn.Module], int]:
    """Three blocks, each of twice the width and half the size of the one before; and the last width."""
    widths = [config.width, config.width, 2 * config.width, 4 * config.width]
    units: list[nn.Module] = []
    for number, (before, width) in enumerate(pairwise(widths)):
        units.append(_ResidualUnit(before, width, stride=2 if number else 1))
        units += [_ResidualUnit(width, width, stride=1) for _ in range(config.depth - 1)]
    return units, widths[-1]


def _dense(config: BaselineConfig) -> tuple[list[nn.Module], int]:
    """Three blocks of dense layers, transitions (1 x 1, halving mean) between them; and the last width."""
    layers: list[nn.Module] = []
    width = config.width
    for number in range(3):
        if number:
            layers += [batch_norm(width), nn.ReLU(), nn.Conv2d(width, width, 1, bias=False), nn.AvgPool2d(2)]
        for _ in range(config.depth):
            layers.append(_DenseLayer(width, config.growth, config.dropout_keep))
            width += config.growth
    return layers, width


_BLOCKS = {"residual": _residual, "densenet": _dense, "tall": _tall}
# What differs from the defaults where a budget decides about the size.
_SETTINGS: dict[BaselineKind, dict[str, Any]] = {
    "residual": {"depth": 3},
    "densenet": {"depth": 3},
    "tall": {"depth": 1, "dropout_keep": 0.5},
}


def baseline_for_budget(
    kind: BaselineKind,
    num_classes: int,
    image_size: int = 32,
    budget: int = 2_300_000,
    stem_stride: int = 1,
    num_images: int = 1,
) -> BaselineConfig:
    """The network whose parameters come nearest to a budget.

    The residual network has three units a block and grows in width, and so does the tall-stem network, which
    has one; the DenseNet keeps growth 12 and grows in depth.

    Args:
        kind: which network.
        num_classes: of the actions.
        image_size: height and width of an image, pixels.
        budget: parameters, that of the network to compare with.
        stem_stride: as that network's.
        num_images: of a clip; the budget is that of all their networks.

    Raises:
        ValueError: even the smallest exceeds twice the budget.
    """
    varied = "depth" if kind == "densenet" else "width"
    base = BaselineConfig(
        kind=kind,
        num_classes=num_classes,
        image_size=image_size,
        stem_stride=stem_stride,
        num_images=num_images,
        **_SETTINGS[kind],
    )
    best: tuple[int, BaselineConfig] | None = None
    for size in count(1):
        config = base.model_copy(update={varied: size})
        parameters = num_parameters(Baseline(config))
        if best is None and parameters > 2 * budget:
            raise ValueError(f"the smallest {kind} has {parameters} parameters; the budget is {budget}")
        if best is not None and abs(parameters - budget) >= best[0]:
            return best[1]
        best = abs(parameters - budget), config
    raise AssertionError("the parameters grow with the size")


def nearest_neighbor(known: ImageSource, images: ImageSource) -> IntArray:
    """The class of each image's nearest known one: Euclidean distance of pixel values, nothing augmented.

    Args:
        known: images with labels, at least one.
        images: to be named.

    Returns:
        int64 (N,), one class for each of `images`; of several as near, that of the first.
    """

    def rows(source: ImageSource) -> Tensor:
        return source.batch(np.arange(len(source.labels)), None).flatten(1).double()

    nearest = torch.cdist(rows(images), rows(known)).argmin(dim=1).numpy()
    labels: IntArray = known.labels[nearest]
    return labels
