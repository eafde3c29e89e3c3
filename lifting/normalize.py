"""Keypoints to what the network reads, and what it writes to joints; statistics come from the training part.

A missing keypoint (NaN, or confidence 0) never becomes a coordinate: it stands at the mean of the training
part, 0 after normalization, and on request a further input says which keypoints were seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from lifting.presets import LifterPreset, preset
from lifting.skeleton import Skeleton, get_skeleton

__all__ = ["FloatArray", "KeypointNormalizer", "NormalizationConfig", "PoseNormalizer"]

FloatArray = NDArray[np.float32]

# Below this spread (pixels, box sides, millimeters) a coordinate is constant; it centered, not blown up.
_SMALLEST_SPREAD = 1e-4


class NormalizationConfig(BaseModel):
    """How keypoints are normalized before the network."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["z", "root", "root_place"] = Field(
        default="z",
        description="z: pixels, standardized for each coordinate (a fixed set of cameras); root: minus the "
        "root keypoint, over the size of the person, then standardized (any camera); root_place: the same, "
        "with the root's pixels and the person's size as further inputs (a fixed set of cameras)",
    )
    size: Literal["box", "spread"] = Field(
        default="box",
        description="size of the person for the kinds with a root: longer side of the box around the "
        "keypoints seen, or their root-mean-square distance from the root",
    )
    inputs: Literal["xy", "xy_seen", "xy_confidence"] = Field(
        default="xy", description="numbers of a keypoint: x and y; and whether it was seen; or its confidence"
    )
    min_keypoints: int = Field(
        default=4, ge=2, description="a frame with fewer keypoints seen is not lifted but filled"
    )

    @property
    def tells_place(self) -> bool:
        """Whether where the person is, and how large, are inputs beside the keypoints from the root."""
        return self.kind == "root_place"

    @classmethod
    def preset(cls, name: LifterPreset, **changes: Any) -> Self:
        """One of the presets (see `lifting.presets.preset`), with some fields changed.

        Raises:
            ValueError: no such preset, or a change that is not allowed.
        """
        return cls.model_validate({**preset(name, "normalization"), **changes})


@dataclass(frozen=True, eq=False, kw_only=True)
class KeypointNormalizer:
    """2D keypoints of single frames as rows of numbers.

    Attributes:
        config: the kind of normalization.
        skeleton: layout of the J keypoints.
        mean: float32 (J, 2) of the training part.
        spread: float32 (J, 2), standard deviation of the training part.
        place_mean: float32 (3,), of the root's pixels and the logarithm of the person's size in pixels, over
            the training part; zeros unless the kind is root_place.
        place_spread: float32 (3,), their standard deviation; ones unless it is.
    """

    config: NormalizationConfig
    skeleton: Skeleton
    mean: FloatArray
    spread: FloatArray
    place_mean: FloatArray = field(default_factory=lambda: np.zeros(3, np.float32))
    place_spread: FloatArray = field(default_factory=lambda: np.ones(3, np.float32))

    @classmethod
    def fit(
        cls, config: NormalizationConfig, skeleton: Skeleton, xy: FloatArray, confidence: FloatArray
    ) -> Self:
        """Statistics of a training part.

        Args:
            config: the kind of normalization.
            skeleton: layout of the J keypoints.
            xy: (N, J, 2) pixels, NaN where missing.
            confidence: (N, J), 0 where missing.

        Raises:
            ValueError: the layout does not fit, no frame can be used, or a keypoint is never seen.
        """
        zero, one = (
            np.zeros((skeleton.num_joints, 2), np.float32),
            np.ones((skeleton.num_joints, 2), np.float32),
        )
        raw = cls(config=config, skeleton=skeleton, mean=zero, spread=one)
        usable = raw.usable(xy, confidence)
        if not usable.any():
            raise ValueError(f"none of {len(xy)} frames can be normalized: {raw.reason(xy, confidence, 0)}")
        placed = raw._placed(xy[usable], confidence[usable]).astype(np.float64)
        seen = ~np.isnan(placed[..., 0])
        never = np.flatnonzero(~seen.any(axis=0))
        if never.size:
            raise ValueError(
                f"keypoint {skeleton.joints[never[0]]!r} of {skeleton.name!r} is missing in every training "
                "frame; a layout without it, or frames that show it, are needed"
            )
        fitted = cls(
            config=config,
            skeleton=skeleton,
            mean=np.nanmean(placed, axis=0).astype(np.float32),
            spread=_spread(np.nanstd(placed, axis=0)),
        )
        if not config.tells_place:
            return fitted
        place = raw._place(xy[usable], confidence[usable]).astype(np.float64)
        return replace(
            fitted,
            place_mean=place.mean(axis=0).astype(np.float32),
            place_spread=_spread(place.std(axis=0)),
        )

    @property
    def inputs_by_keypoint(self) -> tuple[int, ...]:
        """Which keypoint each number that describes a frame is of; -1 where it is of all of them."""
        J = range(self.skeleton.num_joints)
        further = () if self.config.inputs == "xy" else J
        place = (-1, -1, -1) if self.config.tells_place else ()
        return (*(joint for joint in J for _ in "xy"), *further, *place)

    @property
    def num_features(self) -> int:
        """How many numbers describe one frame."""
        return len(self.inputs_by_keypoint)

    def usable(self, xy: FloatArray, confidence: FloatArray) -> NDArray[np.bool_]:
        """Which frames can be lifted: enough keypoints seen, and the root unless the kind is z.

        Args:
            xy: (N, J, 2) pixels, NaN where missing.
            confidence: (N, J), 0 where missing.

        Returns:
            bool (N,).

        Raises:
            ValueError: the arrays do not fit the layout.
        """
        self._check(xy, confidence)
        seen = _seen(xy, confidence)
        enough: NDArray[np.bool_] = seen.sum(axis=1) >= self.config.min_keypoints
        if self.config.kind == "z":
            return enough
        rooted = enough & seen[:, self.skeleton.root]
        rooted[rooted] &= self._size(np.where(seen[..., None], xy, np.nan)[rooted]) > _SMALLEST_SPREAD
        return rooted

    def reason(self, xy: FloatArray, confidence: FloatArray, frame: int) -> str:
        """Why a frame that is not `usable` is not, as part of a sentence."""
        seen = _seen(xy[frame], confidence[frame])
        if seen.sum() < self.config.min_keypoints:
            return (
                f"frame {frame} shows {int(seen.sum())} keypoints and {self.config.min_keypoints} are needed"
            )
        if not seen[self.skeleton.root]:
            root = self.skeleton.joints[self.skeleton.root]
            return f"frame {frame} lacks the root keypoint {root!r}, from which root normalization counts"
        return f"in frame {frame} all keypoints lie on one point"

    def features(self, xy: FloatArray, confidence: FloatArray) -> FloatArray:
        """What the network reads.

        Args:
            xy: (N, J, 2) pixels, NaN where missing.
            confidence: (N, J), 0 where missing.

        Returns:
            float32 (N, num_features): x and y of every keypoint, then the further inputs of each, then the
            place (see `inputs_by_keypoint`).

        Raises:
            ValueError: the arrays do not fit the layout, or a frame is not `usable`.
        """
        unusable = np.flatnonzero(~self.usable(xy, confidence))
        if unusable.size:
            raise ValueError(
                f"{unusable.size} of {len(xy)} frames cannot be lifted: "
                f"{self.reason(xy, confidence, int(unusable[0]))}"
            )
        standard = (self._placed(xy, confidence) - self.mean) / self.spread
        missing = np.isnan(standard[..., 0])
        standard[missing] = 0
        parts = [standard.reshape(len(xy), -1)]
        if self.config.inputs == "xy_seen":
            parts.append((~missing).astype(np.float32))
        elif self.config.inputs == "xy_confidence":
            parts.append(np.where(missing, 0, np.minimum(confidence, 1)).astype(np.float32))
        if self.config.tells_place:
            parts.append((self._place(xy, confidence) - self.place_mean) / self.place_spread)
        return np.concatenate(parts, axis=1).astype(np.float32, copy=False)

    def _placed(self, xy: FloatArray, confidence: FloatArray) -> FloatArray:
        """Pixels (kind z), or person sizes from the root; NaN where missing."""
        placed = np.where(_seen(xy, confidence)[..., None], xy, np.float32(np.nan))
        if self.config.kind == "z":
            return placed
        from_root = placed - placed[:, [self.skeleton.root]]
        return (from_root / self._size(placed)[:, None, None]).astype(np.float32, copy=False)

    def _place(self, xy: FloatArray, confidence: FloatArray) -> FloatArray:
        """(N, 3): the root's pixels, and the logarithm of the person's size in pixels."""
        seen = np.where(_seen(xy, confidence)[..., None], xy, np.float32(np.nan))
        place = np.concatenate([xy[:, self.skeleton.root], np.log(self._size(seen))[:, None]], axis=1)
        return place.astype(np.float32, copy=False)

    def _size(self, placed: FloatArray) -> FloatArray:
        """(N,) pixels."""
        if self.config.size == "box":
            return (np.nanmax(placed, axis=1) - np.nanmin(placed, axis=1)).max(axis=1)  # type: ignore[no-any-return]
        away = ((placed - placed[:, [self.skeleton.root]]) ** 2).sum(axis=2)
        return np.sqrt(np.nanmean(away, axis=1))  # type: ignore[no-any-return]

    def _check(self, xy: FloatArray, confidence: FloatArray) -> None:
        J = self.skeleton.num_joints
        if xy.ndim != 3 or xy.shape[1:] != (J, 2):
            came = f"{xy.shape[1]} keypoints a frame" if xy.ndim == 3 else f"shape {xy.shape}"
            raise ValueError(f"the keypoints have {came}; skeleton {self.skeleton.name!r} needs (N, {J}, 2)")
        if confidence.shape != xy.shape[:2]:
            raise ValueError(f"confidence has shape {confidence.shape}; the keypoints need {xy.shape[:2]}")

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        place = {"place_mean": self.place_mean.tolist(), "place_spread": self.place_spread.tolist()}
        return {
            "config": self.config.model_dump(mode="json"),
            "skeleton": self.skeleton.name,
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
            **(place if self.config.tells_place else {}),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """From `to_dict`.

        Raises:
            ValueError: the statistics are not of the layout's size.
        """
        skeleton = get_skeleton(content["skeleton"])
        config = NormalizationConfig.model_validate(content["config"])
        shape = (skeleton.num_joints, 2)
        place = {
            name: _array(content.get(name), (3,), f"{name.removeprefix('place_')} of the place")
            for name in ("place_mean", "place_spread")
            if config.tells_place
        }
        return cls(
            config=config,
            skeleton=skeleton,
            mean=_array(content["mean"], shape, "mean of the keypoints"),
            spread=_array(content["spread"], shape, "spread of the keypoints"),
            **place,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class PoseNormalizer:
    """Root-relative poses of single frames as rows of numbers; the root itself is always 0 and left out.

    Attributes:
        skeleton: layout of the J joints.
        mean: float32 (J - 1, 3), millimeters, of the training part.
        spread: float32 (J - 1, 3), standard deviation of the training part.
    """

    skeleton: Skeleton
    mean: FloatArray
    spread: FloatArray

    @classmethod
    def fit(cls, skeleton: Skeleton, poses: FloatArray) -> Self:
        """Statistics of a training part.

        Args:
            skeleton: layout of the J joints.
            poses: (N, J, 3) millimeters, root-relative.

        Raises:
            ValueError: the shape does not fit, or a number is not finite.
        """
        _check_poses(skeleton, poses)
        joints = _without_root(skeleton, poses).astype(np.float64)
        return cls(
            skeleton=skeleton,
            mean=joints.mean(axis=0).astype(np.float32),
            spread=_spread(joints.std(axis=0)),
        )

    @property
    def num_targets(self) -> int:
        """How many numbers describe one pose."""
        return 3 * (self.skeleton.num_joints - 1)

    def targets(self, poses: FloatArray) -> FloatArray:
        """(N, J, 3) millimeters, root-relative, as what the network is to write: float32 (N, num_targets)."""
        _check_poses(self.skeleton, poses)
        standard = (_without_root(self.skeleton, poses) - self.mean) / self.spread
        return standard.reshape(len(poses), -1).astype(np.float32, copy=False)

    def poses(self, outputs: FloatArray) -> FloatArray:
        """What the network wrote, (N, num_targets), as float32 (N, J, 3) millimeters, root-relative."""
        joints = outputs.reshape(len(outputs), -1, 3) * self.spread + self.mean
        return np.insert(joints, self.skeleton.root, 0, axis=1).astype(np.float32, copy=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"skeleton": self.skeleton.name, "mean": self.mean.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """From `to_dict`.

        Raises:
            ValueError: the statistics are not of the layout's size.
        """
        skeleton = get_skeleton(content["skeleton"])
        shape = (skeleton.num_joints - 1, 3)
        return cls(
            skeleton=skeleton,
            mean=_array(content["mean"], shape, "mean of the joints"),
            spread=_array(content["spread"], shape, "spread of the joints"),
        )


def _seen(xy: FloatArray, confidence: FloatArray) -> NDArray[np.bool_]:
    return (confidence > 0) & np.isfinite(xy).all(axis=-1)


def _spread(deviation: NDArray[np.float64]) -> FloatArray:
    return np.where(deviation > _SMALLEST_SPREAD, deviation, 1).astype(np.float32)


def _without_root(skeleton: Skeleton, poses: FloatArray) -> FloatArray:
    return np.delete(poses, skeleton.root, axis=1)


def _check_poses(skeleton: Skeleton, poses: FloatArray) -> None:
    J = skeleton.num_joints
    if poses.ndim != 3 or poses.shape[1:] != (J, 3):
        came = f"{poses.shape[1]} joints a frame" if poses.ndim == 3 else f"shape {poses.shape}"
        raise ValueError(f"the poses have {came}; skeleton {skeleton.name!r} needs (N, {J}, 3)")
    if len(poses) == 0:
        raise ValueError("there is no pose; at least 1 frame is needed")
    if not np.isfinite(poses).all():
        frame, joint, _ = (int(i) for i in np.argwhere(~np.isfinite(poses))[0])
        raise ValueError(
            f"joint {skeleton.joints[joint]!r} of frame {frame} is {poses[frame, joint].tolist()}; every "
            "joint of a training pose must be finite millimeters: leave out frames with missing joints"
        )


def _array(values: Any, shape: tuple[int, ...], name: str) -> FloatArray:
    array = np.asarray(values, np.float32)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"the {name} has shape {array.shape}; finite numbers of shape {shape} are needed")
    return array
