"""Changed copies of clips."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from encoding import (
    AugmentationConfig,
    EncodingConfig,
    EncodingStatistics,
    augment,
    encode_all,
    encode_augmented,
    fit_statistics,
)
from encoding.augmentation import mirror, rotation_about_vertical
from lifting.poses import PoseSequence3D

Make = Callable[..., PoseSequence3D]

ENCODING = EncodingConfig()
STATISTICS = EncodingStatistics(pose_distance_max=1500, motion_distance_max=1800)
seeds = st.integers(0, 2**16)


def only(**options: Any) -> AugmentationConfig:
    return AugmentationConfig(**AugmentationConfig.none().model_dump() | options)


def changed(poses: PoseSequence3D, seed: int = 0, **options: Any) -> np.ndarray:
    return augment(poses, only(**options), np.random.default_rng(seed)).xyz


def bone_lengths(xyz: np.ndarray) -> np.ndarray:
    return np.linalg.norm(xyz[..., 1:, :] - xyz[..., :1, :], axis=-1)


def test_nothing_asked_for_changes_nothing(random_clip: Make) -> None:
    poses = random_clip(12)
    np.testing.assert_allclose(changed(poses), poses.xyz, atol=1e-3)


def test_none_is_nothing_whatever_the_defaults_are() -> None:
    changes = AugmentationConfig.none().model_dump()
    assert changes.pop("temporal_crop") == 1
    assert set(changes.values()) == {0}


def test_the_same_generator_state_gives_the_same_clip(random_clip: Make) -> None:
    config = AugmentationConfig(mirror=0.5)
    first, second = (augment(random_clip(12), config, np.random.default_rng(7)).xyz for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, augment(random_clip(12), config, np.random.default_rng(8)).xyz)


def test_the_clip_itself_stays_as_it_is(random_clip: Make) -> None:
    poses = random_clip(12)
    before = poses.xyz.copy()
    augment(poses, AugmentationConfig(mirror=1), np.random.default_rng(0))
    assert np.array_equal(poses.xyz, before)


@given(seed=seeds, num_frames=st.integers(1, 40), kept=st.floats(0.05, 1))
def test_a_crop_keeps_consecutive_frames_and_enough_of_them(
    random_clip: Make, seed: int, num_frames: int, kept: float
) -> None:
    poses = random_clip(num_frames)
    cropped = changed(poses, seed, temporal_crop=kept)
    assert max(1, kept * num_frames) <= len(cropped) <= num_frames
    starts = range(num_frames - len(cropped) + 1)
    assert any(np.allclose(cropped, poses.xyz[s : s + len(cropped)], atol=1e-2) for s in starts)


def test_crops_reach_both_ends_and_every_length(random_clip: Make) -> None:
    poses = random_clip(10)
    crops = [changed(poses, seed, temporal_crop=0.7) for seed in range(200)]
    assert {len(crop) for crop in crops} == {7, 8, 9, 10}
    assert {bool(np.allclose(crop[0], poses.xyz[0], atol=1e-2)) for crop in crops} == {True, False}
    assert {bool(np.allclose(crop[-1], poses.xyz[-1], atol=1e-2)) for crop in crops} == {True, False}


def test_a_crop_that_would_lose_a_joint_is_not_made(random_clip: Make) -> None:
    xyz = random_clip(20).xyz.copy()
    xyz[1:, 2] = np.nan  # seen in the first frame alone
    poses = PoseSequence3D(xyz=xyz, fps=15, skeleton=random_clip(20).skeleton)
    for seed in range(50):
        crop = changed(poses, seed, temporal_crop=0.5)
        assert np.isfinite(crop[0, 2]).all()


def test_mirroring_swaps_left_and_right(random_clip: Make) -> None:
    poses = random_clip(6)
    mirrored = mirror(poses).xyz
    # joints: hip, head, left hand, right hand
    np.testing.assert_array_equal(mirrored[:, 2], poses.xyz[:, 3] * [-1, 1, 1])
    np.testing.assert_array_equal(mirrored[:, 1], poses.xyz[:, 1] * [-1, 1, 1])
    np.testing.assert_array_equal(mirror(mirror(poses)).xyz, poses.xyz)


def test_mirroring_happens_as_often_as_asked(random_clip: Make) -> None:
    poses = random_clip(6)
    expected = mirror(poses).xyz
    times = sum(bool(np.allclose(changed(poses, s, mirror=0.25), expected, atol=1e-2)) for s in range(400))
    assert 70 <= times <= 130  # 100, standard deviation sqrt(400 x 0.25 x 0.75) = 8.7


def test_a_quarter_turn_takes_depth_to_the_side() -> None:
    turned = rotation_about_vertical(np.pi / 2) @ np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(turned, [3, 2, -1], atol=1e-12)


@given(seed=seeds, people=st.integers(1, 2))
def test_a_turn_keeps_height_center_and_lengths(random_clip: Make, seed: int, people: int) -> None:
    poses = random_clip(6, people=people)
    turned = changed(poses, seed, rotation_degrees=180)
    np.testing.assert_allclose(turned[..., 1], poses.xyz[..., 1], atol=1e-2)
    axes = tuple(range(turned.ndim - 1))
    np.testing.assert_allclose(turned.mean(axis=axes), poses.xyz.mean(axis=axes), atol=1e-2)
    np.testing.assert_allclose(bone_lengths(turned), bone_lengths(poses.xyz), rtol=1e-4)


def test_turns_go_to_both_sides_and_no_further_than_asked(random_clip: Make) -> None:
    poses = random_clip(1)
    start = poses.xyz[0, 1] - poses.xyz[0, 0]
    angles = []
    for seed in range(200):
        xyz = changed(poses, seed, rotation_degrees=30)[0]
        end = xyz[1] - xyz[0]
        turn = np.arctan2(end[0], end[2]) - np.arctan2(start[0], start[2])
        angles.append(np.degrees((turn + np.pi) % (2 * np.pi) - np.pi))
    assert -30.01 <= min(angles) < -25
    assert 25 < max(angles) <= 30.01


def test_two_people_are_turned_and_scaled_as_one(random_clip: Make) -> None:
    poses = random_clip(6, people=2)
    result = changed(poses, seed=3, rotation_degrees=90, scale=0.2)
    gaps = [np.linalg.norm(xyz[:, 0] - xyz[:, 1], axis=-1) for xyz in (poses.xyz, result)]
    ratio = gaps[1] / gaps[0]
    assert 0.8 <= ratio.mean() <= 1.2
    np.testing.assert_allclose(ratio, ratio.mean(), rtol=1e-4)


def test_scale_changes_all_lengths_alike_within_its_range(random_clip: Make) -> None:
    poses = random_clip(3)
    ratios = [bone_lengths(changed(poses, s, scale=0.1)) / bone_lengths(poses.xyz) for s in range(200)]
    assert max(np.ptp(ratio) for ratio in ratios) < 1e-4
    means = [ratio.mean() for ratio in ratios]
    assert 0.9 - 1e-5 <= min(means) < 0.92
    assert 1.08 < max(means) <= 1.1 + 1e-5


def test_noise_has_the_deviation_asked_for(random_clip: Make) -> None:
    poses = random_clip(400)
    noise = changed(poses, joint_noise_mm=15) - poses.xyz
    assert noise.std() == pytest.approx(15, rel=0.05)  # 4800 draws: 1 % standard error
    assert abs(noise.mean()) < 1


def test_missing_joints_stay_missing(random_clip: Make) -> None:
    xyz = random_clip(9).xyz.copy()
    xyz[3:5, 1] = np.nan
    poses = PoseSequence3D(xyz=xyz, fps=15, skeleton=random_clip(9).skeleton)
    config = AugmentationConfig(temporal_crop=1)
    assert np.array_equal(np.isnan(augment(poses, config, np.random.default_rng(0)).xyz), np.isnan(xyz))


def test_a_clip_with_nothing_seen_comes_back_unseen(clip: Make) -> None:
    blank = clip(np.full((5, 4, 3), np.nan))
    assert np.isnan(augment(blank, AugmentationConfig(), np.random.default_rng(0)).xyz).all()


def test_a_tilt_keeps_lengths_and_stays_within_its_angle(random_clip: Make) -> None:
    poses = random_clip(6)
    up = np.array([0.0, 1.0, 0.0])
    angles = []
    for seed in range(100):
        tilted = changed(poses, seed, tilt_degrees=20)
        np.testing.assert_allclose(bone_lengths(tilted), bone_lengths(poses.xyz), rtol=1e-4)
        # the rotation that took one set of differences to the other
        before, after = (xyz[0, 1:] - xyz[0, :1] for xyz in (poses.xyz, tilted))
        rotation = np.linalg.lstsq(before, after, rcond=None)[0].T
        angles.append(np.degrees(np.arccos(np.clip((rotation @ up) @ up, -1, 1))))
    assert 15 < max(angles) <= np.degrees(np.arccos(np.cos(np.radians(20)) ** 2)) + 0.1


@pytest.mark.parametrize("people", [1, 2])
def test_bones_change_their_length_and_keep_their_direction_in_all_frames(
    random_clip: Make, people: int
) -> None:
    poses = random_clip(6, people=people)
    stretched = changed(poses, 3, bone_spread=0.2)
    ratios = []
    for parent, child in poses.skeleton.bones:
        before, after = (xyz[..., child, :] - xyz[..., parent, :] for xyz in (poses.xyz, stretched))
        ratio = np.linalg.norm(after, axis=-1) / np.linalg.norm(before, axis=-1)
        np.testing.assert_allclose(after, before * ratio[..., None], atol=0.05)
        assert np.ptp(ratio, axis=0).max() < 1e-3  # the same in every frame
        ratios += np.atleast_1d(ratio[0]).tolist()
    assert np.ptp(ratios) > 0.05  # a factor of its own for each bone and person
    root = poses.skeleton.root
    np.testing.assert_allclose(stretched[..., root, :], poses.xyz[..., root, :], atol=1e-3)


def test_a_bone_with_a_missing_end_keeps_its_length(random_clip: Make) -> None:
    xyz = random_clip(6).xyz.copy()
    parent, child = random_clip(6).skeleton.bones[0]
    xyz[2, parent] = np.nan
    poses = PoseSequence3D(xyz=xyz, fps=15, skeleton=random_clip(6).skeleton)
    stretched = changed(poses, bone_spread=0.3)
    assert np.array_equal(np.isnan(stretched), np.isnan(xyz))
    np.testing.assert_allclose(stretched[2, child], xyz[2, child], atol=1e-3)


def test_a_time_warp_goes_from_end_to_end_through_moments_between(random_clip: Make) -> None:
    slow = np.linspace(0, 990, 34)[:, None, None] * np.ones((1, 4, 3))
    poses = PoseSequence3D(xyz=slow.astype(np.float32), fps=15, skeleton=random_clip(2).skeleton)
    speeds = set()
    for seed in range(20):
        warped = changed(poses, seed, time_warp=0.4)
        assert warped.shape == poses.xyz.shape
        np.testing.assert_allclose(warped[[0, -1]], poses.xyz[[0, -1]], atol=1e-3)
        steps = np.diff(warped[:, 0, 0])
        assert (steps > 0).all()
        speeds.add(round(float(steps[0]), 3))
    assert len(speeds) > 10
    assert min(speeds) < 25 < 35 < max(speeds)  # 30 without a warp


def test_a_time_warp_that_would_lose_a_joint_is_not_made(random_clip: Make) -> None:
    xyz = random_clip(20).xyz.copy()
    xyz[:, 2] = np.nan
    xyz[7, 2] = 1  # seen once
    poses = PoseSequence3D(xyz=xyz, fps=15, skeleton=random_clip(20).skeleton)
    for seed in range(20):
        assert np.isfinite(changed(poses, seed, time_warp=0.5)[:, 2]).any()


def test_an_option_switched_off_leaves_the_draws_of_the_others(random_clip: Make) -> None:
    states = set()
    strong = only(tilt_degrees=9, bone_spread=0.1, time_warp=0.2)
    for config in (AugmentationConfig(mirror=1), AugmentationConfig.none(), only(temporal_crop=0.5), strong):
        rng = np.random.default_rng(5)
        augment(random_clip(12), config, rng)
        states.add(rng.random())
    assert len(states) == 1
    poses = random_clip(12)
    both = changed(poses, 5, temporal_crop=0.6, rotation_degrees=40)
    np.testing.assert_allclose(
        both.mean(axis=(0, 1))[1], changed(poses, 5, temporal_crop=0.6).mean(axis=(0, 1))[1]
    )


def test_training_images_of_no_augmentation_are_the_encoded_clips(random_clip: Make) -> None:
    clips = [random_clip(n, seed=n) for n in (5, 9, 20)]
    images = encode_augmented(
        clips, ENCODING, AugmentationConfig.none(), STATISTICS, np.random.default_rng(0)
    )
    plain = encode_all(clips, ENCODING, STATISTICS)
    # turning by 0 and scaling by 1 about the center still rounds: a color may fall to the next level
    assert np.mean(np.abs(images.astype(int) - plain) > 6) < 0.01


def test_an_image_flip_reverses_the_columns(random_clip: Make) -> None:
    clips = [random_clip(9)]
    plain, flipped = (
        encode_augmented(clips, ENCODING, only(image_flip=p), STATISTICS, np.random.default_rng(0))
        for p in (0, 1)
    )
    assert np.array_equal(flipped, plain[:, :, ::-1])


def test_training_images_repeat_with_the_generator_and_differ_without(random_clip: Make) -> None:
    clips = [random_clip(n, seed=n) for n in (5, 9)]

    def images(seed: int) -> bytes:
        rng = np.random.default_rng(seed)
        return encode_augmented(clips, ENCODING, AugmentationConfig(), STATISTICS, rng).tobytes()

    assert images(1) == images(1) != images(2)


@pytest.mark.parametrize(
    "option",
    [
        {"temporal_crop": 0},
        {"mirror": 1.5},
        {"rotation_degrees": 200},
        {"scale": 1},
        {"joint_noise_mm": -1},
        {"tilt_degrees": 91},
        {"bone_spread": -1},
        {"time_warp": 2},
    ],
)
def test_an_option_out_of_range_is_refused(option: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(option))):
        AugmentationConfig(**option)


def test_a_spread_of_bones_is_seen_on_the_reference_body(random_clip: Make) -> None:
    clips = [random_clip(8, seed) for seed in range(3)]
    config = EncodingConfig(bones="reference", enhancement="off")
    statistics = fit_statistics(clips, config)
    still = AugmentationConfig.none()
    as_they_are = encode_all(clips, config, statistics)
    rng = np.random.default_rng
    unchanged = encode_augmented(clips, config, still, statistics, rng(0))
    assert np.mean(np.abs(unchanged.astype(int) - as_they_are) > 2) < 0.01
    spread = still.model_copy(update={"bone_spread": 0.3})
    changed = encode_augmented(clips, config, spread, statistics, rng(0))
    assert all(
        np.mean(np.abs(one.astype(int) - two) > 2) > 0.1
        for one, two in zip(changed, as_they_are, strict=True)
    )
