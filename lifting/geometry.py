"""Rotations, projection and alignment: small pure functions on arrays, batch dimensions left open.

Camera axes are OpenCV's: x to the right of the image, y down, z away from the camera. Quaternions are (w,
x, y, z).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Distortion coefficients in OpenCV's order.
NO_DISTORTION = (0.0, 0.0, 0.0, 0.0, 0.0)


def quaternion_to_matrix(quaternion: ArrayLike) -> Floats:
    """Rotation matrices (..., 3, 3) of quaternions (..., 4), w first; their length does not matter.

    Raises:
        ValueError: the last axis has not four entries, or a quaternion is zero.
    """
    q = np.asarray(quaternion, dtype=np.float64)
    if q.shape[-1:] != (4,):
        raise ValueError(f"quaternions have shape {q.shape}; (..., 4) is needed")
    norm = np.linalg.norm(q, axis=-1, keepdims=True)
    if not np.all(norm > 0):
        raise ValueError("a quaternion is zero or not finite; a direction is needed")
    w, x, y, z = np.moveaxis(q / norm, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def axis_rotation(axis: str, angle: ArrayLike) -> Floats:
    """Rotation matrices (..., 3, 3) about "x", "y" or "z" by angles (...), radians, counterclockwise.

    Raises:
        ValueError: no such axis.
    """
    if axis not in ("x", "y", "z"):
        raise ValueError(f"the axis is {axis!r}; 'x', 'y' or 'z' is needed")
    angle = np.asarray(angle, dtype=np.float64)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., range(3), range(3)] = 1.0
    matrix[..., first, first] = matrix[..., second, second] = np.cos(angle)
    matrix[..., first, second] = -np.sin(angle)
    matrix[..., second, first] = np.sin(angle)
    return matrix


def look_at(position: ArrayLike, target: ArrayLike, up: ArrayLike) -> Floats:
    """World-to-camera rotation of a camera that stands upright and looks at a point.

    Args:
        position: (3,), where the camera is.
        target: (3,), what appears in the middle of the image.
        up: (3,), what the world calls up; need not be at a right angle to the view.

    Returns:
        (3, 3); its rows are the camera's x, y and z axes in world coordinates.

    Raises:
        ValueError: the camera stands on its target, or looks along `up`.
    """
    forward = np.asarray(target, dtype=np.float64) - np.asarray(position, dtype=np.float64)
    right = np.cross(forward, np.asarray(up, dtype=np.float64))
    if not np.linalg.norm(right) > 0:
        raise ValueError(f"a camera at {position!r} cannot look at {target!r} with {up!r} up")
    forward /= np.linalg.norm(forward)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(forward, right), forward])


def to_camera(xyz: ArrayLike, rotation: Floats, position: Floats) -> Floats:
    """World points (..., 3) in the axes of a camera: rotation (xyz - position)."""
    return np.asarray((np.asarray(xyz, dtype=np.float64) - position) @ rotation.T)


def project(
    xyz: ArrayLike, focal: ArrayLike, center: ArrayLike, distortion: ArrayLike = NO_DISTORTION
) -> Floats:
    """Pixels of points in camera axes.

    Args:
        xyz: (..., 3), camera axes; a point that is not in front of the camera has no image.
        focal: (2,), pixels.
        center: (2,), the principal point, pixels.
        distortion: k1, k2, p1, p2, k3 (Brown-Conrady, in OpenCV's order).

    Returns:
        (..., 2), pixels; NaN for a point with z <= 0.
    """
    points = np.asarray(xyz, dtype=np.float64)
    depth = np.where(points[..., 2:] > 0, points[..., 2:], np.nan)
    k1, k2, p1, p2, k3 = np.asarray(distortion, dtype=np.float64)
    xy = points[..., :2] / depth
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
    bent = np.stack(
        [
            x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
            y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
        ],
        axis=-1,
    )
    return np.asarray(bent * np.asarray(focal) + np.asarray(center))


class Similarity(NamedTuple):
    """x -> scale * rotation x + translation, one for each pose of a batch."""

    scale: Floats  # (...)
    rotation: Floats  # (..., 3, 3), determinant +1
    translation: Floats  # (..., 3)

    def apply(self, xyz: ArrayLike) -> Floats:
        """Points (..., J, 3), moved."""
        turned = np.asarray(xyz, dtype=np.float64) @ np.swapaxes(self.rotation, -1, -2)
        return np.asarray(self.scale[..., None, None] * turned + self.translation[..., None, :])


def fit_similarity(source: ArrayLike, target: ArrayLike, *, with_scale: bool = True) -> Similarity:
    """The similarity that brings each source pose closest to its target, in the least-squares sense.

    Args:
        source: (..., J, 3).
        target: as source.
        with_scale: False keeps the size: a rigid motion.

    Raises:
        ValueError: the shapes differ, or a coordinate is not finite.

    Source: Umeyama 1991; the reflection is excluded.
    """
    a, b = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if a.shape != b.shape or a.shape[-1:] != (3,) or a.ndim < 2:
        raise ValueError(f"poses have shapes {a.shape} and {b.shape}; twice (..., J, 3) is needed")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a coordinate is not finite; leave missing joints out before aligning")
    mean_a, mean_b = a.mean(axis=-2), b.mean(axis=-2)
    a, b = a - mean_a[..., None, :], b - mean_b[..., None, :]
    left, stretch, right = np.linalg.svd(np.swapaxes(b, -1, -2) @ a)
    sign = np.ones_like(stretch)
    sign[..., 2] = np.sign(np.linalg.det(left) * np.linalg.det(right))
    rotation = (left * sign[..., None, :]) @ right
    size = (a * a).sum(axis=(-1, -2))
    scale = np.ones_like(size)
    if with_scale:
        scale = np.divide((stretch * sign).sum(axis=-1), size, out=scale, where=size > 0)
    moved = scale[..., None] * (rotation @ mean_a[..., None])[..., 0]
    return Similarity(scale, rotation, mean_b - moved)


def align_similarity(source: ArrayLike, target: ArrayLike) -> Floats:
    """Source poses (..., J, 3), each turned, scaled and moved onto its target (Procrustes)."""
    return fit_similarity(source, target).apply(source)


def align_rigid(source: ArrayLike, target: ArrayLike) -> Floats:
    """Source poses (..., J, 3), each turned and moved onto its target; their size stays."""
    return fit_similarity(source, target, with_scale=False).apply(source)
