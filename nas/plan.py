"""The size of a final network, and the widths and sizes of its layers that follow from it."""

import math
from dataclasses import dataclass
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from nas.genotype import Genotype

Preset = Literal["paper", "released", "small", "temporal"]

STEM_WIDTH = 3

LATER_NETWORK_SETTINGS: dict[str, Any] = {"num_images": 1, "stem_keep": 0.7}
"""Settings that came later, with what happened before: at these values they enter no key."""


class NetworkConfig(BaseModel):
    """The size and regularization of a final network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_classes: int = Field(ge=2, description="number of actions")
    channels: int = Field(
        default=36,
        ge=4,
        description="C of the first cells; doubles at reductions",
    )
    normal_cells: int = Field(default=6, ge=1, description="normal cells; two reduction cells come on top")
    image_size: int = Field(default=32, ge=4, description="height and width of an image, pixels")
    num_images: int = Field(default=1, ge=1, description="images of a clip, a network each")
    stem_stride: int = Field(
        default=1, ge=1, le=2, description="2 halves the image in the stem: a quarter of the time"
    )
    auxiliary: bool = Field(default=True, description="an auxiliary head for training")
    dropout_keep: float = Field(default=0.8, gt=0, le=1, description="kept fraction before the classifier")
    drop_path_keep: float = Field(
        default=0.6, gt=0, le=1, description="kept fraction of paths, last layer, last step"
    )
    stem_keep: float = Field(
        default=0.7, gt=0, le=1, description="kept fraction of whole rows and colors in a tall stem"
    )
    search_form: bool = Field(default=False, description="reduction and cell output as in the search network")

    @classmethod
    def preset(cls, name: Preset, **changes: Any) -> Self:
        """`released` and `paper`: ENAS's program on CIFAR-10. `small` and `temporal`: ours, for a few hundred
        images, `temporal` for genotypes of the temporal space.

        `small` halves the image in its stem, which takes a quarter of the time at equal parameters, and drops
        few paths, since its training is too short for more: with one training subject of MSR AS1 left out at
        a time, 0.78 of 69 sequences were right with `drop_path_keep` 0.6 and 0.83 with 1 (30 epochs).

        Args:
            name: which preset.
            changes: fields that differ from it; `num_classes` has no default.

        Raises:
            ValueError: there is no such preset.
        """
        released = {"normal_cells": 15, "channels": 36}
        presets: dict[str, dict[str, Any]] = {
            "released": released,
            "paper": released,
            "small": {"normal_cells": 3, "stem_stride": 2, "drop_path_keep": 0.9},
            "temporal": {"normal_cells": 2, "auxiliary": False, "drop_path_keep": 0.9, "dropout_keep": 0.5},
        }
        if name not in presets:
            raise ValueError(f"network preset {name!r} does not exist; there are {', '.join(presets)}")
        return cls(**{**presets[name], **changes})


@dataclass(frozen=True)
class LayerPlan:
    """One cell's place in a network.

    Attributes:
        number: counted from 0.
        reduction: which of the two cells.
        channels: width of the states in the cell.
        in_channels: of the layers that the cell reads: the one before the last, and the last.
        in_sizes: height and width of the same, pixels; in one dimension the width.
        out_channels: of the cell's output.
        out_size: as `in_sizes`.
    """

    number: int
    reduction: bool
    channels: int
    in_channels: tuple[int, ...]
    in_sizes: tuple[int, ...]
    out_channels: int
    out_size: int


def plan(genotype: Genotype, config: NetworkConfig) -> tuple[LayerPlan, ...]:
    """Widths and sizes through the network, cell by cell.

    In the search form the last input of a reduction cell has been halved before it, and so counts as a layer.
    """
    stem, space = STEM_WIDTH * config.channels, genotype.space
    size, channels = math.ceil(config.image_size / config.stem_stride), config.channels
    widths, sizes = (stem,) * space.num_inputs, (size,) * space.num_inputs
    reductions = space.reduction_layers(config.normal_cells)
    layers = []
    for number in range(config.normal_cells + len(reductions)):
        reduction = number in reductions
        cell = genotype.reduction if reduction else genotype.normal
        out_size = math.ceil(sizes[-1] / 2) if reduction else sizes[-1]
        channels *= 2 if reduction else 1
        if reduction and config.search_form:
            widths, sizes = (*widths[1:], channels), (*sizes[1:], out_size)
        out_channels = channels if config.search_form else channels * len(cell.loose_ends)
        layers.append(LayerPlan(number, reduction, channels, widths, sizes, out_channels, out_size))
        widths, sizes = (*widths[1:], out_channels), (*sizes[1:], out_size)
    return tuple(layers)
