"""Where images come from: an interface, and the source over arrays in memory.

Training asks for batches with a random generator and so sees fresh augmentations; scoring asks without
one and sees every image as it is. A source is pure: equal indices and an equal generator give equal images.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nas.random import generator

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


class ImageSource(Protocol):
    """Labeled images that can be fetched by index."""

    @property
    def labels(self) -> IntArray:
        """int64 (N,), 0 to num_classes - 1."""
        ...

    @property
    def num_classes(self) -> int:
        """Number of classes, absent ones included."""
        ...

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        ...

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        """float32 (n, C, H, W) of the given indices; augmented by `rng`, or as they are when it is None."""
        ...


@dataclass(frozen=True, eq=False)
class TensorImages:
    """Images in memory, never augmented.

    Args:
        images: float32 (N, C, H, W), finite.
        labels: int64 (N,), 0 to num_classes - 1.
        num_classes: number of classes.

    Raises:
        ValueError: shapes, lengths or labels do not fit, no image at all, or a value is not finite.
    """

    images: FloatArray
    labels: IntArray
    num_classes: int

    def __post_init__(self) -> None:
        images = np.ascontiguousarray(self.images, dtype=np.float32)
        labels = np.ascontiguousarray(self.labels, dtype=np.int64)
        if images.ndim != 4 or len(images) == 0:
            raise ValueError(f"`images` has shape {images.shape}; (N, C, H, W) with N of 1 or more is needed")
        if labels.shape != (len(images),):
            raise ValueError(f"`labels` has shape {labels.shape}; {len(images)} images need ({len(images)},)")
        if labels.min() < 0 or labels.max() >= self.num_classes:
            raise ValueError(
                f"`labels` are {labels.min()} to {labels.max()}; {self.num_classes} classes need 0 to "
                f"{self.num_classes - 1}"
            )
        if not np.isfinite(images).all():
            raise ValueError("`images` holds values that are not finite")
        object.__setattr__(self, "images", images)
        object.__setattr__(self, "labels", labels)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:  # noqa: ARG002
        """float32 (n, C, H, W): a copy of the images at `indices`; `rng` is not needed."""
        return torch.from_numpy(self.images[indices])


def fixed_copies(source: ImageSource, copies: int, seed: int) -> TensorImages:
    """Images of `source` as they are, followed by `copies - 1` augmentations that never change.

    A validation part of a few dozen images gives rewards in coarse steps; fixed copies refine them
    without making the reward depend on chance (docs/enas.md, "Small data"). Image i of copy k lies at
    k * N + i.

    Args:
        source: N images.
        copies: how often each image occurs, 1 or more.
        seed: key of the augmentations.

    Returns:
        copies * N images in memory.

    Raises:
        ValueError: `copies` is less than 1.
    """
    if copies < 1:
        raise ValueError(f"`copies` is {copies}; it must be 1 or more")
    indices = np.arange(len(source.labels), dtype=np.int64)
    rngs = [None, *(generator(seed, "fixed copies", copy) for copy in range(1, copies))]
    images = np.concatenate([source.batch(indices, rng).numpy() for rng in rngs])
    return TensorImages(images, np.tile(source.labels, copies), source.num_classes)


class CopyBank:
    """A source whose augmentations are drawn once; a batch takes one version of each image at random.

    Encoding a changed clip costs more than a step of a small network, which sees few versions twice anyway.

    Args:
        source: N images.
        copies: augmentations of each image that are kept beside the image itself, 1 or more.
        seed: key of the augmentations.

    Raises:
        ValueError: `copies` is less than 1.
    """

    def __init__(self, source: ImageSource, copies: int, seed: int) -> None:
        if copies < 1:
            raise ValueError(f"`copies` is {copies}; it must be 1 or more")
        self._source = source
        self._versions = fixed_copies(source, copies + 1, seed).images.reshape(
            copies + 1, len(source.labels), *source.image_shape
        )

    @property
    def labels(self) -> IntArray:
        """int64 (N,)."""
        return self._source.labels

    @property
    def num_classes(self) -> int:
        """Number of classes, absent ones included."""
        return self._source.num_classes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width)."""
        return self._source.image_shape

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        """float32 (n, C, H, W): versions chosen by `rng`, or the images as they are when it is None."""
        chosen = 0 if rng is None else rng.integers(len(self._versions), size=len(indices))
        return torch.from_numpy(self._versions[chosen, indices])


def to_network(images: npt.NDArray[np.uint8]) -> FloatArray:
    """Images uint8 (N, H, W, 3) as a network takes them: float32 (N, 3, H, W), 0..255 to -1..1."""
    scaled = images.astype(np.float32) * np.float32(2 / 255) - np.float32(1)
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))
