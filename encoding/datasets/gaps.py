"""What recordings use to say that nothing was seen, made NaN or cut off."""

import numpy as np
from numpy.typing import NDArray

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
