"""Which of many people count: those who move most."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.poses import PoseSequence3D

__all__ = ["most_moving", "motion", "with_people"]


def motion(xyz: NDArray[Any]) -> float:
    """How much one person moves, (T, J, 3): the joints' squared distances from their means, summed."""
    seen = np.isfinite(xyz).all(axis=-1) & ~(xyz == 0).all(axis=(-1, -2))[:, None]
    counts = seen.sum(axis=0)
    if not counts.any():
        return 0.0
    shown = np.where(seen[..., None], xyz, 0.0)
    means = shown.sum(axis=0, dtype=np.float64) / np.maximum(counts, 1)[:, None]
    return float(np.where(seen[..., None], np.square(xyz - means), 0.0).sum())


def most_moving(xyz: NDArray[Any], count: int) -> NDArray[Any]:
    """The `count` people with the most motion of (T, P, J, 3), in the order in which they came."""
    amounts = [motion(xyz[:, person]) for person in range(xyz.shape[1])]
    order = sorted(range(len(amounts)), key=lambda person: -amounts[person])
    return xyz[:, sorted(order[:count])]


def with_people(poses: PoseSequence3D, count: int) -> PoseSequence3D:
    """The clip with 1 or 2 people: the one with the most motion, or a second one who is absent."""
    if poses.num_people == count:
        return poses
    if count == 1:
        xyz = most_moving(poses.xyz, 1)[:, 0]
    else:
        xyz = np.stack([poses.xyz, np.full_like(poses.xyz, np.nan)], axis=1)
    return PoseSequence3D(xyz=xyz, fps=poses.fps, skeleton=poses.skeleton)
