"""2D clips: poses whose depth is absent, NaN in every frame.

What needs depth is left out. Distances are those of the picture, the third channel of orientations and
positions is constant, and augmentation neither turns nor tilts a body out of the picture.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.poses import PoseSequence3D

__all__ = ["from_pixels", "in_plane", "without_depth"]

# Pixels are scaled so that a clip's body is as tall as this: sizes and noise then mean what they do in 3D.
BODY_MM = 1700.0


def in_plane(poses: PoseSequence3D) -> PoseSequence3D:
    """The clip in the plane z = 0; a joint that is missing stays so. A 3D clip comes back as it is."""
    if not poses.flat:
        return poses
    xyz = poses.xyz.copy()
    xyz[..., 2] = np.where(np.isfinite(xyz[..., :2]).all(axis=-1), np.float32(0), np.float32(np.nan))
    return replace(poses, xyz=xyz)


def without_depth(poses: PoseSequence3D) -> PoseSequence3D:
    """The clip with its depth absent."""
    xyz = poses.xyz.copy()
    xyz[..., 2] = np.nan
    return replace(poses, xyz=xyz)


def from_pixels(xy: NDArray[Any]) -> NDArray[np.float32]:
    """One clip (T, ..., J, 2) in pixels as (T, ..., J, 3) in the plane z = 0, y up, about 1.7 m tall.

    The size of a body is the larger side of the box around a person, in the median over frames and people.
    """
    seen = xy[np.isfinite(xy).all(axis=-1).any(axis=-1)]  # (poses, J, 2)
    size = 0.0
    if len(seen):
        low, high = np.nanmin(seen, axis=-2), np.nanmax(seen, axis=-2)
        size = float(np.median((high - low).max(axis=-1)))
    scale = BODY_MM / size if size > 0 else 1.0
    places = xy * np.array([scale, -scale])
    depth = np.where(np.isfinite(xy).all(axis=-1, keepdims=True), 0.0, np.nan)
    return np.concatenate([places, depth], axis=-1).astype(np.float32)
