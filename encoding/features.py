"""Pose and motion features: the vector between the two joints of every pair, at every step of a clip.

docs/spmf.md, steps 4 to 6.
"""

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PairOrder = Literal["upper", "ordered"]
JointPairs = tuple[NDArray[np.intp], NDArray[np.intp]]


@lru_cache(maxsize=64)
def joint_pairs(num_joints: int, order: PairOrder) -> JointPairs:
    """The joint pairs (j, k), row by row of the image.

    "upper": j < k, J (J - 1) / 2 pairs (136 at J = 17, 190 at J = 20). "ordered": j != k, twice as many.

    Returns:
        Two index arrays (P,), read-only: the j and the k of each pair.

    Raises:
        ValueError: fewer than 2 joints make no pair.
    """
    if num_joints < 2:
        raise ValueError(f"the clip has {num_joints} joints; joint pairs need at least 2")
    table = ~np.eye(num_joints, dtype=np.bool_)
    j, k = np.nonzero(np.triu(table) if order == "upper" else table)
    for index in (j, k):
        index.setflags(write=False)
    return j, k


def step_vectors(points: NDArray[np.float32], pairs: JointPairs) -> NDArray[np.float32]:
    """Vectors from joint j to joint k of every pair, in the image's columns PF1, MF1>2, PF2, ..., PFT.

    Column 2t is the pose feature of frame t: both joints in frame t. Column 2t+1 is the motion feature:
    j in frame t, k in frame t+1.

    Args:
        points: float32 (T, J, 3), millimeters.
        pairs: the (j, k) of `joint_pairs`.

    Returns:
        float32 (3, P, 2T-1), millimeters; a new array.
    """
    columns = np.arange(2 * points.shape[0] - 1)
    by_joint = np.ascontiguousarray(points.T)  # (3, J, T): whole rows are gathered below
    start: NDArray[np.float32] = by_joint[:, :, columns // 2].take(pairs[0], axis=1)
    end: NDArray[np.float32] = by_joint[:, :, (columns + 1) // 2].take(pairs[1], axis=1)
    end -= start
    return end


def lengths(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Joint-joint distances: Euclidean length over the first axis, (3, ...) -> (...), millimeters."""
    # Written out, since every element must round alike whatever its column: numpy's sums over an axis do not.
    squares = np.square(vectors)
    total: NDArray[np.float32] = squares[0]
    total += squares[1]
    total += squares[2]
    return np.sqrt(total, out=total)
