"""From recorded 3D joint positions to pairs: seen through random virtual cameras by an imperfect detector."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.cameras import VirtualCameras
from lifting.datasets.pairs import PairClip, PosePairs
from lifting.noise import DetectorNoise, detect
from lifting.skeleton import Skeleton

Floats = NDArray[np.float64]

# The path of the root is bent into a ball of this radius, so that no one walks out of the picture or into
# the camera.
PATH_RADIUS_MM = 1500.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Recording:
    """One motion capture clip.

    Attributes:
        name, subject, action: as in `PairClip`.
        xyz: (T, J, 3), millimeters, world axes.
        up: (3,), the unit vector that points up.
        fps: frames per second.
        skeleton: of the J joints.
    """

    name: str
    subject: str
    action: str
    xyz: Floats
    up: tuple[float, float, float]
    fps: float
    skeleton: Skeleton


def film(
    recordings: Sequence[Recording],
    *,
    cameras: VirtualCameras,
    cameras_per_clip: int,
    noise: DetectorNoise,
    seed: int,
) -> PosePairs:
    """Pairs of all recordings, each seen by several random cameras.

    Every draw is keyed by (seed, recording's name, camera number): a clip looks the same whatever other
    clips there are.

    Raises:
        ValueError: no recording, or a coordinate is not finite; says in which clip, at which frame and joint.
    """
    if not recordings:
        raise ValueError("there is no recording to film; at least 1 is needed")
    return PosePairs.join(
        [
            _film_one(recording, cameras, camera, noise, seed)
            for recording in recordings
            for camera in range(1, cameras_per_clip + 1)
        ]
    )


def _film_one(
    recording: Recording, cameras: VirtualCameras, number: int, noise: DetectorNoise, seed: int
) -> PosePairs:
    rng = np.random.default_rng([seed, zlib.crc32(recording.name.encode()), number])
    root = recording.skeleton.root
    xyz = _on_the_spot(recording.xyz, root)
    camera = cameras.draw(rng, np.zeros(3), recording.up, f"camera {number}")
    seen = camera.to_camera(xyz)
    true = camera.project(seen)
    inside = ((true >= 0) & (true < camera.image_size)).all(axis=-1, keepdims=True)
    detection = detect(np.where(inside, true, np.nan), recording.skeleton, noise, rng)
    return PosePairs(
        keypoints=detection.xy,
        confidence=detection.confidence,
        true_keypoints=true.astype(np.float32),
        poses=(seen - seen[:, root, None]).astype(np.float32),
        clip=np.zeros(len(xyz), dtype=np.int64),
        clips=(
            PairClip(
                name=f"{recording.name}, {camera.name}",
                subject=recording.subject,
                action=recording.action,
                camera=camera.name,
                fps=recording.fps,
                image_size=camera.image_size,
            ),
        ),
        keypoint_skeleton=recording.skeleton,
        pose_skeleton=recording.skeleton,
    )


def _on_the_spot(xyz: Floats, root: int) -> Floats:
    """The clip with its path's median at 0 and the path bent into a ball; the poses themselves are not
    touched.
    """
    path = xyz[:, root]
    offset = path - np.median(path, axis=0)
    length = np.linalg.norm(offset, axis=1, keepdims=True)
    bent = offset / np.sqrt(1 + (length / PATH_RADIUS_MM) ** 2)
    return np.asarray(xyz - path[:, None] + bent[:, None])


def subsample(recording: Recording, stride: int) -> Recording:
    """Every `stride`-th frame of a recording, at the frame rate that this makes."""
    return Recording(
        name=recording.name,
        subject=recording.subject,
        action=recording.action,
        xyz=recording.xyz[::stride],
        up=recording.up,
        fps=recording.fps / stride,
        skeleton=recording.skeleton,
    )
