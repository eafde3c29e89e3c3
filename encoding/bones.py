"""Everybody's bones at one length, so that an image shows what a body does and not whose it is.

Distances between joints, half of what an image is made of, differ with the length of arms and legs as much
as with the action. With each bone at the length that it has in the mean body of the training part, its
direction as seen, people who were never seen before look like those who were.

Source: the paper has no such step. Lengths of one reference skeleton are usual for MSR Action3D since
    Vemulapalli et al., "Human action recognition by representing 3D skeletons as points in a Lie group"
    (CVPR 2014), section 4; what it is worth here stands in docs/results.md.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from encoding.smoothing import clean
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton

__all__ = ["bone_lengths", "mean_bone_lengths", "on_reference_body", "with_bone_lengths"]


def bone_lengths(xyz: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float64]:
    """Median length over the frames of the bone above each joint, 0 for the root.

    Args:
        xyz: (T, J, 3) or (T, 2, J, 3), millimeters, all finite.
        skeleton: layout of the J joints.

    Returns:
        float64 (J,) or (2, J), millimeters.
    """
    lengths: NDArray[np.float64] = np.median(np.linalg.norm(_bones(xyz, skeleton), axis=-1), axis=0)
    return lengths


def mean_bone_lengths(clips: Iterable[PoseSequence3D]) -> tuple[float, ...]:
    """Lengths of the mean body: of each clip's (and person's) bones, the mean; J values, 0 for the root.

    Raises:
        ValueError: there is no clip, clips differ in skeleton, or are 2D.
    """
    rows, skeleton = [], None
    for poses in clips:
        skeleton = skeleton or poses.skeleton
        if poses.skeleton != skeleton:
            raise ValueError(
                f"there are clips of skeleton {skeleton.name!r} and of {poses.skeleton.name!r}; one mean "
                "body needs one skeleton"
            )
        if poses.flat:
            raise ValueError(
                "2D clips show bones of any length, as they point to the camera or not; bones 'own' is needed"
            )
        rows.append(_seen_lengths(poses))
    if not rows:
        raise ValueError("there is no clip to take lengths of bones from; at least 1 training clip is needed")
    seen = np.isfinite(rows)
    total = np.where(seen, rows, 0).sum(axis=0)
    return tuple((total / np.maximum(seen.sum(axis=0), 1)).tolist())


def _seen_lengths(poses: PoseSequence3D) -> NDArray[np.float64]:
    """Lengths of the bones of a clip (J,), the mean over its people; NaN for a bone that no frame shows."""
    J = poses.skeleton.num_joints
    lengths = bone_lengths(clean(poses), poses.skeleton).reshape(-1, J)
    seen = np.isfinite(poses.xyz).any(axis=0).all(axis=-1).reshape(-1, J)
    if seen.all():
        mean: NDArray[np.float64] = lengths.mean(axis=0)
        return mean
    parents = [joint if parent < 0 else parent for joint, parent in enumerate(poses.skeleton.parents)]
    known = seen & seen[:, parents]
    counts = known.sum(axis=0)
    means = np.where(known, lengths, 0).sum(axis=0) / np.maximum(counts, 1)
    return np.where(counts > 0, means, np.nan)


def on_reference_body(poses: PoseSequence3D, lengths: tuple[float, ...] | None) -> PoseSequence3D:
    """The clip with the bones of the mean body, its gaps filled.

    Args:
        poses: one or two people.
        lengths: of the mean body (`EncodingStatistics.bone_lengths`).

    Raises:
        ValueError: a joint is never seen, or there are no lengths, or not as many as joints.
    """
    if lengths is None:
        raise ValueError(
            'bones "reference" needs statistics with bone_lengths; fit_statistics makes them of the '
            "training clips"
        )
    return replace(poses, xyz=with_bone_lengths(clean(poses), poses.skeleton, lengths))


def with_bone_lengths(
    xyz: NDArray[np.float32], skeleton: Skeleton, lengths: tuple[float, ...]
) -> NDArray[np.float32]:
    """The same movements by a body with other bones.

    Every bone keeps its direction in each frame. The root's path is scaled by the ratio of all lengths
    together, so that a larger body's steps, or two people's distance, shrink as they do. A bone without a
    direction, both its ends on one point, stays so.

    Args:
        xyz: (T, J, 3) or (T, 2, J, 3), millimeters, all finite.
        skeleton: layout of the J joints.
        lengths: of the bone above each of the J joints, millimeters; the root's does not count.

    Returns:
        float32, the shape of `xyz`.

    Raises:
        ValueError: there is another number of lengths than of joints.
    """
    J = skeleton.num_joints
    if len(lengths) != J:
        raise ValueError(
            f"there are {len(lengths)} lengths of bones; skeleton {skeleton.name!r} has {J} joints"
        )
    bones = _bones(xyz, skeleton)
    seen = np.linalg.norm(bones, axis=-1, keepdims=True)
    wanted = np.asarray(lengths, np.float32)[:, None]
    bones *= np.divide(wanted, seen, out=np.zeros_like(seen), where=seen > 0)
    own = float(bone_lengths(xyz, skeleton).reshape(-1, J).mean(axis=0).sum())
    ratio = np.float32(sum(lengths) / own if own > 0 else 1)
    root = xyz[..., [skeleton.root], :] * ratio
    placed: NDArray[np.float32] = root + _chains(skeleton) @ bones
    return placed


def _bones(xyz: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """Vectors from each joint's parent to it; of the root, 0."""
    parents = [joint if parent < 0 else parent for joint, parent in enumerate(skeleton.parents)]
    return xyz - xyz[..., parents, :]


@lru_cache
def _chains(skeleton: Skeleton) -> NDArray[np.float32]:
    """(J, J), 1 where the bone above joint k is on the way from the root to joint j."""
    chains = np.eye(skeleton.num_joints, dtype=np.float32)
    for joint in range(skeleton.num_joints):
        above = skeleton.parents[joint]
        while above >= 0:
            chains[joint, above] = 1
            above = skeleton.parents[above]
    return chains
