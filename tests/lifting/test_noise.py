"""The imperfect detector: each effect has the share that was asked for, and lasts."""

import numpy as np
import pytest

from lifting.noise import DetectorNoise, detect, limb_pairs
from lifting.skeleton import H36M_17

T, J = 6000, 17
NONE = {"jitter": 0.0, "outliers": 0.0, "missed": 0.0, "swapped": 0.0}


def still_person() -> np.ndarray:
    """One pose for T frames, 400 pixels high, no two joints in one place."""
    pose = np.random.default_rng(5).uniform([400, 300], [600, 700], (J, 2))
    pose[0], pose[1] = (400, 300), (600, 700)
    return np.tile(pose, (T, 1, 1))


def noisy(**effects: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    true = still_person()
    noise = DetectorNoise.model_validate({**NONE, **effects})
    detection = detect(true, H36M_17, noise, np.random.default_rng(0))
    return true, detection.xy, detection.confidence


def test_a_perfect_detector_reports_the_truth() -> None:
    true, xy, confidence = noisy()
    np.testing.assert_allclose(xy, true, atol=1e-3)
    assert (confidence == 1).all()


def test_jitter_is_a_share_of_the_height_and_more_at_the_wrists() -> None:
    true, xy, _ = noisy(jitter=0.01)
    deviation = (xy - true).std(axis=(0, 2))
    assert deviation[H36M_17.joints.index("spine")] == pytest.approx(4.0, rel=0.15)  # 0.01 of 400 pixels
    assert deviation[H36M_17.joints.index("left_wrist")] == pytest.approx(6.0, rel=0.15)  # half as much again


def test_jitter_drifts_instead_of_flickering() -> None:
    true, xy, _ = noisy(jitter=0.01, memory_frames=4.0)
    error = (xy - true)[:, 0, 0]
    # A first-order process with a time constant of 4 frames: exp(-1/4) = 0.78 from frame to frame.
    assert np.corrcoef(error[1:], error[:-1])[0, 1] == pytest.approx(0.78, abs=0.04)


def test_missed_joints_are_nan_with_confidence_0_for_several_frames() -> None:
    _, xy, confidence = noisy(missed=0.1)
    missed = np.isnan(xy).any(axis=-1)
    assert missed.mean() == pytest.approx(0.1, abs=0.01)
    assert (confidence[missed] == 0).all()
    episodes = (np.diff(missed.astype(int), axis=0) == 1).sum()
    assert missed.sum() / episodes > 2


def test_an_outlier_lies_somewhere_in_the_persons_box_with_low_confidence() -> None:
    true, xy, confidence = noisy(outliers=0.05)
    outlier = np.linalg.norm(xy - true, axis=-1) > 1
    assert outlier.mean() == pytest.approx(0.05, abs=0.01)
    assert (confidence[outlier] <= 0.5).all()
    assert (confidence[~outlier] > 0.99).all()
    assert (xy >= [399.99, 299.99]).all()
    assert (xy <= [600.01, 700.01]).all()


def test_a_swapped_leg_is_swapped_from_hip_to_foot() -> None:
    true, xy, _ = noisy(swapped=0.05)
    hip, knee, foot = (H36M_17.joints.index(f"left_{part}") for part in ("hip", "knee", "foot"))
    swapped = np.linalg.norm(xy - true, axis=-1) > 1
    assert swapped[:, hip].mean() == pytest.approx(0.05, abs=0.015)
    assert (swapped[:, hip] == swapped[:, knee]).all()
    assert (swapped[:, hip] == swapped[:, foot]).all()
    frame = int(np.flatnonzero(swapped[:, knee])[0])
    np.testing.assert_allclose(xy[frame, knee], true[frame, H36M_17.joints.index("right_knee")], rtol=1e-6)


def test_limbs_are_found_from_the_tree() -> None:
    # Legs 4-5-6 and 1-2-3, arms 11-12-13 and 14-15-16.
    assert limb_pairs(H36M_17) == [[(4, 1), (5, 2), (6, 3)], [(11, 14), (12, 15), (13, 16)]]


def test_what_is_not_in_the_picture_stays_missing() -> None:
    true = still_person()[:10]
    true[:, 3] = np.nan
    true[4] = np.nan
    detection = detect(true, H36M_17, DetectorNoise.model_validate(NONE), np.random.default_rng(0))
    assert np.isnan(detection.xy[:, 3]).all()
    assert np.isnan(detection.xy[4]).all()
    assert np.isfinite(np.delete(np.delete(detection.xy, 3, 1), 4, 0)).all()


def test_the_same_generator_gives_the_same_detections() -> None:
    a, b = (detect(still_person()[:50], H36M_17, DetectorNoise(), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(a.xy, b.xy)


def test_keypoints_of_another_layout_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(5, 16, 2\); \(T, 17, 2\) is needed"):
        detect(np.zeros((5, 16, 2)), H36M_17, DetectorNoise(), np.random.default_rng(0))
