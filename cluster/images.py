"""Clips as the images that `nas` asks for: augmented as poses, encoded, scaled to [-1, 1]."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cluster.files import write_atomically
from encoding.augmentation import AugmentationConfig, encode_augmented, on_their_body
from encoding.datasets import Clip
from encoding.spmf import EncodingConfig, EncodingStatistics, encode_all
from nas.images import IntArray, TensorImages, to_network

__all__ = ["PoseImages", "as_png", "write_image"]


class PoseImages:
    """An `nas.images.ImageSource` over clips.

    With a generator every asked-for clip is augmented afresh and encoded; without one the images are those of
    the clips as they are, encoded once. Pure in (indices, state of the generator): it does not matter which
    process asks.

    Args:
        clips: the clips, at least one.
        num_classes: classes of the split, absent ones included.
        encoding: how poses become an image.
        augmentation: how clips vary in training.
        statistics: fitted on the training part.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        num_classes: int,
        encoding: EncodingConfig,
        augmentation: AugmentationConfig,
        statistics: EncodingStatistics,
    ) -> None:
        # Once, and not for every copy: a reference body takes a fifth of the time of a changed image.
        self._poses, self._encoding = on_their_body([clip.poses for clip in clips], encoding, statistics)
        self._augmentation, self._statistics = augmentation, statistics
        plain = to_network(encode_all(self._poses, self._encoding, statistics))
        self._plain = TensorImages(plain, np.array([clip.label for clip in clips], np.int64), num_classes)

    @property
    def labels(self) -> IntArray:
        """int64 (N,)."""
        return self._plain.labels

    @property
    def num_classes(self) -> int:
        """Classes of the split."""
        return self._plain.num_classes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(3, S, S)."""
        return self._plain.image_shape

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        """float32 (n, 3, S, S) in [-1, 1]: augmented by `rng`, or as they are when it is None."""
        if rng is None:
            return self._plain.batch(indices, None)
        clips = [self._poses[index] for index in indices]
        images = encode_augmented(clips, self._encoding, self._augmentation, self._statistics, rng)
        return torch.from_numpy(to_network(images))


def as_png(image: NDArray[np.uint8]) -> bytes:
    """An image uint8 (H, W, 3) RGB as the bytes of a PNG file."""
    encoded, buffer = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    assert encoded, "OpenCV writes any uint8 image as PNG"
    return buffer.tobytes()


def write_image(path: Path, image: NDArray[np.uint8]) -> None:
    """An image uint8 (H, W, 3) RGB as a PNG file, beside and renamed."""
    write_atomically(path, as_png(image))
