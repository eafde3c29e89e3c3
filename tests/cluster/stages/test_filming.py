"""Synthetic people in front of a virtual camera."""

import numpy as np
import pytest

from cluster.stages.filming import DEMO_CAMERA, film_poses, one_after_the_other
from encoding.datasets.records import Clip
from encoding.datasets.synthetic import synthetic
from lifting.noise import DetectorNoise
from lifting.poses import PoseSequence3D
from lifting.skeleton import H36M_17, MSR_20

NO_ERRORS = DetectorNoise(jitter=0, outliers=0, missed=0, swapped=0)


def joint(name: str) -> int:
    return H36M_17.joints.index(name)


def test_everyone_is_upright_whole_in_the_picture_and_faces_the_camera() -> None:
    people = synthetic(noise_mm=0, viewpoint_degrees=0, num_subjects=4, clips_per_action=1)
    for clip in people.clips:
        first = film_poses(clip.poses, DEMO_CAMERA, NO_ERRORS, np.random.default_rng(0)).xy[0]
        assert first[joint("head"), 1] < first[joint("hip"), 1] < first[joint("left_foot"), 1]
        # one who faces the camera has the left hip on the right of the picture
        assert first[joint("left_hip"), 0] > first[joint("right_hip"), 0]
        assert (first > 0).all()
        assert (first < DEMO_CAMERA.image_size).all()


def test_a_detector_that_makes_no_error_reports_the_projection() -> None:
    # hips 200 mm apart, 2000 mm away at the camera's height: 760 x 100 / 2000 = 38 pixels to either side
    xyz = np.zeros((1, 20, 3), np.float32)
    xyz[..., 1], xyz[..., 2] = -200, 2000
    xyz[0, MSR_20.joints.index("left_hip"), 0] = -100
    xyz[0, MSR_20.joints.index("right_hip"), 0] = 100
    poses = PoseSequence3D(xyz=xyz, fps=15, skeleton=MSR_20)
    seen = film_poses(poses, DEMO_CAMERA, NO_ERRORS, np.random.default_rng(0))
    np.testing.assert_allclose(seen.xy[0, joint("left_hip")], [640 + 38, 360], atol=1e-3)
    np.testing.assert_allclose(seen.xy[0, joint("right_hip")], [640 - 38, 360], atol=1e-3)
    assert (seen.image_size, seen.fps, seen.skeleton) == ((1280, 720), 15, H36M_17)


def clip(name: str, x: float, frames: int, fps: float = 10) -> Clip:
    xyz = np.zeros((frames, 17, 3), np.float32)
    xyz[..., 0] = x
    xyz[:, 1:, 1] = np.arange(frames)[:, None]
    return Clip(name=name, poses=PoseSequence3D(xyz=xyz, fps=fps, skeleton=H36M_17), label=0)


def test_clips_follow_each_other_without_a_jump() -> None:
    poses = one_after_the_other([clip("a", 0, 5), clip("b", 700, 4)], pause_seconds=0.3)
    assert poses.num_frames == 5 + 3 + 4
    assert (poses.xyz[..., 0] == 0).all()  # the second begins where the first stands
    # from frame 4's height 4 down to 0 in 4 steps
    np.testing.assert_allclose(poses.xyz[4:9, 1, 1], [4, 3, 2, 1, 0])


def test_clips_of_different_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="2 kinds"):
        one_after_the_other([clip("a", 0, 5), clip("b", 0, 5, fps=20)])
    two = PoseSequence3D(xyz=np.zeros((2, 2, 17, 3), np.float32), fps=10, skeleton=H36M_17)
    with pytest.raises(ValueError, match="two people"):
        film_poses(two, DEMO_CAMERA, NO_ERRORS, np.random.default_rng(0))
