"""Numbers to colors: distances through the JET palette, orientations as red, green and blue.

docs/spmf.md, steps 7 and 8.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

# Joints nearer than a nanometer are one point: they have no orientation and get the middle gray.
COINCIDENT_MM = np.float32(1e-6)


def _jet() -> NDArray[np.uint8]:
    levels = np.arange(256, dtype=np.uint8).reshape(256, 1)
    table = np.ascontiguousarray(cv2.applyColorMap(levels, cv2.COLORMAP_JET)[:, 0, ::-1], dtype=np.uint8)
    table.setflags(write=False)
    return table


JET = _jet()
"""OpenCV's JET palette, uint8 (256, 3) in RGB order; read-only."""

_JET_COLUMN = JET.reshape(256, 1, 3)  # the form that cv2.applyColorMap takes


def distance_colors(distances: NDArray[np.float32], pose_max: float, motion_max: float) -> NDArray[np.uint8]:
    """JET colors of joint-joint distances.

    level = floor(255 min(d / D_max, 1)), color = JET[level]; D_min = 0.

    Args:
        distances: float32 (P, 2T-1), millimeters; pose features in even columns, motion features in odd.
        pose_max: D_max of the pose features, millimeters.
        motion_max: D_max of the motion features, millimeters.

    Returns:
        uint8 (P, 2T-1, 3), RGB.
    """
    maxima = np.full(distances.shape[1], pose_max, dtype=np.float32)
    maxima[1::2] = motion_max
    levels = distances / np.maximum(maxima, COINCIDENT_MM)  # divided first: d = D_max gives exactly 1
    np.minimum(levels, 1, out=levels)
    levels *= 255
    return np.asarray(cv2.applyColorMap(levels.astype(np.uint8), _JET_COLUMN), dtype=np.uint8)


def orientation_colors(vectors: NDArray[np.float32], distances: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Colors of joint-joint orientations: unit vectors, x to red, y to green, z to blue.

    value = floor(255 (c + 1) / 2); joints at one point give (127, 127, 127).

    Args:
        vectors: float32 (3, P, 2T-1), millimeters.
        distances: their lengths, float32 (P, 2T-1).

    Returns:
        uint8 (P, 2T-1, 3), RGB.
    """
    values = vectors / np.maximum(distances, COINCIDENT_MM)
    values += 1
    values *= 127.5
    return np.asarray(cv2.merge(list(values.astype(np.uint8))), dtype=np.uint8)
