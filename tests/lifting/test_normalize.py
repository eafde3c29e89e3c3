"""Keypoints and poses as rows of numbers and back; a missing keypoint is no coordinate."""

import json

import numpy as np
import pytest

from lifting.normalize import KeypointNormalizer, NormalizationConfig, PoseNormalizer
from lifting.skeleton import BODY_25, H36M_17, Skeleton

# Three joints are enough to follow the sums by hand.
CHAIN = Skeleton(name="chain", joints=("hip", "spine", "head"), parents=(-1, 0, 1), pairs=())
TWO_FRAMES = np.array([[[10, 20], [30, 40], [50, 60]], [[12, 24], [34, 48], [56, 60]]], np.float32)
SEEN = np.ones((2, 3), np.float32)


def fitted(kind: str, **choices: object) -> KeypointNormalizer:
    config = NormalizationConfig.model_validate({"kind": kind, "min_keypoints": 2, **choices})
    return KeypointNormalizer.fit(config, CHAIN, TWO_FRAMES, SEEN)


def test_z_standardizes_every_coordinate() -> None:
    # x of the hip: 10 and 12, mean 11, deviation 1 -> -1 and 1; y of the head is constant -> 0
    features = fitted("z").features(TWO_FRAMES, SEEN)
    np.testing.assert_allclose(features, [[-1, -1, -1, -1, -1, 0], [1, 1, 1, 1, 1, 0]], atol=1e-6)


def test_root_counts_from_the_root_in_sides_of_the_box() -> None:
    # frame 0: box 40 x 40, spine (20, 20) / 40 = 0.5; frame 1: box 44 x 36, spine (22, 24) / 44
    normalizer = fitted("root")
    np.testing.assert_allclose(normalizer.mean[1], [0.5, (0.5 + 24 / 44) / 2], rtol=1e-6)
    assert normalizer.features(TWO_FRAMES, SEEN)[:, :2].tolist() == [[0, 0], [0, 0]]


def test_spread_is_the_root_mean_square_distance_from_the_root() -> None:
    # frame 0: distances^2 from the hip 0, 800, 3200, mean 4000 / 3; spine x = 20 / 36.51
    normalizer = fitted("root", size="spread")
    placed = normalizer.features(TWO_FRAMES, SEEN)[0, 2] * normalizer.spread[1, 0] + normalizer.mean[1, 0]
    assert placed == pytest.approx(20 / (4000 / 3) ** 0.5, rel=1e-5)


def test_root_features_do_not_change_when_the_person_moves_and_comes_nearer() -> None:
    normalizer = fitted("root")
    moved = TWO_FRAMES * 2.5 + np.array([100, -30], np.float32)
    np.testing.assert_allclose(
        normalizer.features(moved, SEEN), normalizer.features(TWO_FRAMES, SEEN), atol=1e-4
    )


def test_root_place_tells_further_where_the_person_is_and_how_large() -> None:
    # the hip at (10, 20) and (12, 24), boxes of 40 and 44 pixels; two values standardized are -1 and 1
    normalizer = fitted("root_place")
    np.testing.assert_allclose(normalizer.place_mean, [11, 22, (np.log(40) + np.log(44)) / 2], rtol=1e-6)
    features = normalizer.features(TWO_FRAMES, SEEN)
    np.testing.assert_allclose(features[:, 6:], [[-1, -1, -1], [1, 1, 1]], atol=1e-4)
    np.testing.assert_array_equal(features[:, :6], fitted("root").features(TWO_FRAMES, SEEN))
    nearer = TWO_FRAMES * 2.5 + np.array([100, -30], np.float32)
    assert not np.allclose(normalizer.features(nearer, SEEN)[:, 6:], features[:, 6:], atol=0.5)


def test_every_input_names_its_keypoint() -> None:
    assert fitted("z").inputs_by_keypoint == (0, 0, 1, 1, 2, 2)
    assert fitted("root", inputs="xy_seen").inputs_by_keypoint == (0, 0, 1, 1, 2, 2, 0, 1, 2)
    assert fitted("root_place").inputs_by_keypoint == (0, 0, 1, 1, 2, 2, -1, -1, -1)


@pytest.mark.parametrize("kind", ["z", "root"])
def test_a_missing_keypoint_stands_at_the_mean_and_says_so(kind: str) -> None:
    normalizer = fitted(kind, inputs="xy_seen")
    as_nan, as_unseen, confidence = TWO_FRAMES.copy(), TWO_FRAMES.copy(), SEEN.copy()
    as_nan[0, 1] = np.nan
    as_unseen[0, 1], confidence[0, 1] = 0, 0  # what a detector writes for a keypoint that it has not found
    features = normalizer.features(as_nan, SEEN)
    assert features[0, 2:4].tolist() == [0, 0]
    assert features[0, 6:].tolist() == [1, 0, 1]
    np.testing.assert_array_equal(normalizer.features(as_unseen, confidence), features)


def test_confidence_can_be_an_input() -> None:
    normalizer = fitted("z", inputs="xy_confidence")
    confidence = np.array([[0.5, 1, 0], [1, 1, 1]], np.float32)
    assert normalizer.features(TWO_FRAMES, confidence)[0, 6:].tolist() == [0.5, 1, 0]
    assert normalizer.num_features == 9


def test_statistics_leave_missing_keypoints_out() -> None:
    xy = TWO_FRAMES.copy()
    xy[1, 1] = np.nan
    normalizer = KeypointNormalizer.fit(NormalizationConfig(min_keypoints=2), CHAIN, xy, SEEN)
    assert normalizer.mean[1].tolist() == [30, 40]


def test_a_missing_root_joint_is_named() -> None:
    xy = TWO_FRAMES.copy()
    xy[1, 0] = np.nan
    normalizer = fitted("root")
    assert normalizer.usable(xy, SEEN).tolist() == [True, False]
    with pytest.raises(
        ValueError, match="1 of 2 frames cannot be lifted: frame 1 lacks the root keypoint 'hip'"
    ):
        normalizer.features(xy, SEEN)
    assert fitted("z").usable(xy, SEEN).all()  # standardized pixels need no root


def test_too_few_keypoints_and_keypoints_on_one_point_are_named() -> None:
    xy = TWO_FRAMES.copy()
    xy[0, 1:] = np.nan
    with pytest.raises(ValueError, match="frame 0 shows 1 keypoints and 2 are needed"):
        fitted("z").features(xy, SEEN)
    with pytest.raises(ValueError, match="in frame 0 all keypoints lie on one point"):
        fitted("root").features(np.full((1, 3, 2), 5, np.float32), SEEN[:1])


def test_17_keypoints_where_25_are_needed_are_refused() -> None:
    config = NormalizationConfig()
    with pytest.raises(
        ValueError, match=r"the keypoints have 17 keypoints a frame; skeleton 'body_25' needs"
    ):
        KeypointNormalizer.fit(
            config, BODY_25, np.zeros((5, 17, 2), np.float32), np.ones((5, 17), np.float32)
        )


def test_a_keypoint_that_no_training_frame_shows_is_named() -> None:
    xy = TWO_FRAMES.copy()
    xy[:, 2] = np.nan
    with pytest.raises(ValueError, match="keypoint 'head' of 'chain' is missing in every training frame"):
        KeypointNormalizer.fit(NormalizationConfig(min_keypoints=2), CHAIN, xy, SEEN)


def poses(frames: int = 50) -> np.ndarray:
    xyz = np.random.default_rng(0).normal(0, 300, (frames, 17, 3)).astype(np.float32)
    return xyz - xyz[:, [H36M_17.root]]


def test_poses_survive_the_way_to_the_network_and_back() -> None:
    normalizer = PoseNormalizer.fit(H36M_17, poses())
    targets = normalizer.targets(poses())
    assert targets.shape == (50, 48)  # 16 joints: the root is always 0
    np.testing.assert_allclose(targets.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(targets.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(normalizer.poses(targets), poses(), atol=1e-3)


def test_nan_in_a_training_pose_is_named_with_its_place() -> None:
    xyz = poses()
    xyz[7, 3, 1] = np.nan
    with pytest.raises(
        ValueError, match=r"joint 'right_foot' of frame 7 is \[.*nan.*\]; every joint of a training"
    ):
        PoseNormalizer.fit(H36M_17, xyz)


def test_normalizers_survive_json() -> None:
    keypoints = KeypointNormalizer.fit(
        NormalizationConfig(kind="root"), H36M_17, poses()[..., :2] + 500, np.ones((50, 17), np.float32)
    )
    again = KeypointNormalizer.from_dict(json.loads(json.dumps(keypoints.to_dict())))
    np.testing.assert_array_equal(again.mean, keypoints.mean)
    np.testing.assert_array_equal(again.spread, keypoints.spread)
    assert (again.config, again.skeleton) == (keypoints.config, H36M_17)
    joints = PoseNormalizer.fit(H36M_17, poses())
    np.testing.assert_array_equal(
        PoseNormalizer.from_dict(json.loads(json.dumps(joints.to_dict()))).mean, joints.mean
    )


def test_the_place_survives_json_and_is_needed_there() -> None:
    xy, seen = poses()[..., :2] + 500, np.ones((50, 17), np.float32)
    normalizer = KeypointNormalizer.fit(NormalizationConfig(kind="root_place"), H36M_17, xy, seen)
    content = json.loads(json.dumps(normalizer.to_dict()))
    again = KeypointNormalizer.from_dict(content)
    np.testing.assert_array_equal(again.features(xy, seen), normalizer.features(xy, seen))
    with pytest.raises(ValueError, match=r"the mean of the place has shape \(2,\).*\(3,\) are needed"):
        KeypointNormalizer.from_dict({**content, "place_mean": [0, 0]})


def test_statistics_of_another_size_are_refused() -> None:
    content = PoseNormalizer.fit(H36M_17, poses()).to_dict()
    content["mean"] = content["mean"][:3]
    with pytest.raises(ValueError, match=r"the mean of the joints has shape \(3, 3\)"):
        PoseNormalizer.from_dict(content)
