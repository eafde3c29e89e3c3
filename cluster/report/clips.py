"""Clips inside the report: poses as a few bytes a joint, and the image that the network saw of them.

A coordinate becomes one byte: 254 steps over the clip's longest side, about 8 mm for a standing person, which
is less than a pixel of the drawing. Long clips are thinned; their speed is kept.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.images import as_png
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton

__all__ = ["ShownClip", "clips_data"]

MOST_CLIPS = 400  # about 6 kB each
MOST_FRAMES = 40
MISSING = 255  # stands for a joint that was not seen

_TOP, _BOTTOM = ("head", "head_top", "nose"), ("left_foot", "right_foot", "left_ankle", "right_ankle")


@dataclass(frozen=True, kw_only=True, eq=False)
class ShownClip:
    """A test clip and what the network said of it.

    Attributes:
        name: of the clip.
        label, answer: numbers of the true class and of the one named.
        probability: that the network gave its answer.
        poses: the clip.
        image: uint8 (S, S, 3) RGB, what the network saw.
    """

    name: str
    label: int
    answer: int
    probability: float
    poses: PoseSequence3D
    image: NDArray[np.uint8]


def clips_data(clips: Sequence[ShownClip], most: int = MOST_CLIPS) -> dict[str, Any]:
    """JSON data from which the report's script draws; at most `most` clips, the wrong ones first.

    `poses` of a clip is base64 of uint8 (frames, people x joints, 3); `left_out` counts, by "label,answer",
    the clips of each square of the confusion matrix that are not among them.
    """
    if not clips:
        return {}
    ordered = sorted(clips, key=lambda clip: clip.label == clip.answer)
    skeleton = clips[0].poses.skeleton
    left_out: dict[str, int] = {}
    for clip in ordered[most:]:
        place = f"{clip.label},{clip.answer}"
        left_out[place] = left_out.get(place, 0) + 1
    return {
        "joints": skeleton.num_joints,
        "bones": [list(bone) for bone in skeleton.bones],
        "sides": _sides(skeleton),
        "clips": [_clip(clip) for clip in ordered[:most]],
        "left_out": left_out,
    }


def _sides(skeleton: Skeleton) -> list[int]:
    """Of each bone: 0 trunk, 1 left, 2 right."""
    left, right = {a for a, _ in skeleton.pairs}, {b for _, b in skeleton.pairs}
    return [1 if child in left else 2 if child in right else 0 for _, child in skeleton.bones]


def _clip(clip: ShownClip) -> dict[str, Any]:
    poses = quantized(clip.poses)
    return {
        "name": clip.name,
        "label": clip.label,
        "answer": clip.answer,
        "probability": round(clip.probability, 3),
        "seconds": round(clip.poses.num_frames / clip.poses.fps, 2),
        "frames": len(poses),
        "poses": base64.b64encode(poses.tobytes()).decode(),
        "image": base64.b64encode(as_png(clip.image)).decode(),
    }


def quantized(poses: PoseSequence3D) -> NDArray[np.uint8]:
    """uint8 (frames, people x joints, 3): x, height and depth as 0 to 254 of the clip's longest side, or 255.

    The head is up, whichever way the recording counts its y, and the clip stands in the middle.
    """
    frames = np.linspace(0, poses.num_frames - 1, min(poses.num_frames, MOST_FRAMES)).round().astype(int)
    xyz = poses.xyz[frames].reshape(len(frames), -1, 3).astype(np.float64)
    xyz[..., 1] *= _upward(poses)
    seen = np.isfinite(xyz).all(axis=-1)
    if not seen.any():
        return np.full(xyz.shape, MISSING, np.uint8)
    low, high = xyz[seen].min(axis=0), xyz[seen].max(axis=0)
    longest = max(float((high - low).max()), 1e-6)
    scaled = np.full(xyz.shape, float(MISSING))
    scaled[seen] = 127 + (xyz[seen] - (low + high) / 2) / longest * 254
    return scaled.round().clip(0, MISSING).astype(np.uint8)


def _upward(poses: PoseSequence3D) -> float:
    """1 where y grows towards the head, else -1."""
    joints = poses.skeleton.joints
    heights = [
        poses.xyz[..., [joints.index(name) for name in names if name in joints], 1]
        for names in (_TOP, _BOTTOM)
    ]
    if not all(np.isfinite(height).any() for height in heights):
        return 1.0
    return 1.0 if np.nanmean(heights[0]) > np.nanmean(heights[1]) else -1.0
