"""The Enhanced-SPMF image: against the literal loop, and the properties that docs/spmf.md lists."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from encoding import (
    EncodingConfig,
    EncodingStatistics,
    encode,
    encode_all,
    feature_image,
    fit_statistics,
)
from encoding.augmentation import mirror, rotation_about_vertical
from encoding.colors import JET
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20, SBU_15, Skeleton

Make = Callable[..., PoseSequence3D]

CONFIG = EncodingConfig()
STATISTICS = EncodingStatistics(pose_distance_max=1500, motion_distance_max=1800)
seeds = st.integers(0, 2**16)
frame_counts = st.integers(1, 24)


def raw(
    poses: PoseSequence3D, statistics: EncodingStatistics = STATISTICS, **options: Any
) -> NDArray[np.uint8]:
    return feature_image(poses, EncodingConfig(**options), statistics)


def levels(image: NDArray[np.uint8]) -> NDArray[np.intp]:
    """JET levels of the upper half."""
    top = image[: len(image) // 2].astype(int)
    return np.argmin(np.abs(top[:, :, None] - JET.astype(int)).sum(axis=-1), axis=-1)


def directions(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Unit vectors of the lower half, from the middle of each bin."""
    return (image[len(image) // 2 :] + 0.5) / 127.5 - 1


def moved(poses: PoseSequence3D, xyz: NDArray[Any]) -> PoseSequence3D:
    return PoseSequence3D(xyz=xyz, fps=poses.fps, skeleton=poses.skeleton)


# The literal loop


def assert_as_the_loop(image: NDArray[np.uint8], expected: NDArray[np.uint8]) -> None:
    """float32 against float64: a value on the edge between two levels may fall on either side."""
    assert image.shape == expected.shape
    assert np.abs(levels(image) - levels(expected)).max() <= 1
    assert np.abs(directions(image) - directions(expected)).max() <= 1.001 / 127.5
    assert np.mean(image != expected) < 0.002


@pytest.mark.parametrize("num_frames", [1, 2, 4, 5, 6, 17])
@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize("ordered", [False, True])
def test_the_image_is_that_of_the_literal_loop(
    oracle: ModuleType, random_clip: Make, num_frames: int, people: int, ordered: bool
) -> None:
    poses = random_clip(num_frames, seed=num_frames, people=people)
    expected = oracle.feature_image(oracle.joint_set(poses.xyz), 1500, 1800, ordered)
    assert_as_the_loop(raw(poses, pairs="ordered" if ordered else "upper"), expected)


def test_gaps_and_no_smoothing_are_those_of_the_literal_loop(oracle: ModuleType, random_clip: Make) -> None:
    xyz = random_clip(20).xyz.copy()
    xyz[3:6, 1] = np.nan
    xyz[:2, 0] = np.nan
    xyz[15:, 2, 1] = np.nan
    poses = moved(random_clip(20), xyz)
    expected = oracle.feature_image(oracle.joint_set(xyz, smooth=False), 1500, 1800)
    assert_as_the_loop(raw(poses, smooth=False), expected)


def test_statistics_are_those_of_the_literal_loop(oracle: ModuleType, random_clip: Make) -> None:
    clips = [random_clip(n, seed=n) for n in (1, 4, 9, 20)]
    each = [oracle.largest_distances(oracle.joint_set(poses.xyz)) for poses in clips]
    statistics = fit_statistics(clips, CONFIG)
    assert statistics.pose_distance_max == pytest.approx(max(pose for pose, _ in each), rel=1e-5)
    assert statistics.motion_distance_max == pytest.approx(max(motion for _, motion in each), rel=1e-5)


def real_clip(root: Path, name: str) -> PoseSequence3D:
    rows = np.loadtxt(root / "real3d" / f"{name}_skeleton3D.txt", dtype=np.float32)
    return PoseSequence3D(xyz=1000 * rows.reshape(-1, 20, 4)[..., :3], fps=15, skeleton=MSR_20)


def test_a_real_clip_is_encoded_as_by_the_literal_loop(
    oracle: ModuleType, real_data: Callable[[str], Path]
) -> None:
    poses = real_clip(real_data("msr_action3d"), "a01_s01_e01")
    statistics = fit_statistics([poses], CONFIG)
    expected = oracle.feature_image(
        oracle.joint_set(poses.xyz), statistics.pose_distance_max, statistics.motion_distance_max
    )
    image = raw(poses, statistics)
    assert image.shape == (380, 2 * poses.num_frames - 1, 3)  # 2 x 190 pairs
    assert_as_the_loop(image, expected)


# Form


@pytest.mark.parametrize("num_frames", [1, 2, 3, 4, 5, 6, 17, 100])
@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize("enhancement", ["lab", "hsv", "off"])
def test_every_clip_becomes_a_small_image(
    random_clip: Make, num_frames: int, people: int, enhancement: str
) -> None:
    config = EncodingConfig(enhancement=enhancement)  # type: ignore[arg-type]
    image = encode(random_clip(num_frames, people=people), config, STATISTICS)
    assert (image.shape, image.dtype) == ((32, 32, 3), np.uint8)


def test_the_image_size_is_an_option(random_clip: Make) -> None:
    assert encode(random_clip(9), EncodingConfig(image_size=48), STATISTICS).shape == (48, 48, 3)


@pytest.mark.parametrize(("skeleton", "people", "height"), [(MSR_20, 1, 380), (SBU_15, 2, 870)])
def test_rows_are_twice_the_pairs_and_columns_twice_the_frames_less_one(
    skeleton: Skeleton, people: int, height: int
) -> None:
    shape = (7, skeleton.num_joints, 3) if people == 1 else (7, 2, skeleton.num_joints, 3)
    xyz = np.random.default_rng(0).normal(scale=300, size=shape).astype(np.float32)
    image = raw(PoseSequence3D(xyz=xyz, fps=15, skeleton=skeleton))
    assert image.shape == (height, 13, 3)  # 20 x 19 = 380; 30 x 29 = 870
    ordered = raw(PoseSequence3D(xyz=xyz, fps=15, skeleton=skeleton), pairs="ordered")
    assert ordered.shape == (2 * height, 13, 3)


def test_the_same_clip_gives_the_same_image_and_is_not_changed(random_clip: Make) -> None:
    poses = random_clip(23)
    before = poses.xyz.copy()
    assert np.array_equal(encode(poses, CONFIG, STATISTICS), encode(poses, CONFIG, STATISTICS))
    assert np.array_equal(poses.xyz, before)


def test_many_clips_are_encoded_as_each_alone(random_clip: Make) -> None:
    clips = [random_clip(n, seed=n) for n in (1, 6, 30)]
    images = encode_all(clips, CONFIG, STATISTICS)
    assert images.shape == (3, 32, 32, 3)
    for image, poses in zip(images, clips, strict=True):
        assert np.array_equal(image, encode(poses, CONFIG, STATISTICS))
    assert encode_all([], CONFIG, STATISTICS).shape == (0, 32, 32, 3)


# Properties before enhancement, which mixes rows


@given(seed=seeds, num_frames=frame_counts, shift=st.tuples(*[st.integers(-40000, 40000)] * 3))
def test_moving_the_whole_clip_changes_nothing(
    random_clip: Make, seed: int, num_frames: int, shift: tuple[int, int, int]
) -> None:
    poses = random_clip(num_frames, seed)
    elsewhere = moved(poses, poses.xyz + np.array(shift) / 8)  # on the grid of 1/8 mm: exact in float32
    assert np.array_equal(raw(poses), raw(elsewhere))
    assert np.array_equal(encode(poses, CONFIG, STATISTICS), encode(elsewhere, CONFIG, STATISTICS))


@given(seed=seeds, num_frames=frame_counts, angle=st.floats(-np.pi, np.pi))
def test_turning_the_whole_clip_turns_the_orientations_alone(
    random_clip: Make, seed: int, num_frames: int, angle: float
) -> None:
    poses = random_clip(num_frames, seed)
    rotation = rotation_about_vertical(angle)
    image, turned = raw(poses), raw(moved(poses, poses.xyz @ rotation.T))
    difference = np.abs(levels(image) - levels(turned))
    assert difference.max() <= 1  # rounding of the rotated coordinates at the edge between two levels
    assert difference.mean() < 0.01
    # each part is read to 1 / 255; the rotation adds up to sqrt(2) of two of them
    assert np.abs(directions(image) @ rotation.T - directions(turned)).max() <= (1 + 2**0.5) / 255 + 1e-3


@given(seed=seeds, num_frames=frame_counts)
def test_a_quarter_turn_leaves_the_distances_identical(random_clip: Make, seed: int, num_frames: int) -> None:
    # whole millimeters: squares and their sums are exact in float32
    poses = moved(random_clip(num_frames, seed), np.round(random_clip(num_frames, seed).xyz / 4))
    x, y, z = np.moveaxis(poses.xyz, -1, 0)
    image = raw(poses, smooth=False)
    turned = raw(moved(poses, np.stack([z, y, -x], axis=-1)), smooth=False)
    assert np.array_equal(levels(image), levels(turned))


@given(seed=seeds)
def test_colors_give_the_distances_back(random_clip: Make, seed: int, oracle: ModuleType) -> None:
    poses = random_clip(8, seed)
    statistics = fit_statistics([poses], CONFIG)
    frames = oracle.joint_set(poses.xyz)
    distances = [[oracle.distance(frame[j], frame[k]) for frame in frames] for j, k in oracle.pairs(4)]
    decoded = levels(raw(poses, statistics))[:, ::2] * statistics.pose_distance_max / 255
    assert np.abs(decoded - distances).max() <= statistics.pose_distance_max / 255 + 1e-3


@given(seed=seeds, num_frames=frame_counts)
def test_orientations_have_unit_length(random_clip: Make, seed: int, num_frames: int) -> None:
    length = np.linalg.norm(directions(raw(random_clip(num_frames, seed))), axis=-1)
    assert np.abs(length - 1).max() <= 0.0068  # three parts, each within 1 / 255: sqrt(3) / 255


def test_nearly_all_orientations_have_unit_length_within_six_thousandths(random_clip: Make) -> None:
    image = np.concatenate([raw(random_clip(100, seed)) for seed in range(20)], axis=1)
    length = np.linalg.norm(directions(image), axis=-1)  # 6 pairs x 20 x 199 columns
    assert np.mean(np.abs(length - 1) <= 0.006) > 0.995


@given(seed=seeds, num_frames=frame_counts, doublings=st.integers(-2, 4))
def test_scaling_leaves_the_orientations_and_with_the_maximum_the_distances(
    random_clip: Make, seed: int, num_frames: int, doublings: int
) -> None:
    poses, factor = random_clip(num_frames, seed), 2.0**doublings  # a power of two is exact in float32
    larger = moved(poses, poses.xyz * factor)
    scaled = EncodingStatistics(pose_distance_max=1500 * factor, motion_distance_max=1800 * factor)
    assert np.array_equal(raw(poses), raw(larger, scaled))
    assert np.array_equal(directions(raw(poses)), directions(raw(larger)))
    assert np.array_equal(raw(poses, distance_scope="sequence"), raw(larger, distance_scope="sequence"))


def test_distances_above_the_maximum_saturate(random_clip: Make) -> None:
    poses = random_clip(12)
    small = EncodingStatistics(pose_distance_max=300, motion_distance_max=300)
    before, after = levels(raw(poses)), levels(raw(poses, small))
    assert (after[before * 1500 / 255 > 300] == 255).all()
    assert (after >= before).all()
    assert (levels(raw(moved(poses, poses.xyz * 40), small)) == 255).all()


@given(seed=seeds, num_frames=frame_counts, people=st.integers(1, 2))
def test_reversing_time_reverses_the_pose_columns_exactly(
    random_clip: Make, seed: int, num_frames: int, people: int
) -> None:
    poses = random_clip(num_frames, seed, people)
    if people == 2:  # far apart, so that the order of people is the same at both ends
        poses = moved(poses, poses.xyz + np.array([[[-4000, 0, 0]], [[4000, 0, 0]]]))
    image, reverse = raw(poses), raw(moved(poses, poses.xyz[::-1]))
    assert np.array_equal(reverse[:, ::2], image[:, ::-1][:, ::2])


@given(seed=seeds, num_frames=frame_counts)
def test_a_still_pose_has_equal_columns(random_clip: Make, seed: int, num_frames: int) -> None:
    pose = random_clip(1, seed).xyz
    same = EncodingStatistics(pose_distance_max=1500, motion_distance_max=1500)
    image = raw(moved(random_clip(1), np.repeat(pose, num_frames, axis=0)), same)
    assert (image == image[:, :1]).all()


def test_an_interior_gap_on_a_linear_path_changes_nothing(random_clip: Make) -> None:
    start, step = random_clip(2).xyz
    xyz = start + np.arange(20)[:, None, None] * np.round(step / 64)
    holed = xyz.copy()
    holed[7:11, 2] = np.nan
    poses = random_clip(20)
    assert np.array_equal(raw(moved(poses, holed)), raw(moved(poses, xyz)))


def test_joints_at_one_point_are_grey(random_clip: Make) -> None:
    xyz = random_clip(9).xyz.copy()
    xyz[:, 1] = xyz[:, 0]
    image = raw(moved(random_clip(9), xyz))
    assert (image[6, ::2] == 127).all()  # the pair (0, 1), first of the lower half of six
    assert (image[0, ::2] == JET[0]).all()


# Two people


@given(seed=seeds, num_frames=frame_counts)
def test_swapping_the_two_people_gives_the_same_image(random_clip: Make, seed: int, num_frames: int) -> None:
    poses = random_clip(num_frames, seed, people=2)
    assert np.array_equal(raw(poses), raw(moved(poses, poses.xyz[:, ::-1])))


def test_people_at_equal_x_are_ordered_all_the_same(random_clip: Make) -> None:
    one = random_clip(5).xyz
    poses = moved(random_clip(5), np.stack([one, one + np.float32([0, 0, 900])], axis=1))
    assert np.array_equal(raw(poses), raw(moved(poses, poses.xyz[:, ::-1])))


def test_the_person_at_smaller_x_comes_first(random_clip: Make) -> None:
    one, two = random_clip(5, seed=1).xyz, random_clip(5, seed=2).xyz + np.float32([5000, 0, 0])
    image = raw(moved(random_clip(5), np.stack([two, one], axis=1)))
    alone = raw(moved(random_clip(5), one))
    # pairs within the first person: (0,1) (0,2) (0,3) lead rows 0-2; with 8 joints (1,2) (1,3) are rows 7, 8
    assert np.array_equal(image[[0, 1, 2, 7, 8]], alone[[0, 1, 2, 3, 4]])


def test_moving_two_people_apart_changes_the_image(random_clip: Make) -> None:
    poses = random_clip(12, people=2)
    apart = moved(poses, poses.xyz + np.array([[[0, 0, 0]], [[0, 0, 700]]]))
    assert not np.array_equal(raw(poses), raw(apart))
    assert not np.array_equal(encode(poses, CONFIG, STATISTICS), encode(apart, CONFIG, STATISTICS))


def test_the_mirror_image_of_two_people_keeps_the_distances_of_the_pair(random_clip: Make) -> None:
    poses = random_clip(12, people=2)
    image, mirrored = levels(raw(poses)), levels(raw(mirror(poses)))
    assert np.abs(np.sort(image[:, ::2], axis=0) - np.sort(mirrored[:, ::2], axis=0)).max() <= 1


# Options, statistics and errors


def test_every_option_changes_the_image(random_clip: Make) -> None:
    poses = random_clip(20)
    options: list[dict[str, Any]] = [
        {},
        {"pairs": "ordered"},
        {"smooth": False},
        {"distance_scope": "sequence"},
        {"enhancement": "hsv"},
        {"enhancement": "off"},
        {"clip_limit": 2.0},
        {"tiles": 2},
    ]
    images = {encode(poses, EncodingConfig(**option), STATISTICS).tobytes() for option in options}
    assert len(images) == len(options)


@pytest.mark.parametrize(
    "option", [{"pairs": "all"}, {"clip_limit": 0}, {"tiles": 0}, {"image_size": 1}, {"color": "jet"}]
)
def test_an_option_out_of_range_is_refused(option: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(option))):
        EncodingConfig(**option)


def test_the_largest_training_distance_gets_the_last_color(random_clip: Make) -> None:
    poses = random_clip(20)
    image = levels(raw(poses, fit_statistics([poses], CONFIG)))
    assert image[:, ::2].max() == image[:, 1::2].max() == 255


def test_each_clip_has_its_own_scale_where_asked(random_clip: Make) -> None:
    config = EncodingConfig(distance_scope="sequence")
    image = feature_image(random_clip(20), config, None)
    assert levels(image)[:, ::2].max() == levels(image)[:, 1::2].max() == 255


def test_statistics_are_needed_for_the_scale_of_the_training_part(random_clip: Make) -> None:
    with pytest.raises(
        ValueError, match='distance_scope "train" needs statistics; fit_statistics makes them'
    ):
        encode(random_clip(5), CONFIG, None)


def test_clips_of_one_frame_take_the_pose_maximum_for_motion(random_clip: Make) -> None:
    statistics = fit_statistics([random_clip(1)], CONFIG)
    assert statistics.motion_distance_max == statistics.pose_distance_max > 0


def test_statistics_come_back_from_their_dictionary() -> None:
    assert EncodingStatistics.from_dict(STATISTICS.to_dict()) == STATISTICS
    with pytest.raises(
        ValueError, match=r"hold \['pose_max'\]; \['motion_distance_max', 'pose_distance_max'\] are"
    ):
        EncodingStatistics.from_dict({"pose_max": 1})


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_statistics_must_be_positive(value: float) -> None:
    with pytest.raises(ValueError, match=f"motion_distance_max is {value}; a positive number of millimeters"):
        EncodingStatistics(pose_distance_max=1, motion_distance_max=value)


def test_statistics_of_no_clip_are_refused() -> None:
    with pytest.raises(ValueError, match="there is no clip to fit the encoding statistics to; at least 1"):
        fit_statistics([], CONFIG)


def test_statistics_of_points_are_refused(clip: Make) -> None:
    with pytest.raises(
        ValueError, match="in all 2 clips every joint stands at one point; poses with an extent"
    ):
        fit_statistics([clip(np.ones((5, 4, 3))), clip(np.ones((1, 4, 3)))], CONFIG)


def test_a_clip_of_points_is_still_encoded(clip: Make) -> None:
    points = clip(np.ones((5, 4, 3)))
    for scope in ("train", "sequence"):
        image = raw(points, distance_scope=scope)
        assert (levels(image) == 0).all()
        assert (image[6:] == 127).all()


def test_one_joint_makes_no_pair() -> None:
    lone = Skeleton(name="lone_1", joints=("nose",), parents=(-1,), pairs=())
    poses = PoseSequence3D(xyz=np.zeros((5, 1, 3), dtype=np.float32), fps=15, skeleton=lone)
    with pytest.raises(ValueError, match="the clip has 1 joints; joint pairs need at least 2"):
        encode(poses, CONFIG, STATISTICS)
