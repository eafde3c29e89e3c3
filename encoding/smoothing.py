"""Cleaning and smoothing: gaps are filled from their neighbors in time, jitter is taken out.

docs/spmf.md, steps 2 and 3.
"""

import numpy as np
from numpy.typing import NDArray

from encoding.flat import in_plane
from encoding.stand_ins import with_stand_ins
from lifting.poses import PoseSequence3D

WINDOW = 5  # frames
_EDGE_WEIGHTS = np.array([[31, 9, -3, -5, 3], [9, 13, 12, 6, -5]], dtype=np.float32) / np.float32(35)


def clean(poses: PoseSequence3D) -> NDArray[np.float32]:
    """The coordinates with every gap filled.

    A coordinate that is not finite is interpolated linearly in time between its finite neighbors; a gap
    at either end holds the nearest finite value. A joint or second person that no frame shows is replaced as
    `encoding.stand_ins` says. The depth of a 2D clip is 0.

    Returns:
        float32 (T, J, 3) or (T, 2, J, 3), millimeters, all finite. Without a gap it is `poses.xyz` itself.

    Raises:
        ValueError: no joint is seen in any frame.
    """
    finite = np.isfinite(poses.xyz)
    if finite.all():
        return poses.xyz
    if poses.flat:
        return clean(in_plane(poses))
    if finite.any(axis=0).all():
        return _interpolate(poses.xyz, finite)
    xyz = with_stand_ins(poses.xyz, poses.skeleton)
    return _interpolate(xyz, np.isfinite(xyz))


def smooth(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Savitzky-Golay filter over time, window 5, order 2.

    x'(t) = (-3 x(t-2) + 12 x(t-1) + 17 x(t) + 12 x(t+1) - 3 x(t+2)) / 35; the first and last two frames
    take the value of the quadratic fitted to the five at that end. Fewer than 5 frames stay as they are.

    The sums are taken of differences to x(t), and both ends by the same code on mirrored frames, so that a
    still clip stays still and a reversed clip is smoothed to the exact reverse.

    Args:
        xyz: float32 (T, ...), all finite.

    Returns:
        float32, the shape of `xyz`; a new array where T >= 5.

    Source: Savitzky and Golay 1964; scipy's `savgol_filter(window_length=5, polyorder=2, mode="interp")`.
    """
    if xyz.shape[0] < WINDOW:
        return xyz
    smoothed = np.empty_like(xyz)
    middle = xyz[2:-2]
    near = xyz[1:-3] + xyz[3:-1] - 2 * middle
    far = xyz[:-4] + xyz[4:] - 2 * middle
    smoothed[2:-2] = middle + (12 * near - 3 * far) / np.float32(35)
    smoothed[:2] = _edge(xyz[:WINDOW])
    smoothed[:-3:-1] = _edge(xyz[: -WINDOW - 1 : -1])
    return smoothed


def _edge(window: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values of the quadratic fit at the first two of five frames: (5, ...) -> (2, ...)."""
    fitted: NDArray[np.float32] = np.einsum("ft,t...->f...", _EDGE_WEIGHTS, window - window[0])
    fitted += window[0]
    return fitted


def _interpolate(xyz: NDArray[np.float32], finite: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Every coordinate has a finite value somewhere; T is the first axis."""
    T = xyz.shape[0]
    frames = np.arange(T).reshape(T, *[1] * (xyz.ndim - 1))
    before = np.maximum.accumulate(np.where(finite, frames, -1), axis=0)
    after = np.minimum.accumulate(np.where(finite, frames, T)[::-1], axis=0)[::-1]
    before, after = np.where(before < 0, after, before), np.where(after == T, before, after)
    values = xyz.astype(np.float64)  # so that a linear path comes back to the last float32 bit
    start, end = np.take_along_axis(values, before, axis=0), np.take_along_axis(values, after, axis=0)
    part = (frames - before) / np.maximum(after - before, 1)
    filled: NDArray[np.float32] = (start + (end - start) * part).astype(np.float32)
    return filled
