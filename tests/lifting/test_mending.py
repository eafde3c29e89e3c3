"""Wild poses: which stream is believed, and what becomes of bones that are far too long."""

import numpy as np
import pytest

from lifting.mending import PoseMender, agreed, bone_lengths, typical_bones
from lifting.normalize import PoseNormalizer
from lifting.skeleton import H36M_17, MSR_20, Skeleton

K = H36M_17.num_joints


def pose(seed: int = 0) -> np.ndarray:
    """A pose in which every bone points along y and is 100 mm long."""
    xyz = np.zeros((K, 3), np.float32)
    for parent, child in H36M_17.bones:
        xyz[child] = xyz[parent] + [0, 100, 0]
    return xyz


def normalizer() -> PoseNormalizer:
    """Training poses lay around `pose`, 50 mm to each side."""
    return PoseNormalizer(
        skeleton=H36M_17,
        mean=np.delete(pose(), H36M_17.root, axis=0),
        spread=np.full((K - 1, 3), 50, np.float32),
    )


def test_streams_that_agree_are_averaged() -> None:
    gt, detected = pose() + 10, pose() - 30
    mean, left_out = agreed(gt[None], detected[None], (normalizer(), normalizer()))
    np.testing.assert_allclose(mean[0], pose() - 10)  # (10 - 30) / 2
    assert not left_out.any()


@pytest.mark.parametrize(
    ("gt_off", "detected_off", "answer"),
    [
        (320.0, 0.0, "detected"),  # 320 mm apart, both within 7 x 50 mm: the stream that knows errors
        (900.0, 0.0, "detected"),  # 900 mm are 18 standard deviations
        (0.0, 900.0, "gt"),
        (900.0, -900.0, "mean"),  # neither is plausible: the bones decide
    ],
)
def test_where_the_streams_differ_the_plausible_one_answers(
    gt_off: float, detected_off: float, answer: str
) -> None:
    gt, detected = pose(), pose()
    gt[5, 0] += gt_off
    detected[5, 0] += detected_off
    found, left_out = agreed(gt[None], detected[None], (normalizer(), normalizer()))
    expected = {"gt": gt, "detected": detected, "mean": (gt + detected) / 2}[answer]
    np.testing.assert_allclose(found[0], expected)
    assert left_out[0] == (answer != "mean")


def test_where_one_stream_has_no_answer_the_other_gives_it() -> None:
    none = np.full((1, K, 3), np.nan, np.float32)
    for gt, detected in ((none, pose()[None]), (pose()[None], none)):
        found, left_out = agreed(gt, detected, (normalizer(), normalizer()))
        np.testing.assert_allclose(found[0], pose())
        assert not left_out.any()
    assert np.isnan(agreed(none, none, (normalizer(), normalizer()))[0]).all()


def test_a_wild_bone_keeps_its_usual_length_and_the_direction_it_had() -> None:
    mender = PoseMender(H36M_17, np.full(len(H36M_17.bones), 100, np.float32))
    assert mender(pose())[1] is False
    names = list(H36M_17.joints)
    elbow, wrist = names.index("left_elbow"), names.index("left_wrist")
    wild = pose()
    wild[[elbow, wrist]] += [
        2000,
        0,
        0,
    ]  # shoulder to elbow is sqrt(2000^2 + 100^2); elbow to wrist stays 100
    wild[wrist] += [50, 0, 0]
    mended, was = mender(wild)
    assert was is True
    # the elbow is 100 mm from the shoulder along y again, the wrist where it was from the elbow: (50, 100, 0)
    np.testing.assert_allclose(mended[elbow], pose()[elbow], atol=1e-3)
    np.testing.assert_allclose(mended[wrist], pose()[elbow] + [50, 100, 0], atol=1e-3)
    rest = [joint for joint in range(K) if joint not in (elbow, wrist)]
    np.testing.assert_array_equal(mended[rest], pose()[rest])


def test_a_larger_person_is_no_wild_pose_once_that_is_known() -> None:
    """Bones of 300 mm where the lifter writes 100: too long for some frames, then this person's own."""
    mender = PoseMender(H36M_17, np.full(len(H36M_17.bones), 100, np.float32))
    wild = [mender(3 * pose())[1] for _ in range(30)]
    # before frame n there are n of 300 mm and 15 of 100: from n = 15 on their median is (100 + 300) / 2 and
    # more, and the limit 1.5 x 200 + 60 = 360
    assert wild == [True] * 15 + [False] * 15


def test_a_pose_with_a_missing_joint_stays_as_it_is() -> None:
    mender = PoseMender(H36M_17, np.full(len(H36M_17.bones), 1, np.float32))
    missing = pose()
    missing[3] = np.nan
    found, was = mender(missing)
    np.testing.assert_array_equal(found, missing)
    assert was is False


@pytest.mark.parametrize("skeleton", [H36M_17, MSR_20], ids=lambda s: s.name)
def test_mended_poses_have_no_bone_beyond_the_limit(skeleton: Skeleton) -> None:
    """Of any poses at all: joints anywhere within 3 m."""
    draw = np.random.default_rng(0)
    usual = np.full(len(skeleton.bones), 200, np.float32)
    mender = PoseMender(skeleton, usual)
    for _ in range(14):  # while the typical lengths are the median
        mended, _ = mender(draw.uniform(-3000, 3000, (skeleton.num_joints, 3)).astype(np.float32))
        assert bone_lengths(mended, skeleton).max() <= 1.5 * 200 + 60 + 1e-3


def test_typical_bones_are_those_the_network_writes() -> None:
    written = np.delete(pose(), H36M_17.root, axis=0)
    outputs = ((written - normalizer().mean) / normalizer().spread).reshape(1, -1)
    lengths = typical_bones(lambda x: np.repeat(outputs, len(x), axis=0), 34, normalizer())
    np.testing.assert_allclose(lengths, 100, rtol=1e-5)
