"""Augmentation of clips: other moments, viewpoints, sizes and noise of the same action.

docs/spmf.md, "Augmentation". All of it happens to poses, except the flip of the finished image, which
reverses time and is therefore off by default.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from encoding.bones import on_reference_body
from encoding.flat import in_plane, without_depth
from encoding.spmf import EncodingConfig, EncodingStatistics, encode_all
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton

VERTICAL = 1  # axis of xyz
WARPED_PARTS = 4
"""Parts of equal length of a clip, each of which has a speed of its own in a time warp."""


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
        description="standard deviation of the noise added to each coordinate, millimeters",
    )
    tilt_degrees: float = Field(
        default=0.0, ge=0, le=90, description="largest tilt forwards and sideways, to either side, degrees"
    )
    bone_spread: float = Field(
        default=0.0,
        ge=0,
        le=0.5,
        description="standard deviation of the logarithm of each bone's change of length",
    )
    time_warp: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="standard deviation of the logarithm of the speed, drawn for each quarter of the clip",
    )
    duration_spread: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="standard deviation of the logarithm of the duration's change, which motion images show",
    )
    image_flip: float = Field(
        default=0.0, ge=0, le=1, description="probability of flipping the finished image, which reverses time"
    )

    @classmethod
    def none(cls) -> Self:
        """Nothing is changed."""
        return cls(**{**dict.fromkeys(cls.model_fields, 0), "temporal_crop": 1})


def augment(poses: PoseSequence3D, config: AugmentationConfig, rng: np.random.Generator) -> PoseSequence3D:
    """A changed copy of the clip.

    In this order: temporal crop, time warp, mirror, bone lengths, tilt and rotation about the vertical
    through the center of all joints, scale about that center, joint noise, duration. Two
    people are turned and scaled together, about their common center; each has bones of their own. A joint
    stays missing where it was, between its frames too; a crop that would lose all sight of a joint is not
    made.

    Every call draws the same count of random numbers for clips of the same shape, whatever the options, so
    that switching one option off leaves the others' draws as they were.

    Args:
        poses: one or two people.
        config: how far to go.
        rng: where the random numbers come from.
    """
    if poses.flat:  # what turns a body out of the picture needs a depth
        level = config.model_copy(update={"rotation_degrees": 0.0, "tilt_degrees": 0.0})
        return without_depth(augment(in_plane(poses), level, rng))
    length, start, side, turn, size = rng.random(5)
    noise = rng.standard_normal(poses.xyz.shape, dtype=np.float32)
    first, last = _crop(poses, config.temporal_crop, length, start)
    xyz = poses.xyz[first:last]
    # A stream of their own, keyed by the first draw: runs begun before there were these go on unchanged.
    extra = np.random.default_rng(int(length * 2**53))
    speeds, tilts = extra.standard_normal(WARPED_PARTS), extra.random(2)
    bones = extra.standard_normal(poses.xyz.shape[1:-1], dtype=np.float32)
    slower = float(np.exp(config.duration_spread * extra.standard_normal()))
    if config.time_warp:
        xyz = _warped(xyz, np.exp(config.time_warp * speeds))
    if side < config.mirror:
        xyz = mirror(replace(poses, xyz=xyz)).xyz
    if config.bone_spread:
        xyz = _stretched(xyz, np.exp(config.bone_spread * bones), poses.skeleton)
    center = _center(xyz)
    angle = np.radians(config.rotation_degrees) * (2 * turn - 1)
    factor = 1 + config.scale * (2 * size - 1)
    rotation = rotation_about_vertical(angle)
    if config.tilt_degrees:
        forwards, sideways = np.radians(config.tilt_degrees) * (2 * tilts - 1)
        rotation = _tilt(forwards, sideways) @ rotation
    changed = (xyz - center) @ (factor * rotation.T).astype(np.float32) + center
    changed += np.float32(config.joint_noise_mm) * noise[first:last]
    return replace(poses, xyz=changed, fps=poses.fps / slower)


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

    Where the encoding sets all bones to those of a reference body, it is this body that is changed: a spread
    of its bones is seen in the image. (Give clips of `on_their_body` where many copies are made.)

    Returns:
        uint8 (N, image_size, image_size, 3), RGB.
    """
    clips, encoding = on_their_body(clips, encoding, statistics)
    images = encode_all([augment(poses, augmentation, rng) for poses in clips], encoding, statistics)
    flipped = rng.random(len(clips)) < augmentation.image_flip
    images[flipped] = images[flipped, :, ::-1]
    return images


def on_their_body(
    clips: Sequence[PoseSequence3D], encoding: EncodingConfig, statistics: EncodingStatistics | None
) -> tuple[Sequence[PoseSequence3D], EncodingConfig]:
    """The clips with the bones that the encoding asks for, and the encoding of clips that have them.

    Raises:
        ValueError: a reference body is asked for, and the statistics have none.
    """
    if encoding.bones == "own":
        return clips, encoding
    lengths = statistics.bone_lengths if statistics else None
    return [on_reference_body(poses, lengths) for poses in clips], encoding.model_copy(
        update={"bones": "own"}
    )


def _tilt(forwards: float, sideways: float) -> NDArray[np.float64]:
    """(3, 3) rotation about x by `forwards`, then about z by `sideways`, radians."""
    a, b, c, d = np.cos(forwards), np.sin(forwards), np.cos(sideways), np.sin(sideways)
    about_x = np.array([[1, 0, 0], [0, a, -b], [0, b, a]])
    about_z = np.array([[c, -d, 0], [d, c, 0], [0, 0, 1]])
    tilted: NDArray[np.float64] = about_z @ about_x
    return tilted


def _warped(xyz: NDArray[np.float32], speeds: NDArray[np.float64]) -> NDArray[np.float32]:
    """As many frames, at moments that pass through each part of the clip at its speed; from end to end.

    Not done where all sight of a joint would be lost, which is seen in single frames alone.
    """
    T = len(xyz)
    if T < 2:
        return xyz
    passed = np.concatenate([[0.0], np.cumsum(speeds)]) / speeds.sum()
    moments = np.interp(np.linspace(0, 1, T), np.linspace(0, 1, len(passed)), passed) * (T - 1)
    before = np.minimum(moments.astype(np.int64), T - 2)
    share = (moments - before).astype(np.float32).reshape(-1, *(1,) * (xyz.ndim - 1))
    between: NDArray[np.float32] = xyz[before] * (1 - share) + xyz[before + 1] * share
    # An end of the clip is a frame as it is, even beside one in which a joint is missing.
    between[0], between[-1] = xyz[0], xyz[-1]
    seen, left = (np.isfinite(frames).all(axis=-1).any(axis=0) for frames in (xyz, between))
    return between if np.array_equal(seen, left) else xyz


def _stretched(
    xyz: NDArray[np.float32], factors: NDArray[np.float32], skeleton: Skeleton
) -> NDArray[np.float32]:
    """Bones by their factors (of the child), from the root outwards; all that hangs on a bone moves with it.

    A bone of which an end is missing keeps its length in that frame.
    """
    shifts = np.zeros_like(xyz)
    bones = np.nan_to_num(xyz - xyz[..., skeleton.parents, :])  # of the root, parent -1: never looked at
    bones *= factors[..., None] - 1
    for joint in _outwards(skeleton):
        shifts[..., joint, :] = shifts[..., skeleton.parents[joint], :] + bones[..., joint, :]
    stretched: NDArray[np.float32] = xyz + shifts
    return stretched


def _outwards(skeleton: Skeleton) -> list[int]:
    """Every joint but the root, each after its parent."""

    def depth(joint: int) -> int:
        parent = skeleton.parents[joint]
        return 0 if parent < 0 else 1 + depth(parent)

    return sorted((joint for joint in range(skeleton.num_joints) if joint != skeleton.root), key=depth)


def _center(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
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
    kept_in_sight = seen.all() or np.array_equal(seen, np.isfinite(poses.xyz).any(axis=0))
    return (first, first + frames) if kept_in_sight else (0, T)
