"""MSR Action3D as pairs: the screen file is the projection of the world file, and what is bad is left out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lifting.datasets import LiftingDataConfig, load_pairs
from lifting.datasets.msr import load_msr_pairs
from lifting.msr_files import read_screen_file, sequences
from lifting.noise import DetectorNoise

T = 8


def write_sequence(root: Path, world: np.ndarray, screen: np.ndarray, name: str) -> None:
    np.savetxt(root / "real3d" / f"{name}_skeleton3D.txt", world.reshape(-1, 4), fmt="%f")
    np.savetxt(root / "screen20" / f"{name}_skeleton.txt", screen.reshape(-1, 4), fmt="%e")


def a_sequence() -> tuple[np.ndarray, np.ndarray]:
    """A body that stands still 2.5 m away; (T, 20, 4) meters, and its pixels by the Kinect's focal length."""
    body = np.random.default_rng(0).uniform([-0.3, -0.9, 2.4], [0.3, 0.8, 2.6], (20, 3))
    world = np.concatenate([np.tile(body, (T, 1, 1)), np.ones((T, 20, 1))], axis=-1)
    screen = world.copy()
    screen[..., 0] = np.round(160 + 285.63 * world[..., 0] / world[..., 2])
    screen[..., 1] = np.round(120 - 285.63 * world[..., 1] / world[..., 2])
    return world, screen


@pytest.fixture
def msr(tmp_path: Path) -> Path:
    (tmp_path / "real3d").mkdir()
    (tmp_path / "screen20").mkdir()
    world, screen = a_sequence()
    for sequence in sequences("all", "557"):
        write_sequence(tmp_path, world, screen, sequence.name)
    return tmp_path


def test_parts_are_cross_subject_with_one_training_subject_for_validation(msr: Path) -> None:
    split = load_msr_pairs(msr, noise=None, stride=1, seed=0)
    train, validation = set(split.train.subjects), set(split.validation.subjects)
    assert train | validation == {"1", "3", "5", "7", "9"}
    assert len(validation) == 1
    assert set(split.test["test subjects"].subjects) == {"2", "4", "6", "8", "10"}
    assert sum(len(pairs.clips) for _, pairs in split.parts()) == 557


def test_left_and_right_are_turned_round_in_image_and_world_together(msr: Path) -> None:
    pairs = load_msr_pairs(msr, noise=None, stride=4, seed=0).train
    world, screen = a_sequence()
    assert pairs.frames_of(0) == slice(0, 2)
    np.testing.assert_allclose(pairs.keypoints[0, :, 0], 320 - screen[0, :, 0])
    np.testing.assert_allclose(pairs.poses[0, :, 0], -1000 * (world[0, :, 0] - world[0, 6, 0]), atol=0.01)
    np.testing.assert_allclose(pairs.poses[0, :, 1], -1000 * (world[0, :, 1] - world[0, 6, 1]), atol=0.01)
    # What the file rounds to whole pixels is projected exactly.
    assert np.abs(pairs.keypoints[0] - pairs.true_keypoints[0]).max() <= 0.51


def test_wild_places_are_missing_and_inferred_joints_are_not(msr: Path) -> None:
    world, screen = a_sequence()
    screen[2, 5, 1] = 2147483648.0
    world[:, 3, 3] = screen[:, 3, 3] = 0
    write_sequence(msr, world, screen, "a01_s01_e01")
    split = load_msr_pairs(msr, noise=None, stride=1, seed=0)
    pairs = next(p for _, p in split.parts() if p.clips[0].name == "a01_s01_e01")
    assert np.isnan(pairs.keypoints[2, 5]).all()
    assert pairs.confidence[2, 5] == 0
    assert np.isfinite(pairs.keypoints[0, 3]).all()
    assert pairs.confidence[0, 3] == 0.5


def test_an_empty_frame_and_an_inferred_joint_that_jumps_are_left_out(msr: Path) -> None:
    world, screen = a_sequence()
    world[1] = screen[1] = 0
    world[5, 10, 0] += 0.4  # 400 mm to the side for one frame, and only inferred
    world[5, 10, 3] = screen[5, 10, 3] = 0
    world[6, 11, 0] += 0.4  # measured: a fast hand
    write_sequence(msr, world, screen, "a01_s01_e01")
    split = load_msr_pairs(msr, noise=None, stride=1, seed=0)
    pairs = next(p for _, p in split.parts() if p.clips[0].name == "a01_s01_e01")
    assert pairs.frames_of(0) == slice(0, T - 2)
    assert "2 of 4456 frames are left out" in split.describe()


def test_noise_makes_the_keypoints_worse(msr: Path) -> None:
    noisy = load_msr_pairs(msr, noise=DetectorNoise(missed=0.2), stride=1, seed=0).train
    assert np.isnan(noisy.keypoints).any(axis=-1).mean() == pytest.approx(0.2, abs=0.03)


def test_files_of_different_length_are_refused(msr: Path) -> None:
    world, screen = a_sequence()
    write_sequence(msr, world, screen[:-1], "a01_s01_e01")
    with pytest.raises(ValueError, match=r"a01_s01_e01_skeleton.txt has 7 frames, .* 8; as many are needed"):
        load_msr_pairs(msr, noise=None, stride=1, seed=0)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder real3d: get 'Skeleton data"):
        load_msr_pairs(tmp_path, noise=None, stride=1, seed=0)


def test_the_real_screen_files_are_the_projection_of_the_world_files(
    real_data: Callable[[str], Path],
) -> None:
    root = real_data("msr_action3d")
    split = load_pairs(LiftingDataConfig(name="msr", root=root, stride=5))
    for _, pairs in split.parts():
        off = np.abs(pairs.keypoints - pairs.true_keypoints)
        assert np.nanmax(off) < 0.52  # rounded to whole pixels
        assert np.isnan(off).mean() < 0.001
    uv, confidence = read_screen_file(root / "screen20" / "a01_s01_e01_skeleton.txt")
    assert (uv.shape[1:], confidence.shape[1:]) == ((20, 2), (20,))
