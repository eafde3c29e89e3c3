"""How far poses are from the truth, by the measures of the field; all in millimeters.

    P1       mean distance of the joints, root on root (MPJPE)
    P2       the same after each frame is turned, scaled and moved onto its truth (Procrustes, no reflection)
    N-MPJPE  the same as P1 after each frame is scaled onto its truth
    MPJVE    mean distance of the joints' movements from one frame to the next

Source: Ionescu et al. 2014 (P1); Martinez et al. 2017 (P2); Rhodin et al. 2018 (N-MPJPE); Pavllo et al. 2019
(MPJVE).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.datasets.pairs import PosePairs
from lifting.geometry import align_similarity
from lifting.skeleton import Skeleton

__all__ = [
    "MEASURES", "BoneReport", "Evaluation", "Scores", "bone_report", "evaluate", "joint_errors", "mpjpe",
    "mpjve", "n_mpjpe", "p_mpjpe",
]  # fmt: skip

FloatArray = NDArray[np.floating[Any]]
Floats = NDArray[np.float64]

MEASURES = {"p1": "P1", "p2": "P2", "n_mpjpe": "N-MPJPE", "mpjve": "MPJVE"}
"""Fields of `Scores` and how tables call them."""


def joint_errors(predicted: FloatArray, truth: FloatArray) -> Floats:
    """Distance of each joint from its truth.

    Args:
        predicted: (..., J, 3) millimeters.
        truth: as predicted.

    Returns:
        (..., J) millimeters.

    Raises:
        ValueError: the shapes differ, there is no frame, or a number is not finite.
    """
    _check(predicted, truth)
    return np.asarray(np.linalg.norm(predicted.astype(np.float64) - truth, axis=-1))


def mpjpe(predicted: FloatArray, truth: FloatArray, root: int = 0) -> float:
    """P1: mean over frames and joints of the distance, both roots moved to 0. Shapes as `joint_errors`."""
    return float(joint_errors(_rooted(predicted, root), _rooted(truth, root)).mean())


def p_mpjpe(predicted: FloatArray, truth: FloatArray) -> float:
    """P2: mean distance after the best similarity of each frame. Shapes as `joint_errors`."""
    _check(predicted, truth)
    return float(joint_errors(align_similarity(predicted, truth), truth).mean())


def n_mpjpe(predicted: FloatArray, truth: FloatArray, root: int = 0) -> float:
    """N-MPJPE: mean distance after the best scale of each frame, roots at 0. Shapes as `joint_errors`."""
    _check(predicted, truth)
    truth = _rooted(truth, root)
    return float(joint_errors(_scaled(_rooted(predicted, root), truth), truth).mean())


def mpjve(predicted: FloatArray, truth: FloatArray) -> float:
    """MPJVE: mean distance of the movements between frames, millimeters a frame; NaN for a single frame.

    Args:
        predicted: (T, J, 3) millimeters, consecutive frames of one clip.
        truth: as predicted.
    """
    _check(predicted, truth)
    if len(predicted) < 2:
        return float("nan")
    return float(joint_errors(np.diff(predicted, axis=0), np.diff(truth, axis=0)).mean())


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Errors of some frames, millimeters (MPJVE: millimeters a frame)."""

    frames: int
    p1: float
    p2: float
    n_mpjpe: float
    mpjve: float


@dataclass(frozen=True, kw_only=True)
class BoneReport:
    """What a body cannot do: change its bones, or have another left than right.

    Attributes:
        variation: mean over clips and bones of a bone's standard deviation over time, millimeters.
        variation_share: the same over the bone's mean length.
        asymmetry: mean over frames and left/right bones of their difference in length, millimeters.
        asymmetry_share: the same over their mean length.
    """

    variation: float
    variation_share: float
    asymmetry: float
    asymmetry_share: float


@dataclass(frozen=True, eq=False, kw_only=True)
class Evaluation:
    """All that is known of one method on one test part.

    Attributes:
        frame_wise: over all frames, each counted once.
        actions: over the frames of each action, in order of appearance.
        joints: (J,) mean P1 distance of each joint, millimeters.
        bones: of the prediction.
        true_bones: of the truth.
    """

    frame_wise: Scores
    actions: dict[str, Scores]
    joints: Floats
    bones: BoneReport
    true_bones: BoneReport

    @property
    def action_wise(self) -> Scores:
        """Mean over the actions, each counted once however long it is: what most papers print."""
        scores = list(self.actions.values())
        known = {name: [v for v in (getattr(s, name) for s in scores) if v == v] for name in MEASURES}
        means = {name: sum(v) / len(v) if v else float("nan") for name, v in known.items()}
        return Scores(frames=self.frame_wise.frames, **means)


def evaluate(predicted: FloatArray, pairs: PosePairs) -> Evaluation:
    """Score a prediction for every frame of the pairs.

    Args:
        predicted: (N, J, 3) millimeters, root-relative, in the layout of the pairs' poses.
        pairs: the truth, with clips and actions.

    Raises:
        ValueError: the shapes differ, or a number is not finite.
    """
    truth, root = pairs.poses, pairs.pose_skeleton.root
    _check(predicted, truth)
    predicted = _rooted(predicted, root)
    p1 = joint_errors(predicted, truth)
    by_frame = {
        "p1": p1.mean(axis=1),
        "p2": joint_errors(align_similarity(predicted, truth), truth).mean(axis=1),
        "n_mpjpe": joint_errors(_scaled(predicted, truth), truth).mean(axis=1),
        "mpjve": _velocity_errors(predicted, pairs),
    }
    actions = np.array([clip.action for clip in pairs.clips])[pairs.clip]
    return Evaluation(
        frame_wise=_scores(by_frame, np.ones(len(truth), bool)),
        actions={action: _scores(by_frame, actions == action) for action in pairs.actions},
        joints=p1.mean(axis=0),
        bones=bone_report(predicted, pairs.pose_skeleton, pairs.clip),
        true_bones=bone_report(truth, pairs.pose_skeleton, pairs.clip),
    )


def bone_report(poses: FloatArray, skeleton: Skeleton, clip: Sequence[int] | NDArray[np.int64]) -> BoneReport:
    """Consistency of bone lengths.

    Args:
        poses: (N, J, 3) millimeters.
        skeleton: layout of the J joints.
        clip: (N,) number of the clip of each frame; within a clip a bone should keep its length.
    """
    parents, children = np.array(skeleton.bones).T
    lengths = np.linalg.norm(poses[:, children].astype(np.float64) - poses[:, parents], axis=-1)
    clips = np.asarray(clip)
    parts = [lengths[clips == number] for number in np.unique(clips)]
    variation = np.array([part.std(axis=0) for part in parts])
    means = np.array([part.mean(axis=0) for part in parts])
    order = {int(child): bone for bone, child in enumerate(children)}
    sides = [(order[left], order[right]) for left, right in skeleton.pairs]
    left, right = (lengths[:, list(side)] for side in zip(*sides, strict=True))
    return BoneReport(
        variation=float(variation.mean()),
        variation_share=float((variation / means).mean()),
        asymmetry=float(np.abs(left - right).mean()),
        asymmetry_share=float((np.abs(left - right) / ((left + right) / 2)).mean()),
    )


def _velocity_errors(predicted: FloatArray, pairs: PosePairs) -> Floats:
    """(N,) error of the movement to each frame from the one before; NaN for the first of a clip."""
    errors = np.full(len(predicted), np.nan)
    within = np.flatnonzero(np.diff(pairs.clip) == 0) + 1
    if within.size:
        moved, truly = (
            predicted[within] - predicted[within - 1],
            pairs.poses[within] - pairs.poses[within - 1],
        )
        errors[within] = joint_errors(moved, truly).mean(axis=1)
    return errors


def _scores(by_frame: dict[str, Floats], chosen: NDArray[np.bool_]) -> Scores:
    known = {name: values[chosen & ~np.isnan(values)] for name, values in by_frame.items()}
    means = {name: float(values.mean()) if values.size else float("nan") for name, values in known.items()}
    return Scores(frames=int(chosen.sum()), **means)


def _rooted(poses: FloatArray, root: int) -> FloatArray:
    return poses - poses[..., [root], :]


def _scaled(predicted: FloatArray, truth: FloatArray) -> Floats:
    """Each frame times the number that brings it closest to its truth."""
    a, b = predicted.astype(np.float64), truth.astype(np.float64)
    size = (a * a).sum(axis=(-1, -2), keepdims=True)
    agreement = (a * b).sum(axis=(-1, -2), keepdims=True)
    return np.asarray(a * np.divide(agreement, size, where=size > 0, out=np.ones_like(size)))


def _check(predicted: FloatArray, truth: FloatArray) -> None:
    if predicted.shape != truth.shape or predicted.shape[-1:] != (3,) or predicted.ndim < 2:
        raise ValueError(
            f"the prediction has shape {predicted.shape} and the truth {truth.shape}; "
            "twice (N, J, 3) is needed"
        )
    if len(predicted) == 0:
        raise ValueError("the clip is empty; at least 1 frame is needed")
    for name, poses in (("prediction", predicted), ("truth", truth)):
        if not np.isfinite(poses).all():
            frame = int(np.argwhere(~np.isfinite(poses))[0][0])
            raise ValueError(f"the {name} is not finite in frame {frame}; fill or leave out what is missing")
