"""A clip at another frame rate: the same movement, seen more or less often."""

from dataclasses import replace

import numpy as np

from lifting.poses import PoseSequence3D

__all__ = ["resampled"]


def resampled(poses: PoseSequence3D, fps: float) -> PoseSequence3D:
    """The clip at `fps` frames a second, linearly between its frames, from its first frame on.

    A joint is missing where one of the two frames around a moment lacks it.

    Args:
        poses: one or two people, T frames.
        fps: the rate wanted.

    Returns:
        1 + floor((T - 1) fps / poses.fps) frames, at least 1; the clip itself where the rate is its own.
    """
    if fps == poses.fps:
        return poses
    T = poses.num_frames
    moments = np.arange(1 + int((T - 1) * fps / poses.fps + 1e-6)) * (poses.fps / fps)
    before = np.minimum(moments.astype(np.intp), max(T - 2, 0))
    after = np.minimum(before + 1, T - 1)
    share = (moments - before).reshape(-1, *[1] * (poses.xyz.ndim - 1))
    start, end = poses.xyz[before].astype(np.float64), poses.xyz[after].astype(np.float64)
    # A frame that is met exactly needs no other one.
    between = np.where(share == 0, start, np.where(share == 1, end, start + (end - start) * share))
    return replace(poses, xyz=between.astype(np.float32), fps=fps)
