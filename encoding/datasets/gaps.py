"""What recordings use to say that nothing was seen, made NaN or cut off."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import Skeleton

Poses = NDArray[np.float32]


def zeros_to_nan(xyz: Poses) -> Poses:
    """A copy in which a joint at exactly (0, 0, 0), where the camera itself would be, is NaN."""
    marked = xyz.copy()
    marked[(xyz == 0).all(axis=-1)] = np.nan
    return marked


def trim_missing_frames(xyz: Poses) -> Poses:
    """Cut off the frames before the first and after the last that shows a joint; gaps within stay.

    There is nothing on their far side to interpolate towards, and holding the last pose instead would fill
    most of an image with a frozen body: MSR Action3D's a20_s02_e01 ends in 32 such frames of 56,
    a13_s09_e03 in 740 of 936.

    Args:
        xyz: (T, ..., 3), NaN where missing.

    Returns:
        A view; no frame at all where no frame shows a joint.
    """
    seen = np.flatnonzero(np.isfinite(xyz).any(axis=tuple(range(1, xyz.ndim))))
    return xyz[seen[0] : seen[-1] + 1] if seen.size else xyz[:0]


def zero_joints(clips: Sequence[NDArray[Any]], skeleton: Skeleton) -> dict[int, tuple[int, int]]:
    """Joints that stand at exactly (0, 0, 0) beside others that do not, the mark of many sensors for missing.

    A joint of the trunk that stands there in every pose is where the coordinates begin, and no gap.

    Args:
        clips: each (T, J, 3) or (T, 2, J, 3).
        skeleton: layout of the J joints.

    Returns:
        Joint -> (number of poses, index of the first clip with one).
    """
    J = skeleton.num_joints
    counts, poses, first = np.zeros(J, np.int64), 0, np.full(J, -1)
    for number, xyz in enumerate(clips):
        if xyz.all():
            poses += xyz[..., 0, 0].size
            continue
        zero = (xyz == 0).all(axis=-1).reshape(-1, J)
        zero = zero[~zero.all(axis=1)]
        poses += len(zero)
        counts += zero.sum(axis=0)
        first[(first < 0) & zero.any(axis=0)] = number
    sided = {joint for pair in skeleton.pairs for joint in pair}
    return {
        int(joint): (int(counts[joint]), int(first[joint]))
        for joint in np.flatnonzero(counts)
        if counts[joint] < poses or joint in sided
    }


def marked(xyz: NDArray[Any], joints: Iterable[int]) -> NDArray[Any]:
    """A clip with these joints NaN where they stand at exactly (0, 0, 0), and poses of zeros alone NaN.

    Returns:
        A copy, or `xyz` itself where nothing is zero.
    """
    if xyz.all():
        return xyz
    filled = np.where((xyz == 0).all(axis=(-1, -2), keepdims=True), np.nan, xyz)
    for joint in joints:
        filled[(xyz[..., joint, :] == 0).all(axis=-1), joint] = np.nan
    return filled
