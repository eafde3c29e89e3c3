"""Wild keypoints must not become wild poses: what cannot be a person's pose is mended frame by frame.

A network answers far outside of what it has learned with joints meters away. Three things give that away:

- The two streams, which agree to some centimeters on what they know, lie far apart: then the stream that has
  learned from a detector's errors is believed.
- A joint is where no training pose has it: then the other stream's pose is taken.
- A bone is far longer than this person's usually is: then it gets its usual length, in the direction in which
  it pointed in the frame before.

Everything is causal, so that a camera is treated as a file is.
"""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from lifting.normalize import FloatArray, PoseNormalizer
from lifting.skeleton import Skeleton

__all__ = ["PoseMender", "agreed", "bone_lengths", "is_wild", "typical_bones"]

# Streams that both know a pose lie 50 to 150 mm apart in the mean joint; beyond this one of them is lost.
MAX_DISAGREEMENT_MM = 300.0
# Standard deviations of the training poses' coordinate. Those of kicks and throws reach 5.
MAX_DEVIATION = 7.0
# A bone this many times as long as usual and this much longer is wild: lifted bones vary by a fifth.
MAX_BONE_FACTOR, MAX_BONE_SLACK_MM = 1.5, 60.0
# Frames over which a person's usual lengths are taken, and how many of them the lifter's typical ones count.
_MEMORY_FRAMES, _TYPICAL_FRAMES = 90, 15
_SAMPLES = 256


def bone_lengths(poses: NDArray[np.floating], skeleton: Skeleton) -> FloatArray:
    """(..., bones) millimeters, in the order of `skeleton.bones`, of poses (..., J, 3)."""
    parents, children = (list(ends) for ends in zip(*skeleton.bones, strict=True))
    lengths = np.linalg.norm(poses[..., children, :] - poses[..., parents, :], axis=-1)
    return np.asarray(lengths, dtype=np.float32)


def is_wild(lengths: NDArray[np.floating], usual: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which bones are far longer than usual."""
    return np.asarray(lengths > MAX_BONE_FACTOR * usual + MAX_BONE_SLACK_MM)


def typical_bones(
    predict: Callable[[FloatArray], FloatArray], inputs: int, joints: PoseNormalizer
) -> FloatArray:
    """(bones,) millimeters: medians of what a network makes of keypoints spread as those of its training."""
    features = np.random.default_rng(0).standard_normal((_SAMPLES, inputs)).astype(np.float32)
    lengths = bone_lengths(joints.poses(predict(features)), joints.skeleton)
    return np.asarray(np.median(lengths, axis=0), dtype=np.float32)


def agreed(
    gt: FloatArray, detected: FloatArray, joints: tuple[PoseNormalizer, PoseNormalizer]
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The mean of both streams where they agree, else the one that is plausible.

    Args:
        gt, detected: (N, K, 3) millimeters, NaN where a stream has no answer.
        joints: their normalizations, whose statistics are those of their training poses.

    Returns:
        Poses (N, K, 3), and for which frames (N,) one stream was left out.
    """
    lost = [_deviation(pose, own) > MAX_DEVIATION for pose, own in zip((gt, detected), joints, strict=True)]
    with np.errstate(invalid="ignore"):
        apart = np.linalg.norm(gt - detected, axis=-1).max(axis=1) > MAX_DISAGREEMENT_MM
    without_gt = ~lost[1] & (lost[0] | apart)
    without_detected = lost[1] & ~lost[0]
    weights = np.where(without_gt, 0, np.where(without_detected, 1, 0.5))[:, None, None]
    mean = np.where(weights == 0, detected, np.where(weights == 1, gt, (gt + detected) / 2))
    both = np.isfinite(gt) & np.isfinite(detected)
    poses = np.where(both, mean, np.where(np.isfinite(gt), gt, detected))
    return poses.astype(np.float32), (without_gt | without_detected) & both.all(axis=(1, 2))


def _deviation(poses: FloatArray, joints: PoseNormalizer) -> FloatArray:
    """(N,), the farthest coordinate in standard deviations of the training poses; NaN without a pose."""
    inner = np.delete(poses, joints.skeleton.root, axis=1)
    return np.asarray(np.abs((inner - joints.mean) / joints.spread).max(axis=(1, 2)))


class PoseMender:
    """Keeps one person's bones at their length, frame after frame.

    Args:
        skeleton: of the poses.
        typical: (bones,) millimeters, until the person's own are known.
    """

    def __init__(self, skeleton: Skeleton, typical: FloatArray) -> None:
        self._skeleton = skeleton
        self._order = _from_root(skeleton)
        self._lengths: deque[FloatArray] = deque([typical] * _TYPICAL_FRAMES, maxlen=_MEMORY_FRAMES)
        self._before: FloatArray | None = None

    def __call__(self, pose: FloatArray) -> tuple[FloatArray, bool]:
        """The pose (K, 3) with wild bones mended, and whether there were any; one with NaN stays as it is."""
        if not np.isfinite(pose).all():
            return pose, False
        lengths = bone_lengths(pose, self._skeleton)
        usual = np.median(np.stack(self._lengths), axis=0)
        self._lengths.append(lengths)  # wild ones too: a person who is that large outweighs them in time
        wild = is_wild(lengths, usual)
        if wild.any():
            pose = self._mended(pose, wild, usual)
        self._before = pose
        return pose, bool(wild.any())

    def _mended(self, pose: FloatArray, wild: NDArray[np.bool_], usual: FloatArray) -> FloatArray:
        mended = pose.copy()
        for bone in self._order:
            parent, child = self._skeleton.bones[bone]
            along = pose[child] - pose[parent]
            if wild[bone]:
                before = along if self._before is None else self._before[child] - self._before[parent]
                along = before * (usual[bone] / max(float(np.linalg.norm(before)), 1e-6))
            mended[child] = mended[parent] + along
        return mended


def _from_root(skeleton: Skeleton) -> Sequence[int]:
    """Numbers of the bones, each after that above it."""
    order, reached, waiting = [], {skeleton.root}, list(range(len(skeleton.bones)))
    while waiting:
        ready = [bone for bone in waiting if skeleton.bones[bone][0] in reached]
        order += ready
        reached |= {skeleton.bones[bone][1] for bone in ready}
        waiting = [bone for bone in waiting if bone not in ready]
    return order
