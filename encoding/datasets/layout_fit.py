"""Whether joints stand in the order of a layout: bones keep their length, and left is as long as right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoding.posture import sampled
from lifting.skeleton import SKELETONS, Skeleton

__all__ = ["Fit", "better_layout", "fit", "uneven_bone"]

Array = NDArray[np.float64]

# Clips that are looked at; more would say the same.
CLIPS_SEEN = 200
# A layout is called better where its misfit is less than half, and the other's is none that people have.
BETTER, MUCH = 0.5, 0.15
# A bone is uneven where one side is this many times as long as the other.
UNEVEN = 1.5


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How well clips fit a layout; smaller is better.

    Attributes:
        spread: mean over bones of the standard deviation of the length within a clip, as a share of it.
        asymmetry: mean over left and right bones of how much longer one is, as a share.
    """

    spread: float
    asymmetry: float

    @property
    def misfit(self) -> float:
        """Both together."""
        return self.spread + self.asymmetry


def fit(clips: Sequence[NDArray[np.floating]], skeleton: Skeleton) -> Fit:
    """Measure clips (T, J, 3) or (T, 2, J, 3) on a layout of J joints; any unit."""
    medians, spreads = _bones(clips, skeleton)
    ratios = _side_ratios(medians, skeleton)
    return Fit(
        spread=float(np.mean(np.minimum(spreads, 1))) if spreads.size else 0.0,
        asymmetry=float(np.mean(np.minimum(list(ratios.values()), 3) - 1)) if ratios else 0.0,
    )


def better_layout(
    clips: Sequence[NDArray[np.floating]], skeleton: Skeleton, layouts: Mapping[str, Skeleton] = SKELETONS
) -> tuple[Skeleton, Fit, Fit] | None:
    """The known layout of as many joints that clips fit clearly better than their own, with both fits."""
    own = fit(clips, skeleton)
    others = [
        (fit(clips, other), other)
        for other in layouts.values()
        if other.num_joints == skeleton.num_joints and other.joints != skeleton.joints
    ]
    if not others or own.misfit < MUCH:
        return None
    found, best = min(others, key=lambda pair: pair[0].misfit)
    return (best, found, own) if found.misfit < BETTER * own.misfit else None


def uneven_bone(clips: Sequence[NDArray[np.floating]], skeleton: Skeleton) -> tuple[str, float, float] | None:
    """The bone whose sides differ most, with the lengths of left and right; None where all are about even."""
    medians, _ = _bones(clips, skeleton)
    ratios = _side_ratios(medians, skeleton)
    if not ratios:
        return None
    left = max(ratios, key=lambda joint: ratios[joint])
    if ratios[left] < UNEVEN:
        return None
    place = {joint: number for number, (_, joint) in enumerate(skeleton.bones)}
    right = dict(skeleton.pairs)[left]
    name = skeleton.joints[left].removeprefix("left_")
    return name, float(medians[place[left]]), float(medians[place[right]])


def _bones(clips: Sequence[NDArray[np.floating]], skeleton: Skeleton) -> tuple[Array, Array]:
    """Of every bone the median length over the clips, and the median of its spread within a clip."""
    parents, children = np.array(skeleton.bones, np.intp).reshape(-1, 2).T
    chosen = np.linspace(0, len(clips) - 1, min(len(clips), CLIPS_SEEN)).astype(np.intp)
    middles, spreads = [], []
    for number in chosen:
        frames = sampled(clips[number])
        lengths = np.linalg.norm(frames[:, children] - frames[:, parents], axis=-1)
        lengths = lengths[np.isfinite(lengths).all(axis=1)]
        if len(lengths) > 1:
            mean = lengths.mean(axis=0)
            middles.append(np.median(lengths, axis=0))
            spreads.append(np.divide(lengths.std(axis=0), mean, out=np.zeros_like(mean), where=mean > 0))
    if not middles:
        return np.zeros(0), np.zeros(0)
    return np.median(middles, axis=0), np.median(spreads, axis=0)


def _side_ratios(medians: Array, skeleton: Skeleton) -> dict[int, float]:
    """By left joint: how many times as long the longer one of the bone above it and the right one is."""
    place = {joint: number for number, (_, joint) in enumerate(skeleton.bones)}
    ratios = {}
    for left, right in skeleton.pairs if len(medians) else ():
        if left in place and right in place:
            short, long = sorted((float(medians[place[left]]), float(medians[place[right]])))
            if long > 0:
                ratios[left] = long / short if short > 0 else np.inf
    return ratios
