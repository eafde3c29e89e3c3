"""Clips with lifted poses in place of the sensor's: a network is trained on what it will see.

Lifted poses are root-relative and in the axes of the camera (x right, y down, z away), as recognition makes
them of a video; the clips' names, classes and parts stay.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cluster.files import sha256_of_file
from cluster.pose_source import PosesConfig
from encoding.datasets import Clip, DataConfig, Split
from lifting.datasets.msr import TO_CAMERA, read_msr_keypoints
from lifting.gaps import GapConfig
from lifting.geometry import project
from lifting.lifter_folder import DESCRIPTION, lifter_folder
from lifting.msr_files import sequences
from lifting.noise import DetectorNoise, detect
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.trained_lifter import TwoStreamLifter

__all__ = [
    "ObservationConditions",
    "as_lifted",
    "as_sensed",
    "keypoints_of",
    "lift_clip",
    "lift_clips",
    "lift_split",
    "open_lifter",
]

# The camera that looks at built-in people: 4.5 m away, with the lens of Human3.6M's.
_DISTANCE_MM, _FOCAL, _IMAGE_SIZE = 4500.0, 1145.0, (1000, 1000)
_FRAMES_NEEDED = 2


@dataclass(frozen=True, kw_only=True)
class ObservationConditions:
    """How well the people are seen.

    Attributes:
        noise: what a detector adds; None: keypoints as the data set has them.
        seed: of the noise; each clip has draws of its own.
        every: in one of this many frames alone; the others are filled in.
        mend: whether poses that no person can have are mended.
    """

    noise: DetectorNoise | None = None
    seed: int = 0
    every: int = 1
    mend: bool = False


def open_lifter(config: PosesConfig) -> TwoStreamLifter:
    """The lifter of an experiment.

    Raises:
        FileNotFoundError: it is not there.
        ValueError: it is another one than the experiment was begun with, or was changed.
    """
    assert config.lifter is not None, "checked by the configuration"
    folder = lifter_folder(config.lifter)
    lifter = TwoStreamLifter.load(folder)
    digest = sha256_of_file(folder / DESCRIPTION)
    if config.lifter_sha256 is not None and digest != config.lifter_sha256:
        raise ValueError(
            f"the lifter in {folder} is another one than this experiment was begun with (SHA-256 "
            f"{digest[:12]}, not {config.lifter_sha256[:12]}); put the old one back, or begin a new run"
        )
    return lifter


def lift_split(
    split: Split,
    data: DataConfig,
    lifter: TwoStreamLifter,
    lookahead: int,
    observed: ObservationConditions | None = None,
) -> Split:
    """The same split with the poses that the lifter makes of the data set's keypoints.

    Args:
        split: with the sensor's poses.
        data: where it came from.
        lifter: trained on none of the people of the test part.
        lookahead: frames to wait for a lost keypoint.
        observed: how well the people are seen.

    Raises:
        FileNotFoundError: the data set's keypoints are not there.
        ValueError: the data set has no keypoints, the lifter cannot take their layout or has learned from
            people of the test part, or no clip of a class can be lifted.
    """
    _check_people(split, data, lifter)
    return lift_clips(split, keypoints_of(data), lifter, lookahead, observed or ObservationConditions())


def lift_clips(
    split: Split,
    keypoints: Callable[[Clip], Keypoints2D],
    lifter: TwoStreamLifter,
    lookahead: int,
    observed: ObservationConditions,
) -> Split:
    """The same split with the poses that the lifter makes of each clip's keypoints.

    Raises:
        ValueError: the lifter cannot take their layout, or no clip of a class can be lifted.
    """
    left_out: list[str] = []

    def lifted(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
        kept = []
        for clip in clips:
            poses = lift_clip(clip, keypoints(clip), lifter, lookahead, observed)
            if poses is None:
                left_out.append(f"{clip.name} shows too little to be lifted")
            else:
                kept.append(replace(clip, poses=poses))
        return tuple(kept)

    return replace(
        split,
        name=f"{split.name}, lifted",
        train=lifted(split.train),
        validation=lifted(split.validation),
        test=lifted(split.test),
        left_out=(*split.left_out, *left_out),
    )


def lift_clip(
    clip: Clip,
    keypoints: Keypoints2D,
    lifter: TwoStreamLifter,
    lookahead: int,
    observed: ObservationConditions,
) -> PoseSequence3D | None:
    """The clip's poses, from the first frame that can be lifted to the last; None where there are too few."""
    seen = keypoints if observed.noise is None else _noisy(clip, keypoints, observed.noise, observed.seed)
    if observed.every > 1:
        looked_at = np.arange(seen.num_frames) % observed.every == 0
        seen = replace(
            seen,
            xy=np.where(looked_at[:, None, None], seen.xy, np.float32(np.nan)),
            confidence=np.where(looked_at[:, None], seen.confidence, np.float32(0)),
        )
    gaps = GapConfig(lookahead=max(lookahead, observed.every - 1))
    poses = lifter.lift(seen, gaps=gaps, mend=observed.mend)
    known = np.flatnonzero(np.isfinite(poses.xyz).all(axis=(1, 2)))
    if len(known) < _FRAMES_NEEDED:
        return None
    return replace(poses, xyz=poses.xyz[known[0] : known[-1] + 1])


def as_lifted(poses: PoseSequence3D) -> PoseSequence3D:
    """A sensor's poses as a perfect lifter would give them: root-relative, in the axes of the camera."""
    root = poses.xyz[:, poses.skeleton.root, None]
    return replace(poses, xyz=(poses.xyz - root) * np.array(TO_CAMERA, np.float32))


def as_sensed(poses: PoseSequence3D) -> PoseSequence3D:
    """Lifted poses in the axes of a sensor; where the root was remains unknown."""
    return replace(poses, xyz=poses.xyz * np.array(TO_CAMERA, np.float32))


def keypoints_of(data: DataConfig) -> Callable[[Clip], Keypoints2D]:
    """Where the 2D keypoints of a clip come from: screen files of MSR Action3D, a camera for built-in people.

    Raises:
        ValueError: the data set has no 2D.
    """
    if data.name == "msr":
        root, known = Path(data.root or ""), {one.name: one for one in sequences(data.subset, data.file_list)}
        return lambda clip: read_msr_keypoints(root, known[clip.name])
    if data.name == "synthetic" and data.people == 1:
        return _filmed
    what = "interactions of built-in people" if data.name == "synthetic" else f"the data set {data.name!r}"
    raise ValueError(
        f"{what} come with 3D poses alone, and there is nothing to lift; --poses lifted needs the 2D "
        "keypoints of msr, or synthetic with one person"
    )


def _filmed(clip: Clip) -> Keypoints2D:
    """The clip as a camera in front of the person sees it; what the sensor missed is missed."""
    points = clip.poses.xyz * np.array(TO_CAMERA, np.float32)
    center = np.nanmean(points[:, clip.poses.skeleton.root], axis=0)
    placed = points - center + np.array([0, 0, _DISTANCE_MM], np.float32)
    middle = _IMAGE_SIZE[0] / 2, _IMAGE_SIZE[1] / 2
    xy = project(placed, (_FOCAL, _FOCAL), middle).astype(np.float32)
    return Keypoints2D(
        xy=xy,
        confidence=np.asarray(np.isfinite(xy).all(axis=-1), np.float32),
        image_size=_IMAGE_SIZE,
        fps=clip.poses.fps,
        skeleton=clip.poses.skeleton,
    )


def _noisy(clip: Clip, keypoints: Keypoints2D, noise: DetectorNoise, seed: int) -> Keypoints2D:
    """What a detector would have made of the clip; the draws are the clip's own."""
    rng = np.random.default_rng([seed, *clip.name.encode()])
    detection = detect(keypoints.xy, keypoints.skeleton, noise, rng)
    return replace(
        keypoints,
        xy=detection.xy,
        confidence=np.minimum(keypoints.confidence, detection.confidence, dtype=np.float32),
    )


def _check_people(split: Split, data: DataConfig, lifter: TwoStreamLifter) -> None:
    """No person of the test part may have taught the lifter.

    Raises:
        ValueError: one has, or the lifter does not say who has.
    """
    settings: dict[str, Any] = lifter.notes.get("settings", {})
    learned_from = settings.get("data", {}).get("name")
    if learned_from is not None and learned_from != data.name:
        return
    if data.name == "synthetic":
        return  # built-in people are drawn anew for every data set
    subjects = lifter.notes.get("subjects")
    if subjects is None:
        raise ValueError(
            "the lifter does not say which people it has learned from, and so may know those of the test "
            "part; train it again with this posenas"
        )
    known = set(subjects["train"]) | set(subjects["validation"])
    both = sorted({str(clip.subject) for clip in split.test} & known)
    if both:
        raise ValueError(
            f"the lifter has learned from subjects {', '.join(both)}, who are in the test part; train one on "
            "the others alone"
        )
