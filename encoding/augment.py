"""Augmentation of clips: other moments, viewpoints, sizes and noise of the same action.

SPMF.md, "Augmentation". All of it happens to poses, except the flip of the finished image, which reverses
time and is therefore off unless asked for.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from encoding.spmf import EncodingConfig, EncodingStatistics, encode_all
from lifting.poses import PoseSequence3D

VERTICAL = 1  # axis of xyz


class AugmentationConfig(BaseModel):
    """How far a clip may be changed. The defaults suit MSR Action3D and SBU: all views from about the front.

    `mirror` is 0 by default: in MSR Action3D every one-handed action is done with the right hand, so a
    left-handed copy is no likely test clip, and half the training time would go to such copies. Raise it for
    data in which either hand acts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    temporal_crop: float = Field(
        default=0.8, gt=0, le=1, description="smallest part of the frames that a crop keeps; 1 keeps all"
    )
    mirror: float = Field(default=0.0, ge=0, le=1, description="probability of swapping left and right")
    rotation_degrees: float = Field(
        default=25.0,
        ge=0,
        le=180,
        description="largest turn about the vertical axis, to either side, degrees",
    )
    scale: float = Field(default=0.1, ge=0, lt=1, description="largest change of size, as a fraction of it")
    joint_noise_mm: float = Field(
        default=12.0,
        ge=0,
        description="standard deviation of the noise added to each coordinate, millimetres",
    )
    image_flip: float = Field(
        default=0.0, ge=0, le=1, description="probability of flipping the finished image, which reverses time"
    )

    @classmethod
    def none(cls) -> Self:
        """Nothing is changed."""
        return cls(temporal_crop=1, mirror=0, rotation_degrees=0, scale=0, joint_noise_mm=0, image_flip=0)


def augment(poses: PoseSequence3D, config: AugmentationConfig, rng: np.random.Generator) -> PoseSequence3D:
    """A changed copy of the clip.

    In this order: temporal crop, mirror, rotation about the vertical through the centre of all joints,
    scale about that centre, joint noise. Two people are turned and scaled together, about their common
    centre. A joint stays missing where it was; a crop that would lose all sight of a joint is not made.

    Every call draws the same count of random numbers for clips of the same shape, whatever the options, so
    that switching one option off leaves the others' draws as they were.

    Args:
        poses: one or two people.
        config: how far to go.
        rng: where the random numbers come from.
    """
    length, start, side, turn, size = rng.random(5)
    noise = rng.standard_normal(poses.xyz.shape, dtype=np.float32)
    first, last = _crop(poses, config.temporal_crop, length, start)
    xyz = poses.xyz[first:last]
    if side < config.mirror:
        xyz = mirror(replace(poses, xyz=xyz)).xyz
    centre = _centre(xyz)
    angle = np.radians(config.rotation_degrees) * (2 * turn - 1)
    factor = 1 + config.scale * (2 * size - 1)
    changed = (xyz - centre) @ (factor * rotation_about_vertical(angle).T).astype(np.float32) + centre
    changed += np.float32(config.joint_noise_mm) * noise[first:last]
    return replace(poses, xyz=changed)


def mirror(poses: PoseSequence3D) -> PoseSequence3D:
    """The clip seen in a mirror: x negated, left and right joints swapped. Twice gives the clip back."""
    swapped = poses.xyz[..., poses.skeleton.mirror, :]
    return replace(poses, xyz=swapped * np.array([-1, 1, 1], dtype=np.float32))


def rotation_about_vertical(angle: float) -> NDArray[np.float64]:
    """(3, 3) matrix R of the rotation about the y axis: R p turns z towards x by `angle`, radians."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def encode_augmented(
    clips: Sequence[PoseSequence3D],
    encoding: EncodingConfig,
    augmentation: AugmentationConfig,
    statistics: EncodingStatistics | None,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """One changed copy of each clip as an image: what a training step sees.

    Returns:
        uint8 (N, image_size, image_size, 3), RGB.
    """
    images = encode_all([augment(poses, augmentation, rng) for poses in clips], encoding, statistics)
    flipped = rng.random(len(clips)) < augmentation.image_flip
    images[flipped] = images[flipped, :, ::-1]
    return images


def _centre(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean position of all joints seen, over people and frames; 0 if there is none."""
    seen = xyz[np.isfinite(xyz).all(axis=-1)]
    return seen.mean(axis=0) if len(seen) else np.zeros(3, dtype=np.float32)


def _crop(poses: PoseSequence3D, kept: float, length: float, start: float) -> tuple[int, int]:
    """First frame and the one past the last; `length` and `start` are uniform in [0, 1)."""
    T = poses.num_frames
    shortest = max(1, int(np.ceil(kept * T)))
    frames = shortest + int(length * (T - shortest + 1))
    first = int(start * (T - frames + 1))
    seen = np.isfinite(poses.xyz[first : first + frames]).any(axis=0)
    return (first, first + frames) if seen.all() else (0, T)
