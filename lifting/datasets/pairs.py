"""Pairs of 2D keypoints and 3D poses: what the lifting network learns from, whatever the source."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.poses import MAX_COORDINATE_MM
from lifting.skeleton import Skeleton

# A root-relative pose whose root lies farther off than this was not made root-relative.
_ROOT_TOLERANCE_MM = 1e-3


@dataclass(frozen=True, kw_only=True)
class PairClip:
    """Where a run of frames comes from: one recording seen by one camera.

    Attributes:
        name: of the clip, the camera's included; differs within a `PosePairs`.
        subject: who is seen.
        action: what is done; "" where it is unknown.
        camera: the camera's name.
        fps: frames per second, after any subsampling.
        image_size: (width, height), pixels.
    """

    name: str
    subject: str
    action: str
    camera: str
    fps: float
    image_size: tuple[int, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class PosePairs:
    """Frames of many clips, one after the other.

    Attributes:
        keypoints: float32 (N, J, 2), pixels, as a detector sees them; NaN where missing.
        confidence: float32 (N, J) in [0, 1]; 0 where missing.
        true_keypoints: float32 (N, J, 2), pixels, the exact projection; NaN where missing.
        poses: float32 (N, K, 3), millimeters, camera axes (x right, y down, z away), root at 0; never NaN.
        clip: int64 (N,), index into `clips`; frames of a clip are contiguous and in time order.
        clips: the recordings.
        keypoint_skeleton: of the J keypoints.
        pose_skeleton: of the K joints.

    The arrays are kept as read-only copies.

    Raises:
        ValueError: shapes do not fit, a pose is NaN or not root-relative, a keypoint is infinite, or frames
        of a
            clip do not lie together; says in which clip, at which frame and joint.
    """

    keypoints: NDArray[np.float32]
    confidence: NDArray[np.float32]
    true_keypoints: NDArray[np.float32]
    poses: NDArray[np.float32]
    clip: NDArray[np.int64]
    clips: tuple[PairClip, ...]
    keypoint_skeleton: Skeleton
    pose_skeleton: Skeleton

    def __post_init__(self) -> None:
        for name in ("keypoints", "confidence", "true_keypoints", "poses"):
            object.__setattr__(self, name, _read_only(getattr(self, name), np.float32))
        object.__setattr__(self, "clip", _read_only(self.clip, np.int64))
        _check_shapes(self)
        _check_clips(self)
        _check_poses(self)
        _check_keypoints(self)

    def __len__(self) -> int:
        """N."""
        return len(self.poses)

    @property
    def actions(self) -> tuple[str, ...]:
        """The actions of the clips, each once, in order of appearance."""
        return tuple(dict.fromkeys(clip.action for clip in self.clips))

    @property
    def subjects(self) -> tuple[str, ...]:
        """The subjects of the clips, each once, in order of appearance."""
        return tuple(dict.fromkeys(clip.subject for clip in self.clips))

    @property
    def image_sizes(self) -> NDArray[np.float32]:
        """(N, 2), width and height of the image that each frame belongs to, pixels."""
        return np.array([clip.image_size for clip in self.clips], np.float32)[self.clip]

    def frames_of(self, index: int) -> slice:
        """The frames of clip `index`."""
        start, stop = np.searchsorted(self.clip, [index, index + 1])
        return slice(int(start), int(stop))

    @staticmethod
    def join(parts: "Sequence[PosePairs]") -> "PosePairs":
        """One record with the clips of all parts, in their order.

        Raises:
            ValueError: no part is given, the parts differ in layout, or two clips have the same name.
        """
        if not parts:
            raise ValueError("there are no pairs to join; at least 1 record is needed")
        first = parts[0]
        layouts = {(part.keypoint_skeleton.name, part.pose_skeleton.name) for part in parts}
        if len(layouts) > 1:
            raise ValueError(f"pairs of different layouts cannot be joined: {sorted(layouts)}")
        before = np.cumsum([0, *(len(part.clips) for part in parts)])
        return PosePairs(
            keypoints=np.concatenate([part.keypoints for part in parts]),
            confidence=np.concatenate([part.confidence for part in parts]),
            true_keypoints=np.concatenate([part.true_keypoints for part in parts]),
            poses=np.concatenate([part.poses for part in parts]),
            clip=np.concatenate([part.clip + n for part, n in zip(parts, before, strict=False)]),
            clips=tuple(clip for part in parts for clip in part.clips),
            keypoint_skeleton=first.keypoint_skeleton,
            pose_skeleton=first.pose_skeleton,
        )

    def select(self, indices: Sequence[int]) -> "PosePairs":
        """Only the clips of these indices, in their order.

        Raises:
            ValueError: no index is given.
        """
        if not len(indices):
            raise ValueError("no clip is selected; at least 1 is needed")
        frames = [self.frames_of(index) for index in indices]
        return PosePairs(
            keypoints=np.concatenate([self.keypoints[part] for part in frames]),
            confidence=np.concatenate([self.confidence[part] for part in frames]),
            true_keypoints=np.concatenate([self.true_keypoints[part] for part in frames]),
            poses=np.concatenate([self.poses[part] for part in frames]),
            clip=np.repeat(np.arange(len(frames)), [part.stop - part.start for part in frames]),
            clips=tuple(self.clips[index] for index in indices),
            keypoint_skeleton=self.keypoint_skeleton,
            pose_skeleton=self.pose_skeleton,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class LiftingSplit:
    """Pairs to train on, to choose by, and to report at the end.

    Attributes:
        name: the data set and how it was divided, for a person.
        train: what is learned from.
        validation: what decides when to stop and which settings are best; no test subject is in it.
        test: one or more test parts by name, such as held-out clips and a held-out subject.
        notes: one sentence each on what was left out or changed.

    Raises:
        ValueError: there is no test part, the parts differ in layout, or a clip stands in two parts.
    """

    name: str
    train: PosePairs
    validation: PosePairs
    test: Mapping[str, PosePairs]
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "test", MappingProxyType(dict(self.test)))
        if not self.test:
            raise ValueError(f"{self.name}: no test part; at least 1 is needed")
        seen: dict[str, str] = {}
        for part, pairs in self.parts():
            if (pairs.keypoint_skeleton, pairs.pose_skeleton) != (
                self.train.keypoint_skeleton,
                self.train.pose_skeleton,
            ):
                raise ValueError(
                    f"{self.name}: part {part!r} has another joint layout than the training part"
                )
            for clip in pairs.clips:
                other = seen.setdefault(clip.name, part)
                if other != part:
                    raise ValueError(f"{self.name}: clip {clip.name!r} stands in {other!r} and in {part!r}")

    def parts(self) -> Iterator[tuple[str, PosePairs]]:
        """(name, pairs) of every part: train, validation, then the test parts."""
        yield "train", self.train
        yield "validation", self.validation
        yield from self.test.items()

    def describe(self) -> str:
        """Sizes of the parts and the notes, a line each."""
        lines = [self.name]
        for part, pairs in self.parts():
            subjects = ", ".join(pairs.subjects)
            lines.append(f"{part}: {len(pairs.clips)} clips, {len(pairs)} frames; subjects {subjects}")
        return "\n".join([*lines, *self.notes])


def _read_only(values: NDArray[Any], kind: type[Any]) -> NDArray[Any]:
    copy = np.array(values, dtype=kind, order="C")
    copy.setflags(write=False)
    return copy


def _check_shapes(pairs: PosePairs) -> None:
    N, J, K = len(pairs.poses), pairs.keypoint_skeleton.num_joints, pairs.pose_skeleton.num_joints
    if N == 0:
        raise ValueError("the pairs have no frame; at least 1 is needed")
    needed = {
        "keypoints": (N, J, 2),
        "confidence": (N, J),
        "true_keypoints": (N, J, 2),
        "poses": (N, K, 3),
        "clip": (N,),
    }
    for name, shape in needed.items():
        if getattr(pairs, name).shape != shape:
            raise ValueError(f"{name} has shape {getattr(pairs, name).shape}; {shape} is needed")


def _check_clips(pairs: PosePairs) -> None:
    order = np.diff(pairs.clip)
    if pairs.clip[0] != 0 or pairs.clip[-1] != len(pairs.clips) - 1 or not np.isin(order, (0, 1)).all():
        raise ValueError(
            f"clip must count from 0 to {len(pairs.clips) - 1}, the frames of each clip together and none "
            f"without"
        )
    if len({clip.name for clip in pairs.clips}) != len(pairs.clips):
        raise ValueError("two clips have the same name; names must differ")


def _check_poses(pairs: PosePairs) -> None:
    bad = np.argwhere(~np.isfinite(pairs.poses) | (np.abs(pairs.poses) > MAX_COORDINATE_MM))
    if bad.size:
        frame, joint, axis = (int(index) for index in bad[0])
        raise ValueError(
            f"{_where(pairs, frame)}: joint {pairs.pose_skeleton.joints[joint]} of the pose is "
            f"{pairs.poses[frame, joint, axis]}; a finite number of millimeters is needed: leave the "
            f"frame out"
        )
    off = np.abs(pairs.poses[:, pairs.pose_skeleton.root]).max(axis=-1)
    if off.max() > _ROOT_TOLERANCE_MM:
        frame = int(off.argmax())
        raise ValueError(
            f"{_where(pairs, frame)}: the root joint is {off[frame]:g} mm from 0; root-relative poses are "
            f"needed"
        )


def _check_keypoints(pairs: PosePairs) -> None:
    for name in ("keypoints", "true_keypoints"):
        bad = np.argwhere(np.isinf(getattr(pairs, name)))
        if bad.size:
            raise ValueError(f"{_where(pairs, int(bad[0][0]))}: {name} is infinite; pixels or NaN are needed")
    bad = np.argwhere(~((pairs.confidence >= 0) & (pairs.confidence <= 1)))
    if bad.size:
        frame, joint = (int(index) for index in bad[0])
        raise ValueError(
            f"{_where(pairs, frame)}: a confidence is {pairs.confidence[frame, joint]}; 0 to 1 is needed"
        )


def _where(pairs: PosePairs, frame: int) -> str:
    clip = int(pairs.clip[frame])
    return f"clip {pairs.clips[clip].name!r}, frame {frame - pairs.frames_of(clip).start}"
