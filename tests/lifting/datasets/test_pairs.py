"""The pairs' record: what it refuses, and where it says the fault is."""

from typing import Any

import numpy as np
import pytest

from lifting.datasets import LiftingDataConfig, LiftingSplit, PairClip, PosePairs, load_pairs
from lifting.skeleton import H36M_17

J = 17


def clip(name: str, subject: str = "1", action: str = "walk") -> PairClip:
    return PairClip(name=name, subject=subject, action=action, camera="c", fps=30.0, image_size=(1000, 800))


def make_pairs(lengths: tuple[int, ...] = (3, 2), prefix: str = "clip", **changes: Any) -> PosePairs:
    N = sum(lengths)
    poses = np.random.default_rng(0).normal(0, 300, (N, J, 3))
    poses[:, 0] = 0
    fields: dict[str, Any] = {
        "keypoints": np.full((N, J, 2), 5.0),
        "confidence": np.ones((N, J)),
        "true_keypoints": np.full((N, J, 2), 5.0),
        "poses": poses,
        "clip": np.repeat(np.arange(len(lengths)), lengths),
        "clips": tuple(clip(f"{prefix} {n}") for n in range(len(lengths))),
        "keypoint_skeleton": H36M_17,
        "pose_skeleton": H36M_17,
    }
    return PosePairs(**(fields | changes))


def test_frames_of_a_clip_are_found() -> None:
    pairs = make_pairs((3, 2))
    assert (pairs.frames_of(0), pairs.frames_of(1)) == (slice(0, 3), slice(3, 5))
    np.testing.assert_array_equal(pairs.image_sizes, np.tile([1000, 800], (5, 1)))


def test_selected_clips_are_numbered_anew() -> None:
    pairs = make_pairs((3, 2, 4)).select([2, 0])
    np.testing.assert_array_equal(pairs.clip, [0, 0, 0, 0, 1, 1, 1])
    assert [one.name for one in pairs.clips] == ["clip 2", "clip 0"]


def test_nan_in_a_pose_is_named_by_clip_frame_and_joint() -> None:
    poses = make_pairs().poses.copy()
    poses[4, 3, 1] = np.nan
    with pytest.raises(ValueError, match=r"clip 'clip 1', frame 1: joint right_foot of the pose is nan"):
        make_pairs(poses=poses)


def test_a_missing_keypoint_is_nan_and_allowed() -> None:
    keypoints = np.full((5, J, 2), np.nan)
    assert np.isnan(make_pairs(keypoints=keypoints, confidence=np.zeros((5, J))).keypoints).all()


def test_an_infinite_keypoint_is_refused() -> None:
    keypoints = np.full((5, J, 2), 1.0)
    keypoints[1, 2, 0] = np.inf
    with pytest.raises(ValueError, match=r"clip 'clip 0', frame 1: keypoints is infinite"):
        make_pairs(keypoints=keypoints)


def test_a_pose_that_is_not_root_relative_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the root joint is .* mm from 0"):
        make_pairs(poses=make_pairs().poses + 10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confidence": np.full((5, J), 1.5)}, r"a confidence is 1.5; 0 to 1 is needed"),
        ({"clip": np.array([0, 0, 1, 1, 0])}, r"clip must count from 0 to 1"),
        ({"clip": np.zeros(5)}, r"clip must count from 0 to 1"),
        ({"keypoints": np.zeros((5, 25, 2))}, r"keypoints has shape \(5, 25, 2\); \(5, 17, 2\) is needed"),
        ({"clips": (clip("a"), clip("a"))}, r"the same name"),
    ],
)
def test_a_wrong_field_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_pairs(**changes)


def test_a_clip_in_two_parts_is_refused() -> None:
    with pytest.raises(ValueError, match=r"clip 'clip 0' stands in 'train' and in 'test'"):
        LiftingSplit(
            name="s", train=make_pairs(), validation=make_pairs(prefix="v"), test={"test": make_pairs()}
        )


def test_synthetic_pairs_are_the_projection_of_their_poses() -> None:
    """An affine camera would do badly, a perspective one with depth z does well: check by the known focal
    length.
    """
    config = LiftingDataConfig(num_subjects=3, clips_per_action=1, cameras_per_clip=1)
    split = load_pairs(config)
    assert set(split.test) == {"held-out clips", "held-out subject"}
    assert set(split.test["held-out subject"].subjects) == {"3"}
    assert "3" not in {
        *split.train.subjects,
        *split.validation.subjects,
        *split.test["held-out clips"].subjects,
    }
    pairs = split.train
    # Person and camera are 3.5 to 6 m apart (and 1.5 m of path): the height in pixels is focal * height /
    # depth.
    height_mm = np.ptp(pairs.poses[..., 1], axis=1)
    height = np.ptp(pairs.true_keypoints[..., 1], axis=1)
    depth = 1145 * height_mm / height
    assert (depth > 1700).all()
    assert (depth < 8000).all()
    error = np.linalg.norm(pairs.keypoints - pairs.true_keypoints, axis=-1)
    assert 2 < np.nanmedian(error) < 20
    assert np.isnan(pairs.keypoints).any(axis=-1).mean() == pytest.approx(0.05, abs=0.02)


def test_the_same_configuration_gives_the_same_pairs_and_more_subjects_change_none() -> None:
    few = LiftingDataConfig(num_subjects=2, clips_per_action=1, cameras_per_clip=1)
    a, b = load_pairs(few), load_pairs(few)
    np.testing.assert_array_equal(a.train.keypoints, b.train.keypoints)
    more = load_pairs(few.model_copy(update={"num_subjects": 3}))
    name = a.test["held-out subject"].clips[0].name
    parts = [pairs for _, pairs in more.parts() if name in {one.name for one in pairs.clips}]
    index = [one.name for one in parts[0].clips].index(name)
    np.testing.assert_array_equal(
        a.test["held-out subject"].keypoints[a.test["held-out subject"].frames_of(0)],
        parts[0].keypoints[parts[0].frames_of(index)],
    )
