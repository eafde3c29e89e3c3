"""Which of many people count: those who move most."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.poses import PoseSequence3D

__all__ = ["keep_moving", "most_moving", "with_people"]


def most_moving(points: NDArray[Any], people: int) -> NDArray[np.intp]:
    """Which people of (T, P, J, C) move most, the first the most; absent ones come last.

    Motion is the sum of the variances of the joints, times the frames in which the person is seen.
    """
    motion = []
    for p in range(points.shape[1]):
        own = points[:, p]
        present = np.asarray(np.isfinite(own).all(axis=-1))
        frames = own[present.any(axis=1)]
        spread = sum(
            float(frames[np.isfinite(frames[:, j]).all(axis=-1), j].var(axis=0).sum())
            for j in range(points.shape[2])
            if np.isfinite(frames[:, j]).all(axis=-1).any()
        )
        motion.append((len(frames) > 0, spread * len(frames), len(frames)))
    order = sorted(range(len(motion)), key=lambda p: motion[p], reverse=True)
    return np.array([p for p in order[:people] if motion[p][0]] or order[:1])


def keep_moving(xyz: NDArray[Any], count: int) -> NDArray[Any]:
    """The `count` people of (T, P, J, C) with the most motion, in their order; an absent one is NaN."""
    seen = np.where((xyz == 0).all(axis=(-1, -2), keepdims=True), np.nan, xyz)
    kept = xyz[:, sorted(most_moving(seen, count))]
    lacking = count - kept.shape[1]
    if not lacking:
        return kept
    absent = np.full((len(kept), lacking, *kept.shape[2:]), np.nan, kept.dtype)
    return np.concatenate([kept, absent], axis=1)


def with_people(poses: PoseSequence3D, count: int) -> PoseSequence3D:
    """The clip with 1 or 2 people: the one with the most motion, or a second one who is absent."""
    if poses.num_people == count:
        return poses
    xyz = poses.xyz if poses.num_people == 2 else poses.xyz[:, None]
    kept = keep_moving(xyz, count)
    return PoseSequence3D(xyz=kept[:, 0] if count == 1 else kept, fps=poses.fps, skeleton=poses.skeleton)
