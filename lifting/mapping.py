"""From one joint layout to another: each joint of the target is the mean of named joints of the source.

A joint whose parts are not all there is missing. The Human3.6M layout has joints that no detector reports: as
in the training data made here, the hip and the thorax are the middles of the hips and of the shoulders, the
spine is the
middle of hip and thorax, the nose stands at 9 and the middle of the eyes at 10.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.poses import Keypoints2D
from lifting.skeleton import (
    H36M_17,
    MSR_20,
    Skeleton,
)

Table = Mapping[str, str]  # target joint -> names of source joints, parted by blanks; one may stand twice

_HIPS, _SHOULDERS = "left_hip right_hip", "left_shoulder right_shoulder"
_TRUNK: Table = {"hip": _HIPS, "spine": f"{_HIPS} {_SHOULDERS}", "thorax": _SHOULDERS}


def _limbs(**names: str) -> Table:
    """Left and right limbs of Human3.6M; `foot="ankle"` says what the source calls the foot."""
    parts = ("hip", "knee", "foot", "shoulder", "elbow", "wrist")
    return {
        f"{side}_{part}": f"{side}_{names.get(part, part)}" for side in ("left", "right") for part in parts
    }


# A Kinect's head is the middle of the head, its shoulder_center the root of the neck.
_FROM_MSR: Table = {
    **_TRUNK, "neck_nose": "shoulder_center head", "head": "head", **_limbs(foot="ankle")
}  # fmt: skip

_TO_H36M: Mapping[str, Table] = {MSR_20.name: _FROM_MSR}


def can_map(source: Skeleton, target: Skeleton) -> bool:
    """Whether `joint_means` knows the way."""
    return source == target or (target == H36M_17 and source.name in _TO_H36M)


def joint_means(source: Skeleton, target: Skeleton) -> tuple[tuple[int, ...], ...]:
    """For each target joint the source joints whose mean it is.

    Raises:
        ValueError: there is no mapping between the two.
    """
    if source == target:
        return tuple((joint,) for joint in range(source.num_joints))
    if not can_map(source, target):
        raise ValueError(
            f"no mapping from skeleton {source.name!r} to {target.name!r}; there are mappings to "
            f"{H36M_17.name!r} from {', '.join(_TO_H36M)}"
        )
    table = _TO_H36M[source.name]
    return tuple(tuple(source.joints.index(part) for part in table[joint].split()) for joint in target.joints)


def map_joints(points: NDArray[np.floating[Any]], source: Skeleton, target: Skeleton) -> NDArray[np.float32]:
    """Points (..., J, C) of the source as (..., K, C) of the target; NaN where a part is NaN.

    Raises:
        ValueError: no mapping, or the points are not the source's.
    """
    if points.ndim < 2 or points.shape[-2] != source.num_joints:
        raise ValueError(
            f"points have shape {points.shape}; skeleton {source.name!r} needs (..., {source.num_joints}, C)"
        )
    means = [points[..., list(parts), :].mean(axis=-2) for parts in joint_means(source, target)]
    return np.stack(means, axis=-2).astype(np.float32)


def map_confidence(
    confidence: NDArray[np.floating[Any]], source: Skeleton, target: Skeleton
) -> NDArray[np.float32]:
    """Confidence (..., J) as (..., K): a mean is as sure as the least sure of its parts."""
    if confidence.shape[-1:] != (source.num_joints,):
        raise ValueError(
            f"confidence has shape {confidence.shape}; skeleton {source.name!r} needs (..., "
            f"{source.num_joints})"
        )
    parts = [confidence[..., list(parts)].min(axis=-1) for parts in joint_means(source, target)]
    return np.stack(parts, axis=-1).astype(np.float32)


def map_keypoints(keypoints: Keypoints2D, target: Skeleton) -> Keypoints2D:
    """The same person in another layout.

    Raises:
        ValueError: no mapping from the keypoints' layout to the target.
    """
    return Keypoints2D(
        xy=map_joints(keypoints.xy, keypoints.skeleton, target),
        confidence=map_confidence(keypoints.confidence, keypoints.skeleton, target),
        image_size=keypoints.image_size,
        fps=keypoints.fps,
        skeleton=target,
    )
