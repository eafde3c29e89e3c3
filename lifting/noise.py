"""What a 2D detector does to true keypoints: jitter, outliers, missed joints, left taken for right.

Every effect follows a random process that remembers itself over `memory_frames`: errors drift instead of
flickering, and a joint that is missed stays missed for a while, as it does in video.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from lifting.skeleton import Skeleton

Floats = NDArray[np.float64]

# Detectors place the ends of limbs worst, the head and the trunk best.
_FAR = ("wrist", "hand", "ankle", "foot", "toe", "heel", "index", "pinky", "thumb")
_MIDDLE = ("elbow", "knee")
_FAR_SCALE, _MIDDLE_SCALE = 1.5, 1.2
# A joint that was put elsewhere is reported with a confidence from this range.
_OUTLIER_CONFIDENCE = (0.05, 0.5)


class DetectorNoise(BaseModel):
    """How bad the detector is. The defaults lie at the mild end of what is reported of detectors."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    jitter: float = Field(
        default=0.015,
        ge=0,
        description="Standard deviation of a trunk joint, as a share of the person's height in the image.",
    )
    outliers: float = Field(
        default=0.02, ge=0, lt=1, description="Share of joints put anywhere in the person's box."
    )
    missed: float = Field(default=0.05, ge=0, lt=1, description="Share of joints not seen.")
    swapped: float = Field(
        default=0.02, ge=0, lt=0.5, description="Share of limb pairs whose left and right are exchanged."
    )
    memory_frames: float = Field(default=4.0, ge=0, description="Time constant of every effect; 0: none.")


@dataclass(frozen=True, eq=False, kw_only=True)
class Detection:
    """What the detector reports of T frames.

    Attributes:
        xy: float32 (T, J, 2), pixels; NaN where missed.
        confidence: float32 (T, J) in [0, 1]; 0 where missed.
    """

    xy: NDArray[np.float32]
    confidence: NDArray[np.float32]


def detect(
    true_xy: NDArray[np.floating[Any]], skeleton: Skeleton, noise: DetectorNoise, rng: np.random.Generator
) -> Detection:
    """The detector's view of one clip.

    Args:
        true_xy: (T, J, 2), pixels; NaN where there is nothing to see.
        skeleton: names and pairs of the J joints.
        noise: how bad the detector is.
        rng: all draws come from it.

    Raises:
        ValueError: the shape does not fit the skeleton.

    The confidence falls with the error as exp(-error^2 / (2 (3 sigma)^2)), sigma being that joint's jitter.
    """
    exact = true_xy.astype(np.float64)
    if exact.ndim != 3 or exact.shape[1:] != (skeleton.num_joints, 2):
        raise ValueError(f"keypoints have shape {exact.shape}; (T, {skeleton.num_joints}, 2) is needed")
    low, high, height = _boxes(exact)
    sigma = noise.jitter * height[:, None] * _joint_scales(skeleton)
    jitter = _drift(rng, exact.shape, noise.memory_frames) * sigma[..., None]
    xy = exact + jitter
    confidence = np.exp(-(jitter**2).sum(axis=-1) / (2 * (3 * np.maximum(sigma, 1e-9)) ** 2))
    outlier = _episodes(rng, confidence.shape, noise.outliers, noise.memory_frames)
    place = low[:, None] + (high - low)[:, None] * rng.random(exact.shape)
    xy = np.where(outlier[..., None], place, xy)
    confidence = np.where(outlier, rng.uniform(*_OUTLIER_CONFIDENCE, confidence.shape), confidence)
    order = _swapped_order(rng, len(exact), skeleton, noise)
    xy = np.take_along_axis(xy, order[..., None], axis=1)
    confidence = np.take_along_axis(confidence, order, axis=1)
    missed = _episodes(rng, confidence.shape, noise.missed, noise.memory_frames) | np.isnan(xy).any(axis=-1)
    return Detection(
        xy=np.where(missed[..., None], np.nan, xy).astype(np.float32),
        confidence=np.where(missed, 0.0, confidence).astype(np.float32),
    )


def _boxes(xy: Floats) -> tuple[Floats, Floats, Floats]:
    """Lower and upper corner (T, 2) and height (T,) of the person; zeros where nothing is seen."""
    low = np.nan_to_num(np.min(np.where(np.isnan(xy), np.inf, xy), axis=1), posinf=0.0)
    high = np.nan_to_num(np.max(np.where(np.isnan(xy), -np.inf, xy), axis=1), neginf=0.0)
    return low, high, np.max(high - low, axis=1)


def _joint_scales(skeleton: Skeleton) -> Floats:
    """(J,), how much worse than a trunk joint each joint is placed."""

    def scale(joint: str) -> float:
        if any(word in joint for word in _FAR):
            return _FAR_SCALE
        return _MIDDLE_SCALE if any(word in joint for word in _MIDDLE) else 1.0

    return np.array([scale(joint) for joint in skeleton.joints])


def _drift(rng: np.random.Generator, shape: tuple[int, ...], memory: float) -> Floats:
    """A stationary first-order process of variance 1 along the first axis."""
    white = rng.standard_normal(shape)
    keep = np.exp(-1 / memory) if memory > 0 else 0.0
    white[1:] *= np.sqrt(1 - keep**2)
    from scipy.signal import lfilter  # takes half a second to import; recognition needs none of it

    return np.asarray(lfilter([1.0], [1.0, -keep], white, axis=0))


def _episodes(
    rng: np.random.Generator, shape: tuple[int, ...], share: float, memory: float
) -> NDArray[np.bool_]:
    """True for that share of the time, in episodes that last about as long as the memory."""
    from scipy.special import ndtri

    return _drift(rng, shape, memory) < ndtri(share)


def _swapped_order(
    rng: np.random.Generator, num_frames: int, skeleton: Skeleton, noise: DetectorNoise
) -> NDArray[np.intp]:
    """(T, J), the joint that is reported in each joint's place."""
    order = np.tile(np.arange(skeleton.num_joints), (num_frames, 1))
    for limb in limb_pairs(skeleton):
        swapped = _episodes(rng, (num_frames,), noise.swapped, noise.memory_frames)
        for left, right in limb:
            order[swapped, left], order[swapped, right] = right, left
    return order


def limb_pairs(skeleton: Skeleton) -> list[list[tuple[int, int]]]:
    """Pairs by limb: a detector that takes a left knee for the right one takes the ankle with it."""
    partner = dict(skeleton.pairs)
    limbs: dict[int, list[tuple[int, int]]] = {}
    for left, right in partner.items():
        top = left
        while skeleton.parents[top] in partner:
            top = skeleton.parents[top]
        limbs.setdefault(top, []).append((left, right))
    return list(limbs.values())
