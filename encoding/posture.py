"""How bodies stand in their coordinates: which axis points up, whether left and right are mirrored.

Both are read off the poses: a head is above the feet most of the time; knees bend, and toes and noses point,
forward.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton

__all__ = ["UPS", "Posture", "Up", "body_size", "posture_of", "sampled", "some_frames", "turned", "upright"]

Array = NDArray[np.float64]
Up = Literal["x", "-x", "y", "-y", "z", "-z"]
"""The axis that points up, with its direction."""
UPS: tuple[Up, ...] = get_args(Up)

# A clip's axis is clear where the body is within acos(0.8) = 37 degrees of it, that of a data set where the
# mean over its clips is as long.
CLEAR = 0.8
SEEN_FRAMES = 16
"""Frames of a clip that are looked at."""

_TOP = ("head", "head_top", "nose", "neck", "neck_nose", "thorax", "shoulder_center", "upper_neck")
_SIDES = ("left_", "right_")
_LOW = ("ankle", "foot", "knee")


@dataclass(frozen=True, kw_only=True)
class Posture:
    """What many clips have in common.

    Attributes:
        up: the axis along which bodies stand; None where that is not clear.
        handedness: mean over the clips of how far bodies face where their knees, toes and noses point, -1 to
            1; negative: left and right are mirrored. None where the joints do not say.
        fallen: indices of clips whose bodies lie, or stand on the head, in the data's own axes.
        num_clips: that were looked at.
    """

    up: Up | None
    handedness: float | None
    fallen: tuple[int, ...]
    num_clips: int


def posture_of(clips: Sequence[NDArray[np.floating]], skeleton: Skeleton) -> Posture:
    """Measure clips of one layout.

    Args:
        clips: each (T, J, 3) or (T, 2, J, 3), any unit, NaN where a joint is missing.
        skeleton: layout of the J joints.
    """
    # A clip at a time, twice: all of them together would double what large data needs.
    uprights = np.array([upright(sampled(clip), skeleton) for clip in clips]).reshape(-1, 3)
    known = np.isfinite(uprights).all(axis=1)
    up = _axis(uprights[known].mean(axis=0)) if known.any() else None
    if up is None:
        return Posture(up=None, handedness=None, fallen=(), num_clips=len(clips))
    vertical = _vector(up)
    fallen = np.flatnonzero(known & (uprights @ vertical < 1 - CLEAR))
    hands = np.array([_handedness(sampled(clip), skeleton, vertical) for clip in clips])
    hands = hands[np.isfinite(hands)]
    return Posture(
        up=up,
        handedness=float(hands.mean()) if hands.size else None,
        fallen=tuple(int(number) for number in fallen),
        num_clips=len(clips),
    )


def upright(frames: Array, skeleton: Skeleton) -> Array:
    """Mean direction from the legs to the head of people in some frames (N, J, 3): (3,), at most 1 long.

    NaN where the layout or the frames have neither.
    """
    top, low = _landmarks(skeleton)
    if not top or not low or not len(frames):
        return np.full(3, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        along = _mean(frames, top) - _mean(frames, low)
        along /= np.sqrt(np.square(along).sum(axis=-1, keepdims=True))
    along = along[np.isfinite(along.sum(axis=-1))]
    direction: Array = along.mean(axis=0) if len(along) else np.full(3, np.nan)
    return direction


def turned(poses: PoseSequence3D, came: Up, wanted: Up) -> PoseSequence3D:
    """The poses in axes in which another axis points up.

    Between y up and y down both x and y change their sign, as between a Kinect's axes and a camera's, so that
    depth stays. Left and right are kept.
    """
    if came == wanted:
        return poses
    xyz = poses.xyz.astype(np.float64) @ _rotation(_vector(came), _vector(wanted)).T
    return PoseSequence3D(xyz=xyz.astype(np.float32), fps=poses.fps, skeleton=poses.skeleton)


def sampled(xyz: NDArray[np.floating]) -> Array:
    """Some frames of a clip, each person by itself: (N, J, 3); a pose of zeros alone is NaN."""
    people: Array = some_frames(xyz).reshape(-1, *xyz.shape[-2:]).astype(np.float64)
    if not people[:, 0, 0].all():  # a pose of zeros begins with one
        people[(people == 0).all(axis=(1, 2))] = np.nan
    return people


def body_size(xyz: NDArray[np.floating]) -> float | None:
    """The longest side of the box around a body, (T, J, 3) or (T, 2, J, 3); the median over the frames.

    None where no frame shows all joints. A depth that is absent throughout, as of a 2D clip, counts as none.
    """
    poses = sampled(xyz)
    sides = poses.max(axis=-2) - poses.min(axis=-2)
    if np.isnan(sides[:, 2]).all():
        sides = sides[:, :2]
    sizes = sides.max(axis=-1)  # NaN where a joint is missing
    sizes = sizes[np.isfinite(sizes)]
    return median(sizes.tolist()) if len(sizes) else None


def some_frames(xyz: NDArray[np.floating]) -> NDArray[np.floating]:
    """At most `SEEN_FRAMES` frames of a clip, evenly spaced."""
    return xyz if len(xyz) <= SEEN_FRAMES else xyz[_places(len(xyz))]


@lru_cache
def _places(num_frames: int) -> NDArray[np.intp]:
    return np.linspace(0, num_frames - 1, SEEN_FRAMES).astype(np.intp)


def _rotation(came: Array, wanted: Array) -> Array:
    """The rotation that brings one axis onto another; half a turn is about z, or about x for z itself."""
    if np.allclose(came, -wanted):
        about = 2 if came[2] == 0 else 0
        return np.diag([1.0 if axis == about else -1.0 for axis in range(3)])
    around = np.cross(came, wanted)
    cross = np.array([[0, -around[2], around[1]], [around[2], 0, -around[0]], [-around[1], around[0], 0]])
    rotation: Array = np.eye(3) + cross + cross @ cross
    return rotation


def _axis(direction: Array) -> Up | None:
    """The axis that a direction follows, if it does so clearly."""
    number = int(np.abs(direction).argmax())
    if abs(direction[number]) < CLEAR:
        return None
    name = "xyz"[number] if direction[number] > 0 else "-" + "xyz"[number]
    return next(up for up in UPS if up == name)


def _vector(up: Up) -> Array:
    vector = np.zeros(3)
    vector["xyz".index(up[-1])] = -1.0 if up.startswith("-") else 1.0
    return vector


def _handedness(frames: Array, skeleton: Skeleton, vertical: Array) -> float:
    """How far forward, by the joints that show it, agrees with up x (left to right); NaN where unknown."""
    places = {name: joint for joint, name in enumerate(skeleton.joints)}

    def point(name: str) -> Array:
        return frames[:, places[name]]

    across = [
        point("right_" + name) - point("left_" + name)
        for name in ("hip", "shoulder")
        if {"left_" + name, "right_" + name} <= set(places)
    ]
    ahead = [_offset(frames, places, *names) for names in _forward(skeleton)]
    if not across or not ahead:
        return float("nan")
    facing = np.cross(vertical, sum(across, np.zeros(3)))
    forward = sum(ahead, np.zeros(3))
    forward = forward - (forward @ vertical)[:, None] * vertical
    with np.errstate(invalid="ignore", divide="ignore"):
        agree = (
            (facing * forward).sum(-1) / np.linalg.norm(facing, axis=-1) / np.linalg.norm(forward, axis=-1)
        )
    agree = agree[np.isfinite(agree)]
    return float(agree.mean()) if agree.size else float("nan")


def _offset(frames: Array, places: dict[str, int], ahead: str, first: str, second: str) -> Array:
    """From the middle of two joints to the one that is ahead of it."""
    offset: Array = frames[:, places[ahead]] - (frames[:, places[first]] + frames[:, places[second]]) / 2
    return offset


@lru_cache
def _forward(skeleton: Skeleton) -> tuple[tuple[str, str, str], ...]:
    """(joint ahead, two joints behind it): knees of hip and ankle, toes of the ankle, a nose of the ears."""
    joints, found = set(skeleton.joints), []
    for side in _SIDES:
        for low in ("ankle", "foot"):
            if {side + "hip", side + "knee", side + low} <= joints:
                found.append((side + "knee", side + "hip", side + low))
                break
        for toe in ("foot", "big_toe", "foot_index"):
            if {side + toe, side + "ankle"} <= joints:
                found.append((side + toe, side + "ankle", side + "ankle"))
                break
    if {"nose", "left_ear", "right_ear"} <= joints:
        found.append(("nose", "left_ear", "right_ear"))
    return tuple(found)


@lru_cache
def _landmarks(skeleton: Skeleton) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Joints of the head (else the shoulders), and of the legs (else the hips)."""
    joints = skeleton.joints
    top = [joints.index(name) for name in _TOP if name in joints][:1]
    top = top or [joints.index(side + "shoulder") for side in _SIDES if side + "shoulder" in joints]
    for name in (*_LOW, "hip"):
        low = [joints.index(side + name) for side in _SIDES if side + name in joints]
        if len(low) == len(_SIDES):
            return tuple(top), tuple(low)
    return tuple(top), ()


def _mean(frames: Array, joints: Sequence[int]) -> Array:
    if len(joints) == 1:
        return frames[:, joints[0]]
    middle: Array = frames[:, list(joints)].mean(axis=1)
    return middle
