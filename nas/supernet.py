"""The search network: every architecture of the space over one set of shared weights.

Functional: `Supernet` holds shapes and names, never weights. Only the path of one genotype is computed. The
description below is ENAS micro's; a one-dimensional space has a stem that leaves one row, halves time alone,
and has no auxiliary head.

This is not yet the final network: a reduction cell here first halves its last input and then runs at stride 1
on [last, halved last], a cell ends in a 1x1 convolution, and batch normalization uses batch statistics.

Source: Pham et al. 2018 (ENAS), released program, micro search.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.cell import CellOperations, cell_forward, cell_specs, used_cell_specs
from nas.genotype import Cell, Genotype
from nas.layout import ParameterLayout, ParameterSpec, RangeArray
from nas.operation_table import check_operations
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
from nas.shared_module import SharedModule
from nas.space import ENAS_MICRO, SearchSpace
from nas.stems import check_stems_and_heads, find_head, find_stem
from nas.supernet_config import SupernetConfig


@dataclass(frozen=True)
class _Layer:
    """A cell's place: its channels and size, those of its inputs as they arrive, and of what is halved."""

    name: str
    reduction: bool
    channels: int
    size: int
    into: tuple[int, ...]
    sizes: tuple[int, ...]
    halved: int


class Supernet:
    """Names, shapes and forward computation of the search network.

    Args:
        config: its size.
        space: its operations, stems and heads; the number of nodes is the configuration's.

    Attributes:
        layout: where each parameter lies in the flat buffer of shared weights.
        space: with the configuration's number of nodes.

    Raises:
        ValueError: the space names what no table has, or does not fit the size.
    """

    def __init__(self, config: SupernetConfig, space: SearchSpace = ENAS_MICRO) -> None:
        check_operations(space)
        self.config = config
        self.space = space.sized(config.num_nodes)
        reductions = space.reduction_layers(config.normal_cells)
        _check_halvings(space, config, len(reductions))
        self._layers = tuple(_plan(config, reductions, space.num_inputs))
        check_stems_and_heads(space, self._layers[-1].size)
        self._auxiliary_layer = space.auxiliary_layer(config.normal_cells)
        self._operations = {
            channels: CellOperations(self.space, channels)
            for channels in {layer.channels for layer in self._layers}
        }
        self._stems = {name: self._shared_stem(name) for name in space.stems if name != _CONV_STEM}
        self.layout = ParameterLayout(self._specs())
        self.used = lru_cache(maxsize=512)(self._used)
        self.used_ranges = lru_cache(maxsize=512)(self._used_ranges)

    @property
    def reduction_layers(self) -> tuple[int, ...]:
        """Numbers of the layers that are reduction cells."""
        return tuple(number for number, layer in enumerate(self._layers) if layer.reduction)

    def _shared_stem(self, name: str) -> SharedModule:
        config, stem = self.config, find_stem(name)
        image = (config.image_channels, config.image_size, config.image_size)
        channels = config.channels * config.stem_multiplier
        return SharedModule(lambda: stem.build(image, channels, config.stem_stride), f"stem {name!r}")

    def initial_weights(self, seed: int) -> Tensor:
        """float32 (layout.size,): He initialization with the true fan-in; BN scales 1 and offsets 0."""
        return self.layout.initial(generator(seed, "initial weights"))

    def logits(
        self, weights: Weights, genotype: Genotype, images: Tensor, dropout: np.random.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """Class scores along the path of one genotype.

        Args:
            weights: at least the parameters named by `used(genotype)`, all on one device.
            genotype: the architecture.
            images: float32 (N, channels, H, W) on the same device.
            dropout: for training: draws the rows that the stem drops and the features dropped before the
                classifier. None switches dropout and the auxiliary head off.

        Returns:
            Logits (N, K), and those of the auxiliary head, or None without `dropout`.

        Raises:
            ValueError: the images or the genotype do not have the configured size.
        """
        self._check(genotype, images)
        images = images.contiguous(memory_format=torch.channels_last)
        x = self._stem(weights, genotype.stem, images, dropout)
        inputs, auxiliary = [x] * self.space.num_inputs, None
        for index, layer in enumerate(self._layers):
            if layer.reduction:
                inputs = [*inputs[1:], self._halve(weights, f"{layer.name}.reduce", inputs[-1])]
            cell = genotype.reduction if layer.reduction else genotype.normal
            inputs = [*inputs[1:], self._cell(weights, layer, cell, inputs)]
            if index == self._auxiliary_layer and dropout is not None:
                auxiliary = _auxiliary_head(weights, inputs[-1])
        features = find_head(genotype.head)(inputs[-1])
        if dropout is not None:
            features = features * _dropout_mask(features, self.config.dropout_keep, dropout)
        return features @ weights[self._classifier(genotype.head)].T, auxiliary

    def _stem(
        self, weights: Weights, name: str, images: Tensor, dropout: np.random.Generator | None
    ) -> Tensor:
        if name == _CONV_STEM:
            return conv_bn(weights, "stem", images, self.config.stem_stride)
        stem = self._stems[name]
        width = getattr(stem.module, "masked", None)
        if width is None or dropout is None or self.config.stem_keep == 1:
            return stem(weights, f"stem.{name}", images)
        rows = images.new_empty((len(images), width))
        return stem(weights, f"stem.{name}", images, _dropout_mask(rows, self.config.stem_keep, dropout))

    def _halve(self, weights: Weights, prefix: str, x: Tensor) -> Tensor:
        return factorized_reduction(weights, prefix, x, self.space.dimensions)

    def _classifier(self, head: str) -> str:
        """The classifier's name: heads give different numbers of features."""
        return "classifier" if len(self.space.heads) == 1 else f"classifier.{head}"

    def _check(self, genotype: Genotype, images: Tensor) -> None:
        size = self.config.image_size
        expected = (self.config.image_channels, size, size)
        if images.ndim != 4 or tuple(images.shape[1:]) != expected:
            raise ValueError(
                f"images have shape {tuple(images.shape)}; the search network needs (N, {expected[0]}, "
                f"{size}, {size})"
            )
        if genotype.space != self.space:
            raise ValueError(
                f"genotype is of space {genotype.space.name!r}; the search network has {self.space.name!r}"
            )
        if genotype.num_nodes != self.config.num_nodes:
            raise ValueError(
                f"genotype has {genotype.num_nodes} nodes a cell; the search network has "
                f"{self.config.num_nodes}"
            )

    def _cell(self, weights: Weights, layer: _Layer, cell: Cell, inputs: list[Tensor]) -> Tensor:
        fitted = []
        for number, x in enumerate(inputs):
            prefix = f"{layer.name}.input{number}"
            if layer.sizes[number] != layer.size:
                fitted.append(self._halve(weights, prefix, F.relu(x)))
            elif layer.into[number] != layer.channels:
                fitted.append(conv_bn(weights, prefix, F.relu(x)))
            else:
                fitted.append(x)
        return cell_forward(weights, layer.name, self._operations[layer.channels], cell, fitted)

    def _used(self, genotype: Genotype) -> tuple[str, ...]:
        """Names of the parameters that training this genotype reads, in buffer order."""
        specs = list(self._common_specs((genotype.stem,), (genotype.head,)))
        for layer in self._layers:
            cell = genotype.reduction if layer.reduction else genotype.normal
            specs += used_cell_specs(layer.name, self._operations[layer.channels], cell)
        return self.layout.sort(spec.name for spec in specs)

    def _used_ranges(self, genotype: Genotype) -> RangeArray:
        """int64 (R, 2): the same as ranges of the buffer."""
        return self.layout.ranges(self.used(genotype))

    def _specs(self) -> Iterator[ParameterSpec]:
        # What every genotype uses comes first, in one range where the space has no choice of stems and heads.
        yield from self._common_specs(self.space.stems, self.space.heads)
        for layer in self._layers:
            yield from cell_specs(layer.name, self._operations[layer.channels])

    def _common_specs(self, stems: tuple[str, ...], heads: tuple[str, ...]) -> Iterator[ParameterSpec]:
        config = self.config
        for name in stems:
            if name == _CONV_STEM:
                width = config.channels * config.stem_multiplier
                yield from conv_bn_specs("stem", config.image_channels, width, 3)
            else:
                yield from self._stems[name].specs(f"stem.{name}")
        for layer in self._layers:
            yield from _input_specs(layer)
        if self._auxiliary_layer is not None:
            auxiliary = self._layers[self._auxiliary_layer]
            yield from _auxiliary_specs(config, auxiliary.channels, auxiliary.size)
        for name in heads:
            width = self._layers[-1].channels * find_head(name).multiple
            yield ParameterSpec(self._classifier(name), (config.num_classes, width), "he", width)


_CONV_STEM = "conv_3x3"


def _check_halvings(space: SearchSpace, config: SupernetConfig, count: int) -> None:
    multiple = config.stem_stride * 2**count
    if config.image_size % multiple:
        raise ValueError(
            f"`image_size` is {config.image_size}; space {space.name!r} with {count} reductions and "
            f"`stem_stride` {config.stem_stride} needs a multiple of {multiple}"
        )


def _plan(config: SupernetConfig, reductions: tuple[int, ...], num_inputs: int) -> Iterator[_Layer]:
    """Channels and sizes through the network, cell by cell."""
    channels, size = config.channels, config.image_size // config.stem_stride
    stem = channels * config.stem_multiplier
    into, sizes = (stem,) * num_inputs, (size,) * num_inputs
    for index in range(config.normal_cells + len(reductions)):
        reduction, halved = index in reductions, into[-1]
        if reduction:
            channels, size = channels * 2, size // 2
            into, sizes = (*into[1:], channels), (*sizes[1:], size)
        yield _Layer(f"layer{index}", reduction, channels, size, into, sizes, halved)
        into, sizes = (*into[1:], channels), (*sizes[1:], size)


def _input_specs(layer: _Layer) -> Iterator[ParameterSpec]:
    """Parameters that bring a cell's inputs to its channels and size."""
    if layer.reduction:
        yield from factorized_reduction_specs(f"{layer.name}.reduce", layer.halved, layer.channels)
    for number, (into, size) in enumerate(zip(layer.into, layer.sizes, strict=True)):
        prefix = f"{layer.name}.input{number}"
        if size != layer.size:
            yield from factorized_reduction_specs(prefix, into, layer.channels)
        elif into != layer.channels:
            yield from conv_bn_specs(prefix, into, layer.channels, 1)


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
