"""Filling gaps and smoothing."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from encoding.smoothing import clean, smooth
from lifting.poses import PoseSequence3D

Make = Callable[..., PoseSequence3D]


def line(num_frames: int) -> np.ndarray:
    """Four joints on straight paths: joint j at time t stands at (10 j + 3 t, -7 t, 100 + t)."""
    t, j = np.meshgrid(np.arange(num_frames), np.arange(4), indexing="ij")
    return np.stack([10 * j + 3 * t, -7 * t, 100 + t], axis=-1).astype(np.float32)


def test_poses_without_a_gap_are_handed_on(clip: Make) -> None:
    poses = clip(line(6))
    assert clean(poses) is poses.xyz


@given(start=st.integers(1, 8), length=st.integers(1, 8), joint=st.integers(0, 3))
def test_an_interior_gap_on_a_linear_path_is_restored_exactly(
    clip: Make, start: int, length: int, joint: int
) -> None:
    whole = line(17)
    holed = whole.copy()
    holed[start : start + length, joint] = np.nan
    assert np.array_equal(clean(clip(holed)), whole)


def test_a_gap_at_an_end_holds_the_nearest_value(clip: Make) -> None:
    xyz = line(6)
    xyz[:2, 1] = np.nan
    xyz[4:, 2, 0] = np.nan
    filled = clean(clip(xyz))
    assert filled[:3, 1].tolist() == [[16, -14, 102]] * 3  # frame 2: (10 + 6, -14, 102)
    assert filled[3:, 2, 0].tolist() == [29, 29, 29]  # frame 3: 20 + 9
    assert filled[5, 2, 1:].tolist() == [-35, 105]  # the coordinates that were there stay


def test_an_empty_frame_is_filled_from_its_neighbors(clip: Make) -> None:
    xyz = line(5)
    xyz[2] = np.nan
    assert np.array_equal(clean(clip(xyz)), line(5))


def test_both_people_are_filled(clip: Make) -> None:
    xyz = np.stack([line(5), line(5) + 1000], axis=1)
    xyz[1:3, 1, 2] = np.nan
    assert np.array_equal(clean(clip(xyz)), np.stack([line(5), line(5) + 1000], axis=1))


def test_a_joint_without_depth_counts_as_never_seen(clip: Make) -> None:
    xyz = line(6)
    xyz[:, 1, 2] = np.nan
    filled = clean(clip(xyz))
    parent = clip(xyz).skeleton.parents[1]
    np.testing.assert_array_equal(filled[:, 1], line(6)[:, parent])


def test_no_joint_in_any_frame_is_refused(clip: Make) -> None:
    with pytest.raises(ValueError, match="no joint is seen in any of 6 frames"):
        clean(clip(np.full_like(line(6), np.nan)))


@pytest.mark.parametrize("num_frames", [5, 6, 7, 9, 40])
def test_smoothing_is_the_filter_of_scipy(num_frames: int) -> None:
    xyz = np.random.default_rng(num_frames).normal(scale=500, size=(num_frames, 4, 3)).astype(np.float32)
    expected = savgol_filter(xyz.astype(np.float64), window_length=5, polyorder=2, axis=0, mode="interp")
    # float32 holds 500 mm to 3e-5 mm; a sum of five such
    np.testing.assert_allclose(smooth(xyz), expected, rtol=0, atol=1e-3)


def test_a_single_spike_is_smoothed_by_the_published_weights() -> None:
    spike = np.zeros((9, 1, 3), dtype=np.float32)
    spike[4] = 35
    assert smooth(spike)[2:7, 0, 0].tolist() == [-3, 12, 17, 12, -3]


def test_a_quadratic_path_stays_as_it_is() -> None:
    t = np.arange(12, dtype=np.float32)[:, None, None]
    path = np.broadcast_to(3 * t**2 - 5 * t + 2, (12, 2, 3)).astype(np.float32)
    np.testing.assert_allclose(smooth(path), path, rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("num_frames", [1, 2, 3, 4])
def test_fewer_than_five_frames_stay_unsmoothed(num_frames: int) -> None:
    xyz = np.random.default_rng(0).normal(size=(num_frames, 4, 3)).astype(np.float32)
    assert np.array_equal(smooth(xyz), xyz)


@given(value=st.floats(-1e4, 1e4, width=32), num_frames=st.integers(1, 12))
def test_a_still_joint_stays_still_to_the_last_bit(value: float, num_frames: int) -> None:
    still = np.full((num_frames, 1, 3), value, dtype=np.float32)
    assert np.array_equal(smooth(still), still)


@given(seed=st.integers(0, 1000), num_frames=st.integers(1, 30))
def test_a_reversed_clip_is_smoothed_to_the_exact_reverse(seed: int, num_frames: int) -> None:
    xyz = np.random.default_rng(seed).normal(scale=700, size=(num_frames, 4, 3)).astype(np.float32)
    assert np.array_equal(smooth(xyz[::-1]), smooth(xyz)[::-1])
