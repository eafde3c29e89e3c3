"""The pose records that flow between rooms: 2D keypoints and 3D poses, checked once at the door."""

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import Skeleton

# No room with a camera is 100 m deep: a larger value is a sensor's mark for "nothing seen".
MAX_COORDINATE_MM = 1e5


@dataclass(frozen=True, eq=False, kw_only=True)
class Keypoints2D:
    """2D keypoints of one person in one video.

    Attributes:
        xy: float32 (T, J, 2), pixels, origin at the upper left corner.
        confidence: float32 (T, J), 0 where the keypoint was not seen.
        image_size: (width, height), pixels.
        fps: frames per second.
        skeleton: the layout of the J joints.

    The arrays are kept as read-only copies.

    Raises:
        ValueError: a shape does not fit the skeleton, T = 0, or a number is out of its range.
    """

    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]
    image_size: tuple[int, int]
    fps: float
    skeleton: Skeleton

    def __post_init__(self) -> None:
        xy = _read_only(self.xy)
        confidence = _read_only(self.confidence)
        J = self.skeleton.num_joints
        if xy.ndim != 3 or xy.shape[2] != 2:
            raise ValueError(f"xy has shape {xy.shape}; (T, {J}, 2) is needed")
        _check_frames_and_joints("xy", xy, self.skeleton)
        if np.isinf(xy).any():
            raise ValueError("xy holds an infinite value; pixels, or NaN for a missing keypoint, are needed")
        if confidence.shape != xy.shape[:2]:
            raise ValueError(f"confidence has shape {confidence.shape}; xy needs {xy.shape[:2]}")
        if not np.all(confidence >= 0) or np.isinf(confidence).any():
            raise ValueError("confidence holds a negative or non-finite value; numbers >= 0 are needed")
        if min(self.image_size) < 1:
            raise ValueError(f"image_size is {self.image_size}; width and height must be at least 1 pixel")
        _check_fps(self.fps)
        object.__setattr__(self, "xy", xy)
        object.__setattr__(self, "confidence", confidence)

    @property
    def num_frames(self) -> int:
        """T."""
        return int(self.xy.shape[0])


@dataclass(frozen=True, eq=False, kw_only=True)
class PoseSequence3D:
    """3D poses of one or two people over time.

    Attributes:
        xyz: float32 (T, J, 3), or (T, 2, J, 3) for two people in one frame of reference; millimeters.
            Axes as a camera's: x sideways, y vertical, z depth. NaN marks a joint that was not seen; of a 2D
            clip z is NaN throughout (`flat`).
        fps: frames per second.
        skeleton: the layout of the J joints.

    The array is kept as a read-only copy.

    Raises:
        ValueError: the shape does not fit the skeleton, T = 0, a coordinate is infinite or beyond
            100 m, or fps is not positive.
    """

    xyz: NDArray[np.float32]
    fps: float
    skeleton: Skeleton

    def __post_init__(self) -> None:
        xyz = _read_only(self.xyz)
        J = self.skeleton.num_joints
        if xyz.ndim not in (3, 4) or xyz.shape[-1] != 3 or (xyz.ndim == 4 and xyz.shape[1] != 2):
            raise ValueError(
                f"xyz has shape {xyz.shape}; (T, {J}, 3), or (T, 2, {J}, 3) for two people, is needed"
            )
        _check_frames_and_joints("xyz", xyz, self.skeleton)
        _check_range(xyz, self.skeleton)
        _check_fps(self.fps)
        object.__setattr__(self, "xyz", xyz)

    @property
    def num_frames(self) -> int:
        """T."""
        return int(self.xyz.shape[0])

    @property
    def flat(self) -> bool:
        """Whether the clip is 2D: its depth is absent, NaN wherever a joint is seen."""
        return bool(np.isnan(self.xyz[..., 2]).all() and np.isfinite(self.xyz[..., :2]).any())

    @property
    def num_people(self) -> int:
        """1 or 2."""
        return int(self.xyz.shape[1]) if self.xyz.ndim == 4 else 1


def _read_only(values: NDArray[np.float32]) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which the door refuses by name
        copy = np.array(values, dtype=np.float32, order="C")
    copy.setflags(write=False)
    return copy


def _check_frames_and_joints(name: str, values: NDArray[np.float32], skeleton: Skeleton) -> None:
    if values.shape[-2] != skeleton.num_joints:
        raise ValueError(
            f"{name} has {values.shape[-2]} joints; skeleton {skeleton.name!r} needs {skeleton.num_joints}"
        )
    if values.shape[0] == 0:
        raise ValueError(f"{name} has no frame; at least 1 is needed")


def _check_range(xyz: NDArray[np.float32], skeleton: Skeleton) -> None:
    """NaN passes (a missing joint); infinity and what lies beyond 100 m does not."""
    wild = np.argwhere(np.abs(xyz) > MAX_COORDINATE_MM)
    if wild.size:
        where = tuple(int(index) for index in wild[0])
        person = f" of person {where[1]}" if xyz.ndim == 4 else ""
        raise ValueError(
            f"xyz is {float(xyz[where]):g} mm at frame {where[0]}, joint {where[-2]} "
            f"({skeleton.joints[where[-2]]}){person}, axis {'xyz'[where[-1]]}; a size of at most "
            f"{MAX_COORDINATE_MM:g} mm is needed: mark a missing joint as NaN"
        )


def _check_fps(fps: float) -> None:
    if not (isfinite(fps) and fps > 0):
        raise ValueError(f"fps is {fps}; a positive number is needed")
