"""Where lifted people stand: root-relative poses of one image, put into one frame of reference.

A lifted pose has a shape and a size but no place. The camera gives the place: the pose, moved by the root's
position (X, Y, Z), must project onto its keypoints,

    u - c_x = f (X + x) / (Z + z),   v - c_y = f (Y + y) / (Z + z),

which is linear in X, Y and Z for every joint (x, y, z) with keypoint (u, v). The least-squares solution is in
essence weak perspective (Z = f times the size in space over the size in the image, X and Y from the hip), but
exact for a true pose. Two people keep their distance as far as the lifter gives them their true sizes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lifting.mapping import map_keypoints
from lifting.poses import Keypoints2D, PoseSequence3D

__all__ = ["DEFAULT_FOCAL", "place_people", "root_path"]

Floats = NDArray[np.float64]

DEFAULT_FOCAL = 1.15
"""Focal length over the longer side of the image where it is unknown: that of the cameras of Human3.6M."""

_FEWEST_KEYPOINTS = 4
_NEAREST_MM = 300.0  # a person nearer to the camera than this is no solution


def root_path(
    poses: PoseSequence3D, keypoints: Keypoints2D, focal: float | None = None
) -> NDArray[np.float32]:
    """Where the root is, in the axes of the camera (x right, y down, z away).

    Args:
        poses: (T, K, 3) millimeters, root-relative, of one person.
        keypoints: the same T frames; of the poses' layout, or one that can be mapped to it.
        focal: focal length, pixels; None: `DEFAULT_FOCAL` times the longer side of the image. A wrong one
            stretches all depths alike.

    Returns:
        float32 (T, 3), millimeters; NaN for a frame with fewer than 4 joints seen, or without a solution in
        front of the camera.

    Raises:
        ValueError: other numbers of frames, two people, or no mapping between the layouts.
    """
    if poses.num_people != 1:
        raise ValueError("the poses show two people; the path of one person is found at a time")
    if keypoints.num_frames != poses.num_frames:
        raise ValueError(
            f"there are {poses.num_frames} poses and {keypoints.num_frames} frames of keypoints; "
            "as many are needed"
        )
    keypoints = map_keypoints(keypoints, poses.skeleton)
    width, height = keypoints.image_size
    f = DEFAULT_FOCAL * max(width, height) if focal is None else focal
    centered = keypoints.xy.astype(np.float64) - [width / 2, height / 2]
    path = [
        _solve(pose, uv, sure, f)
        for pose, uv, sure in zip(poses.xyz.astype(np.float64), centered, keypoints.confidence, strict=True)
    ]
    return np.stack(path).astype(np.float32)


def place_people(
    people: Sequence[tuple[PoseSequence3D, Keypoints2D]], focal: float | None = None
) -> PoseSequence3D:
    """Two people of one video in the axes of its camera.

    Args:
        people: (poses, keypoints) of each, over the same frames; as in `root_path`.
        focal: as in `root_path`.

    Returns:
        xyz (T, 2, K, 3) millimeters from the camera; NaN where a person is not known.

    Raises:
        ValueError: not two people, different frames or layouts; as in `root_path`.
    """
    if len(people) != 2:
        raise ValueError(f"{len(people)} people came; 2 are needed")
    (first, _), (second, _) = people
    if (first.num_frames, first.skeleton) != (second.num_frames, second.skeleton):
        raise ValueError(
            f"the people have {first.num_frames} frames of {first.skeleton.name!r} and {second.num_frames} "
            f"of {second.skeleton.name!r}; the same frames and layout are needed"
        )
    placed = [poses.xyz + root_path(poses, keypoints, focal)[:, None] for poses, keypoints in people]
    return PoseSequence3D(xyz=np.stack(placed, axis=1), fps=first.fps, skeleton=first.skeleton)


def _solve(pose: Floats, uv: Floats, confidence: NDArray[np.float32], f: float) -> Floats:
    """(X, Y, Z) of one frame by least squares, each keypoint weighted by its confidence."""
    seen = (confidence > 0) & np.isfinite(uv).all(axis=1) & np.isfinite(pose).all(axis=1)
    if seen.sum() < _FEWEST_KEYPOINTS:
        return np.full(3, np.nan)
    (x, y, z), (u, v) = pose[seen].T, uv[seen].T
    zero, ones = np.zeros_like(x), np.ones_like(x)
    left = np.concatenate([np.column_stack([f * ones, zero, -u]), np.column_stack([zero, f * ones, -v])])
    right = np.concatenate([u * z - f * x, v * z - f * y])
    weight = np.sqrt(np.tile(confidence[seen], 2))
    position, _, rank, _ = np.linalg.lstsq(left * weight[:, None], right * weight, rcond=None)
    if rank < 3 or position[2] < _NEAREST_MM:
        return np.full(3, np.nan)
    return np.asarray(position)
