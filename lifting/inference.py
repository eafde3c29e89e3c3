"""From 2D keypoints to 3D poses with two trained streams, for whole clips and frame by frame.

Stream "gt" has learned from true keypoints, stream "detected" from those of a detector. Each writes a pose in
millimeters, and the two are averaged there: their normalized outputs would not be comparable.

Source: Pham et al. 2019, section 3.1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lifting.gaps import Frame2D, GapConfig, GapFiller
from lifting.mapping import joint_means, map_confidence, map_joints
from lifting.mending import PoseMender, agreed, typical_bones
from lifting.normalize import FloatArray, KeypointNormalizer, PoseNormalizer
from lifting.one_euro import OneEuroConfig, OneEuroFilter
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import Skeleton

__all__ = [
    "INFERENCE_MODES",
    "FrameLifter",
    "InferenceMode",
    "LiftedFrame",
    "StreamLifter",
    "StreamSelection",
    "TwoStream",
]

Predict = Callable[[FloatArray], FloatArray]
"""Features (N, F) to outputs (N, targets): a torch network or an ONNX session."""

StreamSelection = Literal["both", "gt", "detected"]
"""Which streams answer: their mean, or one of them."""


class InferenceMode(NamedTuple):
    """One mode of inference: which keypoints each stream is given; None: the stream is not asked."""

    gt: Literal["true", "detected"] | None
    detected: Literal["true", "detected"] | None


INFERENCE_MODES: Mapping[str, InferenceMode] = {
    "gt + detected": InferenceMode("true", "detected"),
    "detected + detected": InferenceMode("detected", "detected"),
    "detected stream alone": InferenceMode(None, "detected"),
    "gt + gt": InferenceMode("true", "true"),
}
"""The four modes to report; the first needs true keypoints and is the paper's, the second is deployed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class StreamLifter:
    """One trained stream.

    Attributes:
        keypoints: how its keypoints are normalized.
        joints: how its outputs become millimeters.
        predict: its network.
    """

    keypoints: KeypointNormalizer
    joints: PoseNormalizer
    predict: Predict

    @cached_property
    def typical_bones(self) -> FloatArray:
        """(bones,) millimeters: how long the bones are that the network writes."""
        return typical_bones(self.predict, self.keypoints.num_features, self.joints)

    def lift(self, xy: FloatArray, confidence: FloatArray) -> FloatArray:
        """Poses of single frames.

        Args:
            xy: (N, J, 2) pixels, NaN where missing.
            confidence: (N, J), 0 where missing.

        Returns:
            (N, K, 3) millimeters, root-relative; NaN for a frame that shows too little to be lifted.

        Raises:
            ValueError: the keypoints have another number of joints.
        """
        usable = self.keypoints.usable(xy, confidence)
        poses = np.full((len(xy), self.joints.skeleton.num_joints, 3), np.nan, np.float32)
        if usable.any():
            poses[usable] = self.joints.poses(
                self.predict(self.keypoints.features(xy[usable], confidence[usable]))
            )
        return poses


@dataclass(frozen=True, eq=False, kw_only=True)
class TwoStream:
    """Both streams.

    Attributes:
        gt: learned from true keypoints.
        detected: learned from a detector's.

    Raises:
        ValueError: they write poses of different layouts.
    """

    gt: StreamLifter
    detected: StreamLifter

    def __post_init__(self) -> None:
        first, second = self.gt.joints.skeleton.name, self.detected.joints.skeleton.name
        if first != second:
            raise ValueError(
                f"stream gt writes {first!r} and stream detected {second!r}; one layout is needed to average"
            )

    @property
    def skeleton(self) -> Skeleton:
        """Layout of the poses."""
        return self.detected.joints.skeleton

    def lift_frames(
        self, xy: FloatArray, confidence: FloatArray, skeleton: Skeleton, use: StreamSelection = "both"
    ) -> FloatArray:
        """Poses of single frames, gaps left as they are.

        Args:
            xy: (N, J, 2) pixels, NaN where missing.
            confidence: (N, J), 0 where missing.
            skeleton: layout of the keypoints; mapped to the one that a stream has learned.
            use: which streams answer.

        Returns:
            (N, K, 3) millimeters, root-relative; NaN where a frame cannot be lifted.

        Raises:
            ValueError: the keypoints do not fit the layout, or there is no mapping from it.
        """
        return _mean(self._lift_streams(xy, confidence, skeleton, use))

    def lift_agreed(
        self, xy: FloatArray, confidence: FloatArray, skeleton: Skeleton, use: StreamSelection = "both"
    ) -> tuple[FloatArray, NDArray[np.bool_]]:
        """As `lift_frames`, but where the streams do not agree the plausible one answers alone.

        Returns:
            The poses, and for which frames (N,) one stream was left out; see `lifting.mending`.
        """
        poses = self._lift_streams(xy, confidence, skeleton, use)
        if len(poses) == 1:
            return poses[0], np.zeros(len(xy), bool)
        return agreed(poses[0], poses[1], (self.gt.joints, self.detected.joints))

    def mender(self, use: StreamSelection = "both") -> PoseMender:
        """A new mender of one person's poses, which knows how long bones are that these streams write."""
        stream = self.gt if use == "gt" else self.detected
        return PoseMender(self.skeleton, stream.typical_bones)

    def _lift_streams(
        self, xy: FloatArray, confidence: FloatArray, skeleton: Skeleton, use: StreamSelection
    ) -> list[FloatArray]:
        streams = {"gt": (self.gt,), "detected": (self.detected,), "both": (self.gt, self.detected)}[use]
        layouts = {stream.keypoints.skeleton for stream in streams}
        mapped = {layout: _mapped(xy, confidence, skeleton, layout) for layout in layouts}
        return [stream.lift(*mapped[stream.keypoints.skeleton]) for stream in streams]

    def lift_in_mode(
        self,
        mode: InferenceMode,
        true_xy: FloatArray,
        xy: FloatArray,
        confidence: FloatArray,
        skeleton: Skeleton,
    ) -> FloatArray:
        """Poses in one of the `INFERENCE_MODES`; arguments as `lift_frames`, with the true keypoints beside.

        Raises:
            ValueError: as `lift_frames`.
        """
        given = {"true": (true_xy, np.ones_like(confidence)), "detected": (xy, confidence)}
        streams = ((self.gt, mode.gt), (self.detected, mode.detected))
        return _mean(
            [
                stream.lift(*_mapped(*given[which], skeleton, stream.keypoints.skeleton))
                for stream, which in streams
                if which
            ]
        )

    def lift(
        self,
        keypoints: Keypoints2D,
        *,
        use: StreamSelection = "both",
        gaps: GapConfig | None = None,
        smoothing: OneEuroConfig | None = None,
        mend: bool = True,
    ) -> PoseSequence3D:
        """A whole clip: gaps are filled, frames lifted, wild poses mended, poses smoothed if asked for.

        Args:
            keypoints: of one person.
            use: which streams answer.
            gaps: how gaps are filled.
            smoothing: how poses are smoothed; None: not at all.
            mend: whether wild poses are mended (`lifting.mending`).

        Raises:
            ValueError: there is no mapping from the keypoints' layout.
        """
        filler = GapFiller(keypoints.skeleton.num_joints, gaps or GapConfig())
        frames: list[Frame2D] = []
        for xy, confidence in zip(keypoints.xy, keypoints.confidence, strict=True):
            frames += filler.push(xy, confidence)
        frames += filler.finish()
        xy, confidence = (np.stack(part) for part in zip(*(frame[:2] for frame in frames), strict=True))
        if mend:
            mender = self.mender(use)
            plausible, _ = self.lift_agreed(xy, confidence, keypoints.skeleton, use)
            poses = np.stack([mender(pose)[0] for pose in plausible])
        else:
            poses = self.lift_frames(xy, confidence, keypoints.skeleton, use)
        if smoothing is not None:
            smooth = OneEuroFilter(smoothing, keypoints.fps)
            poses = np.stack([smooth(pose) for pose in poses])
        return PoseSequence3D(xyz=poses, fps=keypoints.fps, skeleton=self.skeleton)


class LiftedFrame(NamedTuple):
    """One frame, lifted."""

    number: int
    """Number of the frame in the clip, from 0."""
    keypoints: Frame2D
    """As they were given to the network."""
    pose: FloatArray
    """(K, 3) millimeters, root-relative; NaN where nothing is known of the person."""
    mended: bool = False
    """Whether the pose was wild and was mended."""


class FrameLifter:
    """Lifts one person frame by frame; memory does not grow with the length of the clip.

    Args:
        lifter: the trained streams.
        skeleton: layout of the keypoints that will come.
        fps: frames per second, for smoothing.
        use: which streams answer.
        gaps: how gaps are filled; its look-ahead is the delay.
        smoothing: how poses are smoothed; None: not at all.
        mend: whether wild poses are mended (`lifting.mending`).

    Raises:
        ValueError: there is no mapping from the layout.
    """

    def __init__(
        self,
        lifter: TwoStream,
        skeleton: Skeleton,
        fps: float,
        *,
        use: StreamSelection = "both",
        gaps: GapConfig | None = None,
        smoothing: OneEuroConfig | None = None,
        mend: bool = True,
    ) -> None:
        self._lifter, self._skeleton, self._use = lifter, skeleton, use
        self._filler = GapFiller(skeleton.num_joints, gaps or GapConfig())
        self._smooth = OneEuroFilter(smoothing, fps) if smoothing else None
        self._mender = lifter.mender(use) if mend else None
        self._number = 0
        for stream in (lifter.gt, lifter.detected):
            joint_means(skeleton, stream.keypoints.skeleton)  # says so now where there is no mapping

    @property
    def held(self) -> int:
        """How many frames wait for their successors."""
        return self._filler.held

    def push(self, xy: FloatArray | None, confidence: FloatArray | None = None) -> list[LiftedFrame]:
        """Take the next frame; give back the one that need not wait any longer, if there is one.

        Args:
            xy: (J, 2) pixels, NaN where missing; None for a frame without the person.
            confidence: (J,), 0 where missing; None: what is not NaN was seen.

        Raises:
            ValueError: the frame has another number of keypoints.
        """
        return [self._lift(frame) for frame in self._filler.push(xy, confidence)]

    def finish(self) -> list[LiftedFrame]:
        """The frames that still wait, at the end of the clip."""
        return [self._lift(frame) for frame in self._filler.finish()]

    def _lift(self, frame: Frame2D) -> LiftedFrame:
        one = frame.xy[None], frame.confidence[None]
        if self._mender is None:
            pose, mended = self._lifter.lift_frames(*one, self._skeleton, self._use)[0], False
        else:
            poses, left_out = self._lifter.lift_agreed(*one, self._skeleton, self._use)
            pose, wild = self._mender(poses[0])
            mended = wild or bool(left_out[0])
        if self._smooth is not None:
            pose = self._smooth(pose)
        self._number += 1
        return LiftedFrame(self._number - 1, frame, pose, mended)


def _mapped(
    xy: FloatArray, confidence: FloatArray, skeleton: Skeleton, target: Skeleton
) -> tuple[FloatArray, FloatArray]:
    """The keypoints in another layout; missing ones are NaN before they enter a mean."""
    if target == skeleton:
        return xy, confidence
    seen = np.where((confidence > 0)[..., None], xy, np.float32(np.nan))
    return map_joints(seen, skeleton, target), map_confidence(confidence, skeleton, target)


def _mean(poses: list[FloatArray]) -> FloatArray:
    """Mean of the streams' answers; where one has none, the other's."""
    if len(poses) == 1:
        return poses[0]
    known = [np.isfinite(pose) for pose in poses]
    count: NDArray[np.float32] = np.sum(known, axis=0).astype(np.float32)
    total = np.sum([np.where(k, pose, 0) for k, pose in zip(known, poses, strict=True)], axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
