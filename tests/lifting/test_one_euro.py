"""Smoothing: still bodies stop trembling, moving ones are not held back."""

import numpy as np

from lifting.one_euro import OneEuroConfig, OneEuroFilter


def smoothed(poses: np.ndarray, **config: float) -> np.ndarray:
    smooth = OneEuroFilter(OneEuroConfig.model_validate(config), fps=30)
    return np.stack([smooth(pose) for pose in poses])


def test_a_pose_that_does_not_move_stays() -> None:
    still = np.full((10, 2, 3), 100, np.float32)
    np.testing.assert_array_equal(smoothed(still), still)


def test_trembling_gets_less() -> None:
    tremble = np.random.default_rng(0).normal(0, 10, (300, 5, 3)).astype(np.float32)
    assert np.diff(smoothed(tremble), axis=0).std() < 0.6 * np.diff(tremble, axis=0).std()


def test_a_fast_movement_is_followed_closer_than_by_a_fixed_cutoff() -> None:
    walk = np.zeros((60, 1, 3), np.float32)
    walk[:, 0, 0] = np.arange(60) * 100  # 3 m/s
    delay = np.abs(smoothed(walk) - walk)[-1, 0, 0]
    fixed = np.abs(smoothed(walk, beta=0) - walk)[-1, 0, 0]
    assert delay < 0.3 * fixed


def test_the_first_step_is_the_formula() -> None:
    # beta 0: a = 1 / (1 + 30 / (2 pi 1.5)) = 0.2391
    poses = np.array([[[0, 0, 0]], [[10, 0, 0]]], np.float32)
    np.testing.assert_allclose(smoothed(poses, beta=0)[1, 0, 0], 10 / (1 + 30 / (2 * np.pi * 1.5)), rtol=1e-6)


def test_a_missing_pose_passes_and_the_filter_starts_anew() -> None:
    poses = np.zeros((3, 1, 3), np.float32)
    poses[1], poses[2] = np.nan, 50
    result = smoothed(poses)
    assert np.isnan(result[1]).all()
    assert result[2, 0, 0] == 50
