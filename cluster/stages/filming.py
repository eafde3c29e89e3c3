"""Synthetic people in front of a virtual camera: what a detector reports of them."""

from collections.abc import Sequence

import numpy as np

from encoding.datasets.records import Clip
from lifting.cameras import Camera
from lifting.mapping import map_joints
from lifting.noise import DetectorNoise, detect
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import H36M_17

__all__ = ["DEMO_CAMERA", "film_poses", "one_after_the_other"]

DEMO_CAMERA = Camera(
    name="demo",
    # along z, upright, at the height of the hips: the synthetic people stand 2.7 m away and face it
    rotation=np.diag([-1.0, -1.0, 1.0]),
    position=np.array([0.0, -200.0, 0.0]),
    focal=(760.0, 760.0),
    center=(640.0, 360.0),
    image_size=(1280, 720),
)
"""Sees the people of `encoding.datasets.synthetic` from where their sensor stands."""


def film_poses(
    poses: PoseSequence3D, camera: Camera, noise: DetectorNoise, rng: np.random.Generator
) -> Keypoints2D:
    """What a detector reports of one person, in the Human3.6M layout.

    Args:
        poses: (T, J, 3) millimeters, in the world's axes (y up); of a layout with a way to Human3.6M's.
        camera: that films.
        noise: of the detector.
        rng: all its draws come from it.

    Raises:
        ValueError: two people, or a layout without a mapping.
    """
    if poses.num_people != 1:
        raise ValueError("the poses show two people; one person is filmed at a time")
    xyz = map_joints(poses.xyz, poses.skeleton, H36M_17)
    seen = detect(camera.project(camera.to_camera(xyz)), H36M_17, noise, rng)
    return Keypoints2D(
        xy=seen.xy,
        confidence=seen.confidence,
        image_size=camera.image_size,
        fps=poses.fps,
        skeleton=H36M_17,
    )


def one_after_the_other(clips: Sequence[Clip], pause_seconds: float = 0.6) -> PoseSequence3D:
    """Several clips of one person as one, with a moment to go over from each to the next.

    Each begins where the one before stands; in the pause, joints go straight from pose to pose.

    Args:
        clips: of one skeleton and one frame rate, one person each.
        pause_seconds: between two of them.

    Raises:
        ValueError: no clip, or of different layouts or frame rates.
    """
    kinds = {(clip.poses.skeleton.name, clip.poses.fps, clip.poses.num_people) for clip in clips}
    if len(kinds) != 1:
        raise ValueError(f"the clips are of {len(kinds)} kinds (layout, frame rate, people); 1 is needed")
    poses = clips[0].poses
    root, steps = poses.skeleton.root, max(1, round(pause_seconds * poses.fps))
    pieces = [poses.xyz]
    for clip in clips[1:]:
        end, xyz = pieces[-1][-1], clip.poses.xyz
        xyz = xyz + (end[root] - xyz[0, root])
        share = np.linspace(0, 1, steps + 2)[1:-1, None, None]
        pieces += [((1 - share) * end + share * xyz[0]).astype(np.float32), xyz.astype(np.float32)]
    return PoseSequence3D(xyz=np.concatenate(pieces), fps=poses.fps, skeleton=poses.skeleton)
