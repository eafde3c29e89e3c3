"""The size of the search network. Reading these settings loads no torch."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nas.config import PRESETS, PresetName
from nas.space import TEMPORAL

__all__ = ["SupernetConfig"]


class SupernetConfig(BaseModel):
    """Size of the search network. Defaults are those of the released ENAS program on CIFAR-10."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_classes: int = Field(ge=2, description="number of classes")
    image_size: int = Field(
        default=32, ge=8, multiple_of=4, description="height and width of the images, pixels"
    )
    image_channels: int = Field(default=3, ge=1, description="color channels of the images")
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

    stem_keep: float = Field(
        default=0.7, gt=0, le=1, description="share of whole rows and colors kept by a tall stem"
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
        return cls.model_validate({**_SIZES.get(name, {}), **values})


_SIZES: dict[str, dict[str, Any]] = {
    "small": {"channels": 12, "normal_cells": 3, "stem_stride": 2, "auxiliary_channels": (32, 64)},
    "temporal": {"channels": 16, "normal_cells": 2, "num_nodes": TEMPORAL.num_nodes},
}
