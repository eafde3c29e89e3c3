"""The poses of a clip as a BVH file."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifting.bvh import write_bvh
from lifting.files import write_atomically
from lifting.poses import PoseSequence3D
from lifting.rigging import to_bvh
from lifting.skeleton import Skeleton

__all__ = ["write_bvh_file"]


def write_bvh_file(path: Path, xyz: NDArray[np.float32], fps: float, skeleton: Skeleton) -> None:
    """Write a clip as BVH; bone lengths are medians over the clip, so it needs all poses at once.

    Args:
        path: of the .bvh.
        xyz: (T, K, 3) millimeters. BVH knows no gaps: a frame with NaN shows the pose before it, and frames
            before the first pose show that one.
        fps: frames per second.
        skeleton: layout of the poses.

    Raises:
        OSError: the place cannot be written to.
    """
    clip = PoseSequence3D(xyz=_held(xyz), fps=fps, skeleton=skeleton)
    write_atomically(path, write_bvh(to_bvh(clip)))


def _held(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    known = np.flatnonzero(np.isfinite(xyz).all(axis=(1, 2)))
    before = np.searchsorted(known, np.arange(len(xyz)), side="right") - 1
    return xyz[known[np.maximum(before, 0)]]
