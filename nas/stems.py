"""The stems and heads that a space can choose from, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from nas.layers import batch_norm
from nas.outside import load_outside, unknown_name
from nas.space import SearchSpace
from nas.temporal_layers import TallAndWindowsStem, TallStem, WindowsStem, temporal_features

__all__ = ["HEADS", "STEMS", "Head", "Stem", "check_stems_and_heads", "find_head", "find_stem"]

ImageShape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Stem:
    """The first layers of a network.

    Attributes:
        build: ((colors, height, width), channels, stride) to a module that makes (N, channels, H, W) of
            images. A module with an attribute `masked` takes a mask (N, masked) as its second argument while
            training, or None.
        label: for drawings.
        dimensions: 1 if it leaves one row, 2 if it leaves an image.
        source: the expression that makes the module in exported source, with `{image}`, `{channels}` and
            `{stride}` filled in.
    """

    build: Callable[[ImageShape, int, int], nn.Module]
    label: str
    dimensions: int
    source: str = ""


def _conv_3x3(image: ImageShape, channels: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(image[0], channels, 3, stride, padding=1, bias=False)
    return nn.Sequential(convolution, batch_norm(channels))


STEMS: dict[str, Stem] = {
    "conv_3x3": Stem(
        build=_conv_3x3,
        label="conv 3×3",
        dimensions=2,
        source="nn.Sequential(nn.Conv2d(3, {channels}, 3, {stride}, padding=1, bias=False), "
        "nn.BatchNorm2d({channels}))",
    ),
    "tall": Stem(
        build=TallStem,
        label="tall (rows as channels)",
        dimensions=1,
        source="TallStem({image}, {channels}, {stride})",
    ),
    "windows": Stem(
        build=WindowsStem,
        label="windows 3×3",
        dimensions=1,
        source="WindowsStem({image}, {channels}, {stride})",
    ),
    "both": Stem(
        build=TallAndWindowsStem,
        label="tall and windows",
        dimensions=1,
        source="TallAndWindowsStem({image}, {channels}, {stride})",
    ),
}


@dataclass(frozen=True)
class Head:
    """Statistics over time that the classifier reads.

    Attributes:
        segments: equal parts of time that are kept apart.
        maximum: the maximum beside the mean.
        share: the share of positive values besides.
    """

    segments: int = 1
    maximum: bool = False
    share: bool = False

    @property
    def multiple(self) -> int:
        """Features for each channel."""
        return self.segments * (1 + self.maximum + self.share)

    @property
    def label(self) -> str:
        """For drawings."""
        parts = {1: "", 2: " of halves", 3: " of thirds"}.get(self.segments, f" of {self.segments} parts")
        words = ["mean", *["max"] * self.maximum, *["share > 0"] * self.share]
        return ", ".join(words) + parts

    def __call__(self, x: Tensor) -> Tensor:
        """(N, C, H, W) before its ReLU to (N, C x multiple)."""
        if self == Head():
            return F.relu(x).mean(dim=(2, 3))
        return temporal_features(x, self.segments, self.maximum, self.share)


HEADS: dict[str, Head] = {
    prefix + name: Head(segments, *parts)
    for prefix, segments in (("", 1), ("halves_", 2), ("thirds_", 3))
    for name, parts in (
        ("mean", (False, False)),
        ("mean_max", (True, False)),
        ("mean_max_share", (True, True)),
    )
}


def find_stem(name: str) -> Stem:
    """A stem of the table, or `module:name` from a file outside the project.

    Raises:
        ValueError: there is no such stem.
    """
    if ":" not in name:
        if name not in STEMS:
            raise unknown_name("stem", name, STEMS)
        return STEMS[name]
    stem = load_outside(name, "stem")
    if not isinstance(stem, Stem):
        raise ValueError(f"{name!r} is a {type(stem).__name__}; a nas.stems.Stem is needed")
    return stem


def find_head(name: str) -> Head:
    """A head of the table.

    Raises:
        ValueError: there is no such head.
    """
    if name not in HEADS:
        raise unknown_name("head", name, HEADS)
    return HEADS[name]


def check_stems_and_heads(space: SearchSpace, width: int) -> None:
    """Raise ValueError unless the tables have the space's stems, in its number of dimensions, and heads.

    Args:
        space: names stems and heads.
        width: columns of the last layer, which the heads divide.
    """
    for name in space.stems:
        dimensions = find_stem(name).dimensions
        if dimensions != space.dimensions:
            raise ValueError(
                f"space {space.name!r} has {space.dimensions} dimension(s); stem {name!r} leaves {dimensions}"
            )
    for name in space.heads:
        segments = find_head(name).segments
        if segments > width:
            raise ValueError(
                f"head {name!r} of space {space.name!r} keeps {segments} parts of time apart; "
                f"the last layer has {width} column(s): fewer reductions or a larger image are needed"
            )
