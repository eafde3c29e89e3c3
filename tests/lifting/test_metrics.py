"""Errors worked out by hand, and what each measure does not see."""

import numpy as np
import pytest

from lifting.datasets.pairs import PairClip, PosePairs
from lifting.geometry import axis_rotation
from lifting.metrics import bone_report, evaluate, joint_errors, mpjpe, mpjve, n_mpjpe, p_mpjpe
from lifting.skeleton import H36M_17, Skeleton
from lifting.tables import action_table, as_text, summary_table

TRUTH = np.random.default_rng(0).normal(0, 200, (6, 17, 3)).astype(np.float32)
TRUTH -= TRUTH[:, :1]


def test_p1_is_the_mean_distance_of_the_joints() -> None:
    truth = np.zeros((2, 2, 3), np.float32)
    predicted = np.array([[[0, 0, 0], [3, 4, 0]], [[0, 0, 0], [0, 0, 7]]], np.float32)
    assert joint_errors(predicted, truth).tolist() == [[0, 5], [0, 7]]
    assert mpjpe(predicted, truth) == pytest.approx((0 + 5 + 0 + 7) / 4)


def test_p1_does_not_see_where_the_root_is() -> None:
    assert mpjpe(TRUTH + np.float32(500), TRUTH) == pytest.approx(0, abs=1e-3)


def test_p2_does_not_see_rotation_scale_and_place() -> None:
    moved = 1.7 * TRUTH @ axis_rotation("y", 0.8).T + [10, 20, 30]
    assert p_mpjpe(moved.astype(np.float32), TRUTH) == pytest.approx(0, abs=1e-3)
    assert mpjpe(moved.astype(np.float32), TRUTH) > 50


def test_p2_sees_a_mirror_image() -> None:
    assert p_mpjpe(TRUTH * np.array([-1, 1, 1], np.float32), TRUTH) > 50


def test_n_mpjpe_does_not_see_the_scale_alone() -> None:
    assert n_mpjpe(0.5 * TRUTH, TRUTH) == pytest.approx(0, abs=1e-3)
    turned = (TRUTH @ axis_rotation("y", 0.8).T).astype(np.float32)
    assert n_mpjpe(turned, TRUTH) > 50


def test_mpjve_sees_movement_alone() -> None:
    # a constant offset moves nothing; one joint of two that jumps by 10 mm once in two steps: 10 / 4
    truth = np.zeros((3, 2, 3), np.float32)
    assert mpjve(truth + 9, truth) == 0
    jumped = truth.copy()
    jumped[2, 1, 0] = 10
    assert mpjve(jumped, truth) == pytest.approx(10 / 4)
    assert np.isnan(mpjve(truth[:1], truth[:1]))


def test_an_empty_clip_is_refused() -> None:
    with pytest.raises(ValueError, match="the clip is empty; at least 1 frame is needed"):
        mpjpe(TRUTH[:0], TRUTH[:0])


def test_17_joints_where_25_are_needed_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the prediction has shape \(6, 17, 3\) and the truth \(6, 25, 3\)"):
        mpjpe(TRUTH, np.zeros((6, 25, 3), np.float32))


def test_nan_in_a_prediction_is_refused_with_its_frame() -> None:
    bad = TRUTH.copy()
    bad[4, 2, 0] = np.nan
    with pytest.raises(ValueError, match="the prediction is not finite in frame 4"):
        p_mpjpe(bad, TRUTH)


def pairs() -> PosePairs:
    """Frames 0 to 3 are a walk, 4 and 5 a jump."""
    clips = [
        PairClip(name=a, subject="1", action=a, camera="1", fps=30, image_size=(9, 9))
        for a in ("walk", "jump")
    ]
    return PosePairs(
        keypoints=TRUTH[..., :2],
        confidence=np.ones((6, 17), np.float32),
        true_keypoints=TRUTH[..., :2],
        poses=TRUTH,
        clip=np.array([0, 0, 0, 0, 1, 1]),
        clips=tuple(clips),
        keypoint_skeleton=H36M_17,
        pose_skeleton=H36M_17,
    )


def test_the_frame_wise_mean_counts_frames_and_the_action_wise_mean_actions() -> None:
    predicted = TRUTH.copy()
    predicted[:4, 5, 0] += 17  # a 17th of the joints: 1 mm a frame
    predicted[4:, 5, 0] += 17 * 4
    found = evaluate(predicted, pairs())
    assert found.actions["walk"].p1 == pytest.approx(1)
    assert found.actions["jump"].p1 == pytest.approx(4)
    assert found.frame_wise.p1 == pytest.approx((4 * 1 + 2 * 4) / 6)
    assert found.action_wise.p1 == pytest.approx((1 + 4) / 2)
    assert found.joints[5] == pytest.approx((4 * 17 + 2 * 68) / 6)
    assert found.joints.sum() == pytest.approx(found.joints[5])


def test_movement_is_not_counted_across_clips() -> None:
    predicted = TRUTH.copy()
    predicted[4:, 5, 0] += 100  # both frames of the second clip: no movement within it is wrong
    assert evaluate(predicted, pairs()).frame_wise.mpjve == pytest.approx(0, abs=1e-4)


def test_measures_agree_with_their_functions() -> None:
    predicted = TRUTH + np.random.default_rng(1).normal(0, 20, TRUTH.shape).astype(np.float32)
    found = evaluate(predicted, pairs()).frame_wise
    assert found.p1 == pytest.approx(mpjpe(predicted, TRUTH), rel=1e-5)
    assert found.p2 == pytest.approx(p_mpjpe(predicted, TRUTH), rel=1e-3)
    assert found.n_mpjpe == pytest.approx(n_mpjpe(predicted, TRUTH), rel=1e-5)
    assert found.p2 < found.n_mpjpe < found.p1 + 1e-6


def test_bones_that_change_and_sides_that_differ_are_reported() -> None:
    two_arms = Skeleton(
        name="two_arms", joints=("neck", "left_hand", "right_hand"), parents=(-1, 0, 0), pairs=((1, 2),)
    )
    # left hand at 90 and 110 mm: deviation 10, mean 100; right hand always at 100
    poses = np.zeros((2, 3, 3), np.float32)
    poses[:, 1, 0], poses[:, 2, 0] = [90, 110], -100
    found = bone_report(poses, two_arms, [0, 0])
    assert found.variation == pytest.approx((10 + 0) / 2)
    assert found.variation_share == pytest.approx((0.1 + 0) / 2)
    assert found.asymmetry == pytest.approx(10)
    assert found.asymmetry_share == pytest.approx((10 / 95 + 10 / 105) / 2)
    # as two clips no bone changes
    assert bone_report(poses, two_arms, [0, 1]).variation == 0


def test_the_table_has_methods_down_and_actions_across() -> None:
    exact = evaluate(TRUTH, pairs())
    rows = action_table({"truth": exact, "again": exact})
    assert rows[0] == ["P1", "walk", "jump", "Avg.", "Frames"]
    assert rows[1] == ["truth", "0.0", "0.0", "0.0", "0.0"]
    assert as_text(rows).splitlines()[1] == "truth   0.0   0.0   0.0     0.0"
    assert as_text(rows, markdown=True).splitlines()[1] == "| ----- | ---: | ---: | ---: | -----: |"
    assert len(summary_table({"truth": exact})) == 2


def test_a_table_of_another_measure_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="measure is 'p3'; one of p1, p2, n_mpjpe, mpjve is needed"):
        action_table({"truth": evaluate(TRUTH, pairs())}, "p3")
