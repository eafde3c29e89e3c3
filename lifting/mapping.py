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

from lifting.mocap_skeletons import ASF_31, ICLONE_24
from lifting.poses import Keypoints2D
from lifting.skeleton import (
    BODY_25,
    BODY_25B,
    COCO_17,
    COCO_18,
    COCO_WHOLEBODY_65,
    COCO_WHOLEBODY_133,
    H36M_17,
    HALPE_26,
    KINECT2_25,
    KINECT_20,
    MEDIAPIPE_33,
    MSR_20,
    Skeleton,
)

# Target joint -> names of source joints, parted by blanks.
Table = Mapping[str, str]

_HIPS, _SHOULDERS = "left_hip right_hip", "left_shoulder right_shoulder"
_TRUNK: Table = {"hip": _HIPS, "spine": f"{_HIPS} {_SHOULDERS}", "thorax": _SHOULDERS}


def _limbs() -> Table:
    """Human3.6M calls the ankle a foot; the other names are the same everywhere."""
    parts = {part: part for part in ("hip", "knee", "shoulder", "elbow", "wrist")} | {"foot": "ankle"}
    return {f"{side}_{to}": f"{side}_{part}" for side in ("left", "right") for to, part in parts.items()}


_BODY: Table = {**_TRUNK, **_limbs()}
_FACE: Table = {"neck_nose": "nose", "head": "left_eye right_eye"}
# Motion capture has no face: its head joint lies between the eyes' and the ears' height, its neck below the
# skull.
_MOCAP_HEAD: Table = {"neck_nose": "upper_neck head", "head": "head"}
# A Kinect's head is the middle of the head, its shoulder_center the root of the neck.
_KINECT_HEAD: Table = {"neck_nose": "shoulder_center head", "head": "head"}

_COCO_TO_OPENPOSE: Table = {"neck": _SHOULDERS}
_MEDIAPIPE_TO_OPENPOSE: Table = {
    "neck": _SHOULDERS,
    "mid_hip": _HIPS,
    **{f"{side}_big_toe": f"{side}_foot_index" for side in ("left", "right")},
    **{f"{side}_small_toe": "" for side in ("left", "right")},
}

# Kinect 2 has a joint between the shoulders where Kinect 1 has its shoulder_center, and a neck above it.
_KINECT2_TO_KINECT: Table = {
    "hip_center": "spine_base",
    "spine": "spine_mid",
    "shoulder_center": "spine_shoulder",
}
_KINECT2_TO_H36M: Table = {
    **_BODY,
    "hip": "spine_base",
    "spine": "spine_mid",
    "thorax": "spine_shoulder",
    "neck_nose": "neck",
    "head": "head",
}
_HALPE_TO_BODY_25: Table = {"mid_hip": "hip"}
_OPENPOSE_LIKE = (COCO_17, COCO_18, BODY_25, BODY_25B, HALPE_26, MEDIAPIPE_33, COCO_WHOLEBODY_133)

# (source, target) -> table; a joint that is not in it comes from the source's joint of the same name.
_WAYS: Mapping[tuple[str, str], Table] = {
    **{
        (skeleton.name, H36M_17.name): {**_BODY, **_FACE} for skeleton in (*_OPENPOSE_LIKE, COCO_WHOLEBODY_65)
    },
    **{(skeleton.name, COCO_17.name): {} for skeleton in (*_OPENPOSE_LIKE[1:], COCO_WHOLEBODY_65)},
    (COCO_WHOLEBODY_133.name, COCO_WHOLEBODY_65.name): {},
    (KINECT_20.name, MSR_20.name): {},
    (MSR_20.name, KINECT_20.name): {},
    (KINECT2_25.name, KINECT_20.name): _KINECT2_TO_KINECT,
    (KINECT2_25.name, MSR_20.name): _KINECT2_TO_KINECT,
    (KINECT_20.name, H36M_17.name): {**_BODY, **_KINECT_HEAD},
    (KINECT2_25.name, H36M_17.name): _KINECT2_TO_H36M,
    (HALPE_26.name, BODY_25.name): _HALPE_TO_BODY_25,
    (MSR_20.name, H36M_17.name): {**_BODY, **_KINECT_HEAD},
    (ASF_31.name, H36M_17.name): {**_BODY, **_MOCAP_HEAD},
    (ICLONE_24.name, H36M_17.name): {**_BODY, **_MOCAP_HEAD},
    (COCO_17.name, COCO_18.name): _COCO_TO_OPENPOSE,
    (MEDIAPIPE_33.name, BODY_25.name): _MEDIAPIPE_TO_OPENPOSE,
}


def can_map(source: Skeleton, target: Skeleton) -> bool:
    """Whether `joint_means` knows the way."""
    return source == target or (source.name, target.name) in _WAYS


def joint_means(source: Skeleton, target: Skeleton) -> tuple[tuple[int, ...], ...]:
    """For each target joint the source joints whose mean it is; none where the source has nothing for it.

    Raises:
        ValueError: there is no mapping between the two.
    """
    if source == target:
        return tuple((joint,) for joint in range(source.num_joints))
    if not can_map(source, target):
        known = ", ".join(f"{one} to {other}" for one, other in _WAYS)
        raise ValueError(f"no mapping from skeleton {source.name!r} to {target.name!r}; there are {known}")
    table = _WAYS[source.name, target.name]
    parts = [table.get(joint, joint).split() for joint in target.joints]
    return tuple(tuple(source.joints.index(part) for part in words) for words in parts)


def map_joints(points: NDArray[np.floating[Any]], source: Skeleton, target: Skeleton) -> NDArray[np.float32]:
    """Points (..., J, C) of the source as (..., K, C) of the target; NaN where a part is NaN.

    Raises:
        ValueError: no mapping, or the points are not the source's.
    """
    if points.ndim < 2 or points.shape[-2] != source.num_joints:
        raise ValueError(
            f"points have shape {points.shape}; skeleton {source.name!r} needs (..., {source.num_joints}, C)"
        )
    nothing = np.full_like(points[..., 0, :], np.nan, dtype=np.float64)
    means = [
        points[..., list(parts), :].mean(axis=-2) if parts else nothing
        for parts in joint_means(source, target)
    ]
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
    nothing = np.zeros_like(confidence[..., 0], dtype=np.float64)
    means = [
        confidence[..., list(parts)].min(axis=-1) if parts else nothing
        for parts in joint_means(source, target)
    ]
    return np.stack(means, axis=-1).astype(np.float32)


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
