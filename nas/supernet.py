"""The search network: every architecture of the space over one set of shared weights.

Functional: `Supernet` holds shapes and names, never weights. Only the path of one genotype is computed.
This is not yet the final network: a reduction cell here first halves its last input and then runs at stride 1
on [last, halved last], a cell ends in a 1x1 convolution, and batch normalisation uses batch statistics.

Source: Pham et al. 2018 (ENAS), released program, micro search.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from nas.cell import cell_forward, cell_specs, used_cell_specs
from nas.config import PRESETS, PresetName
from nas.genotype import Cell, Genotype
from nas.layout import ParameterLayout, ParameterSpec, RangeArray
from nas.operations import (
    Weights,
    batch_norm,
    batch_norm_specs,
    conv_bn,
    conv_bn_specs,
    factorized_reduction,
    factorized_reduction_specs,
)
from nas.random import generator

NUM_REDUCTIONS = 2


class SupernetConfig(BaseModel):
    """Size of the search network. Defaults are those of the released ENAS program on CIFAR-10."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_classes: int = Field(ge=2, description="classes that are told apart")
    image_size: int = Field(
        default=32, ge=8, multiple_of=4, description="height and width of the images, pixels"
    )
    image_channels: int = Field(default=3, ge=1, description="colour channels of the images")
    channels: int = Field(
        default=20,
        ge=4,
        multiple_of=2,
        description="C of the first cells; doubles at reductions",
    )
    normal_cells: int = Field(default=6, ge=1, description="normal cells; two reduction cells come on top")
    num_nodes: int = Field(default=5, ge=1, description="nodes in a cell")
    stem_stride: int = Field(
        default=1, ge=1, le=2, description="2 halves the image in the stem: a quarter of the time"
    )
    stem_multiplier: int = Field(default=3, ge=1, description="the stem makes this many times C channels")
    auxiliary_channels: tuple[int, int] = Field(
        default=(128, 768), description="channels of the two convolutions of the auxiliary head"
    )
    dropout_keep: float = Field(
        default=0.9, gt=0, le=1, description="share of features kept before the classifier"
    )

    @model_validator(mode="after")
    def _check(self) -> "SupernetConfig":
        if min(self.auxiliary_channels) < 1:
            raise ValueError(f"`auxiliary_channels` are {self.auxiliary_channels}; each must be 1 or more")
        if self.image_size % (4 * self.stem_stride):
            raise ValueError(
                f"`image_size` is {self.image_size}; with `stem_stride` {self.stem_stride} and two "
                f"reductions it must be a multiple of {4 * self.stem_stride}"
            )
        return self

    @classmethod
    def preset(cls, name: PresetName, **values: Any) -> "SupernetConfig":
        """Search network of a preset of `SearchConfig`; `values` must hold `num_classes` at least.

        Raises:
            ValueError: no such preset, or a value that is not allowed.
        """
        if name not in PRESETS:
            raise ValueError(f"search network preset is {name!r}; known are {', '.join(PRESETS)}")
        return cls.model_validate({**(_SMALL if name == "small" else {}), **values})

    @property
    def reduction_layers(self) -> tuple[int, int]:
        """Layers that are reduction cells: after every third of the normal cells."""
        distance = self.normal_cells // 3
        return distance, 2 * distance + 1

    @property
    def num_layers(self) -> int:
        """All cells."""
        return self.normal_cells + NUM_REDUCTIONS


_SMALL: dict[str, Any] = {
    "channels": 12,
    "normal_cells": 3,
    "stem_stride": 2,
    "auxiliary_channels": (32, 64),
}


@dataclass(frozen=True)
class _Layer:
    """A cell's place: its channels, and those of its two inputs as they arrive."""

    name: str
    reduction: bool
    channels: int
    into: tuple[int, int]
    sizes: tuple[int, int]


class Supernet:
    """Names, shapes and forward computation of the search network.

    Attributes:
        layout: where each parameter lies in the flat buffer of shared weights.
    """

    def __init__(self, config: SupernetConfig) -> None:
        self.config = config
        self._layers = tuple(_plan(config))
        self._auxiliary_layer = config.reduction_layers[1] + 1
        self.layout = ParameterLayout(self._specs())
        self.used = lru_cache(maxsize=512)(self._used)
        self.used_ranges = lru_cache(maxsize=512)(self._used_ranges)

    def initial_weights(self, seed: int) -> Tensor:
        """float32 (layout.size,): He initialisation with the true fan-in; BN scales 1 and offsets 0."""
        return self.layout.initial(generator(seed, "initial weights"))

    def logits(
        self, weights: Weights, genotype: Genotype, images: Tensor, dropout: np.random.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """Class scores along the path of one genotype.

        Args:
            weights: at least the parameters named by `used(genotype)`, all on one device.
            genotype: the architecture.
            images: float32 (N, channels, H, W) on the same device.
            dropout: for training: draws the features dropped before the classifier. None switches
                dropout and the auxiliary head off.

        Returns:
            Logits (N, K), and those of the auxiliary head, or None without `dropout`.

        Raises:
            ValueError: the images or the genotype do not have the configured size.
        """
        self._check(genotype, images)
        images = images.contiguous(memory_format=torch.channels_last)
        x = conv_bn(weights, "stem", images, self.config.stem_stride)
        before_last, last, auxiliary = x, x, None
        for index, layer in enumerate(self._layers):
            if layer.reduction:
                before_last, last = last, factorized_reduction(weights, f"{layer.name}.reduce", last)
            cell = genotype.reduction if layer.reduction else genotype.normal
            output = self._cell(weights, layer, cell, before_last, last)
            before_last, last = last, output
            if index == self._auxiliary_layer and dropout is not None:
                auxiliary = _auxiliary_head(weights, output)
        features = F.relu(last).mean(dim=(2, 3))
        if dropout is not None:
            features = features * _dropout_mask(features, self.config.dropout_keep, dropout)
        return features @ weights["classifier"].T, auxiliary

    def _check(self, genotype: Genotype, images: Tensor) -> None:
        size = self.config.image_size
        expected = (self.config.image_channels, size, size)
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            raise ValueError(
                f"images have shape {tuple(images.shape)}; the search network needs (N, {expected[0]}, "
                f"{size}, {size})"
            )
        if genotype.num_nodes != self.config.num_nodes:
            raise ValueError(
                f"genotype has {genotype.num_nodes} nodes a cell; the search network has "
                f"{self.config.num_nodes}"
            )

    def _cell(self, weights: Weights, layer: _Layer, cell: Cell, before_last: Tensor, last: Tensor) -> Tensor:
        if layer.sizes[0] != layer.sizes[1]:
            before_last = factorized_reduction(weights, f"{layer.name}.input0", F.relu(before_last))
        elif layer.into[0] != layer.channels:
            before_last = conv_bn(weights, f"{layer.name}.input0", F.relu(before_last))
        if layer.into[1] != layer.channels:
            last = conv_bn(weights, f"{layer.name}.input1", F.relu(last))
        return cell_forward(weights, layer.name, cell, before_last, last)

    def _used(self, genotype: Genotype) -> tuple[str, ...]:
        """Names of the parameters that training this genotype reads, in buffer order."""
        specs = list(self._common_specs())
        for layer in self._layers:
            cell = genotype.reduction if layer.reduction else genotype.normal
            specs += used_cell_specs(layer.name, layer.channels, cell)
        return self.layout.sort(spec.name for spec in specs)

    def _used_ranges(self, genotype: Genotype) -> RangeArray:
        """int64 (R, 2): the same as ranges of the buffer."""
        return self.layout.ranges(self.used(genotype))

    def _specs(self) -> Iterator[ParameterSpec]:
        # What every genotype uses comes first, in one range.
        yield from self._common_specs()
        for layer in self._layers:
            yield from cell_specs(layer.name, layer.channels, self.config.num_nodes)

    def _common_specs(self) -> Iterator[ParameterSpec]:
        config = self.config
        yield from conv_bn_specs("stem", config.image_channels, config.channels * config.stem_multiplier, 3)
        for layer in self._layers:
            yield from _input_specs(layer)
        auxiliary = self._layers[self._auxiliary_layer]
        yield from _auxiliary_specs(config, auxiliary.channels, auxiliary.sizes[1])
        width = self._layers[-1].channels
        yield ParameterSpec("classifier", (config.num_classes, width), "he", width)


def _plan(config: SupernetConfig) -> Iterator[_Layer]:
    """Channels and sizes through the network, cell by cell."""
    channels, size = config.channels, config.image_size // config.stem_stride
    stem = channels * config.stem_multiplier
    into, sizes = (stem, stem), (size, size)
    for index in range(config.num_layers):
        reduction = index in config.reduction_layers
        if reduction:
            channels, size = channels * 2, size // 2
            into, sizes = (into[1], channels), (sizes[1], size)
        yield _Layer(f"layer{index}", reduction, channels, into, sizes)
        into, sizes = (into[1], channels), (sizes[1], size)


def _input_specs(layer: _Layer) -> Iterator[ParameterSpec]:
    """Parameters that bring a cell's inputs to its channels and size."""
    if layer.reduction:
        # The halved input is made from the same tensor that arrives as the cell's first input.
        yield from factorized_reduction_specs(f"{layer.name}.reduce", layer.into[0], layer.channels)
    if layer.sizes[0] != layer.sizes[1]:
        yield from factorized_reduction_specs(f"{layer.name}.input0", layer.into[0], layer.channels)
    elif layer.into[0] != layer.channels:
        yield from conv_bn_specs(f"{layer.name}.input0", layer.into[0], layer.channels, 1)
    if layer.into[1] != layer.channels:
        yield from conv_bn_specs(f"{layer.name}.input1", layer.into[1], layer.channels, 1)


def _auxiliary_pool(size: int) -> tuple[int, int]:
    """Kernel of the auxiliary head's average pool, and the size it leaves; 5 and 2 for 8 x 8."""
    kernel = min(5, size)
    return kernel, (size - kernel) // 3 + 1


def _auxiliary_specs(config: SupernetConfig, into: int, size: int) -> Iterator[ParameterSpec]:
    first, second = config.auxiliary_channels
    _, pooled = _auxiliary_pool(size)
    yield from conv_bn_specs("auxiliary.0", into, first, 1)
    yield ParameterSpec("auxiliary.1.weight", (second, first, pooled, pooled), "he", first * pooled * pooled)
    yield from batch_norm_specs("auxiliary.1", second)
    yield ParameterSpec("auxiliary.classifier", (config.num_classes, second), "he", second)


def _auxiliary_head(weights: Weights, x: Tensor) -> Tensor:
    """ReLU, average pool 5x5 of stride 3, 1x1, full-size convolution, mean, classifier: logits (N, K)."""
    kernel, pooled = _auxiliary_pool(x.shape[-1])
    x = F.avg_pool2d(F.relu(x), kernel, stride=3)
    x = F.relu(conv_bn(weights, "auxiliary.0", x))
    before, after = (pooled - 1) // 2, pooled // 2  # "same" padding; an even kernel pads more on the right
    x = F.conv2d(F.pad(x, (before, after, before, after)), weights["auxiliary.1.weight"])
    x = F.relu(batch_norm(weights, "auxiliary.1", x))
    return x.mean(dim=(2, 3)) @ weights["auxiliary.classifier"].T


def _dropout_mask(features: Tensor, keep: float, rng: np.random.Generator) -> Tensor:
    """0 or 1 / keep for each feature; drawn on the CPU, so that it is the same for every device."""
    kept = rng.random(tuple(features.shape), dtype=np.float32) < keep
    return torch.from_numpy(kept.astype(np.float32) / np.float32(keep)).to(features.device)
