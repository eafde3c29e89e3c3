"""People lifted from one image keep their distance."""

import numpy as np
import pytest

from lifting.geometry import project
from lifting.placing import DEFAULT_FOCAL, place_people, root_path
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import H36M_17

DRAW = np.random.default_rng(0)
FOCAL = DEFAULT_FOCAL * 1000
WHERE = np.array([[-600, 100, 4000], [700, 150, 5000]], np.float64)


def person(at: np.ndarray, noise: float = 0.0, frames: int = 5) -> tuple[PoseSequence3D, Keypoints2D]:
    """A body of about human size at a place, seen by a camera of 1000 x 800 pixels."""
    xyz = DRAW.normal(0, [150, 450, 150], (frames, 17, 3))
    xyz -= xyz[:, :1]
    uv = project(xyz + at, (FOCAL, FOCAL), (500, 400)) + DRAW.normal(0, noise, (frames, 17, 2))
    keypoints = Keypoints2D(
        xy=uv.astype(np.float32),
        confidence=np.ones((frames, 17), np.float32),
        image_size=(1000, 800),
        fps=30,
        skeleton=H36M_17,
    )
    return PoseSequence3D(xyz=xyz.astype(np.float32), fps=30, skeleton=H36M_17), keypoints


def test_a_true_pose_is_put_where_it_was() -> None:
    poses, keypoints = person(WHERE[0])
    np.testing.assert_allclose(root_path(poses, keypoints), np.tile(WHERE[0], (5, 1)), atol=1)


def test_two_people_keep_their_distance() -> None:
    placed = place_people([person(at) for at in WHERE])
    assert placed.xyz.shape == (5, 2, 17, 3)
    apart = placed.xyz[:, 1, 0] - placed.xyz[:, 0, 0]
    np.testing.assert_allclose(apart, np.tile(WHERE[1] - WHERE[0], (5, 1)), atol=2)


def test_noise_of_the_detector_moves_them_by_little() -> None:
    poses, keypoints = person(WHERE[0], noise=4, frames=200)
    off = root_path(poses, keypoints) - WHERE[0]
    # 4 px of about 260 px height spread: some 1 % of 4 m
    assert np.abs(off.mean(axis=0)).max() < 30
    assert off.std(axis=0)[2] < 120


def test_a_person_of_half_the_size_is_put_half_as_far() -> None:
    poses, keypoints = person(WHERE[0])
    small = PoseSequence3D(xyz=poses.xyz / 2, fps=30, skeleton=H36M_17)
    np.testing.assert_allclose(root_path(small, keypoints), np.tile(WHERE[0] / 2, (5, 1)), atol=1)


def test_missing_keypoints_are_left_out_and_too_few_give_no_place() -> None:
    poses, keypoints = person(WHERE[0])
    xy = keypoints.xy.copy()
    xy[0, 5:9] = np.nan
    xy[1, 3:] = np.nan
    gappy = Keypoints2D(
        xy=xy, confidence=keypoints.confidence, image_size=(1000, 800), fps=30, skeleton=H36M_17
    )
    path = root_path(poses, gappy)
    np.testing.assert_allclose(path[0], WHERE[0], atol=1)
    assert np.isnan(path[1]).all()


def test_other_frames_are_refused() -> None:
    (poses, _), (_, keypoints) = person(WHERE[0]), person(WHERE[0], frames=3)
    with pytest.raises(ValueError, match="5 poses and 3 frames of keypoints"):
        root_path(poses, keypoints)
    with pytest.raises(ValueError, match="1 people came; 2 are needed"):
        place_people([person(WHERE[0])])
