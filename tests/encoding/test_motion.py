"""The motion image: against a literal loop, and what moves, turns and scales may not change."""

from collections.abc import Callable
from math import exp, floor, hypot, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from encoding import (
    EncodingConfig,
    as_pictures,
    encode,
    encode_all,
    facing_note,
    image_bands,
    motion_image,
    motion_rows,
)
from encoding.augmentation import rotation_about_vertical
from encoding.limbs import limbs_of
from encoding.motion import fit_rows
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20, SBU_15, SKELETONS, Skeleton, layout

Make = Callable[..., PoseSequence3D]
MOTION = EncodingConfig(kind="motion")
ORDER = [
    "head", "shoulder_center", "spine", "hip_center",
    "left_shoulder", "left_elbow", "left_wrist", "left_hand",
    "right_shoulder", "right_elbow", "right_wrist", "right_hand",
    "left_knee", "left_ankle", "right_knee", "right_ankle",
]  # fmt: skip


def body(num_frames: int, skeleton: Skeleton = MSR_20, people: int = 1, seed: int = 0) -> Any:
    """A wandering body, (T, J, 3) or (T, 2, J, 3) millimeters, right of it at larger x."""
    rng = np.random.default_rng(seed)
    shape = (people, skeleton.num_joints, 3)
    xyz = rng.normal(scale=300, size=shape) + rng.normal(scale=40, size=(num_frames, *shape))
    for left, right in skeleton.pairs:
        xyz[..., left, 0] -= 400
        xyz[..., right, 0] += 400
    xyz += np.cumsum(rng.normal(scale=30, size=(num_frames, people, 1, 3)), axis=0)
    xyz[:, people - 1, :, 0] += 900 * (people - 1)
    return xyz[:, 0] if people == 1 else xyz


def poses(xyz: Any, skeleton: Skeleton = MSR_20, fps: float = 15) -> PoseSequence3D:
    return PoseSequence3D(xyz=np.asarray(xyz, np.float32), fps=fps, skeleton=skeleton)


def apart(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(int) - other.astype(int)).max())


def literal(xyz: NDArray[np.float64], fps: float) -> NDArray[np.uint8]:
    """One MSR person without gaps, sum by sum."""
    S, name = 32, MSR_20.joints.index
    T = len(xyz)
    bones = [
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
    ]
    unit = 0.0
    for a, b in bones:
        lengths = [
            sqrt(sum((xyz[t][name(a)][i] - xyz[t][name(b)][i]) ** 2 for i in range(3))) for t in range(T)
        ]
        unit += float(np.median(lengths)) / 2.08
    facing = []
    for i in (0, 2):
        across = [
            sum(
                frame[name(f"right_{part}")][i] - frame[name(f"left_{part}")][i]
                for part in ("hip", "shoulder")
            )
            for frame in xyz
        ]
        facing.append(float(np.median(across)))
    c, s = (value / hypot(*facing) for value in facing)
    q = np.zeros((S, 20, 3))
    for column in range(S):
        moment = column * (T - 1) / (S - 1)
        t = min(int(moment), max(T - 2, 0))
        for j in range(20):
            x, y, z = (
                (xyz[t][j][i] * (1 - moment + t) + xyz[min(t + 1, T - 1)][j][i] * (moment - t)) / unit
                for i in range(3)
            )
            q[column, j] = c * x + s * z, y, c * z - s * x
    weights = [exp(-0.5 * (k / 0.7) ** 2) for k in range(-3, 4)]
    smooth = np.zeros_like(q)
    for column in range(S):
        for k in range(-3, 4):
            smooth[column] += weights[k + 3] / sum(weights) * q[min(max(column + k, 0), S - 1)]
    image = np.zeros((S, S, 3), np.uint8)
    hip = smooth[:, name("hip_center")]
    for row, joint in enumerate(ORDER):
        for column in range(S):
            for i in range(3):
                value = smooth[column, name(joint), i] - hip[column, i]
                if joint == "hip_center":
                    value = hip[column, i] - sum(hip[k, i] for k in range(S)) / S
                image[row, column, i] = floor(255 * min(max((value + 1.2) / 2.4, 0), 1))
                V = 0.0
                if 0 < column < S - 1:
                    ahead, behind = (smooth[column + k, name(joint), i] for k in (1, -1))
                    V = 5 * (S / T) * (ahead - behind) / 2 * fps / 15  # as measured on 15 frames a second
                image[row + 16, column, i] = floor(255 * (V / (1 + abs(V)) + 1) / 2)
    return image


@pytest.mark.parametrize("num_frames", [1, 2, 5, 32, 47])
def test_the_image_is_that_of_the_literal_loop(num_frames: int) -> None:
    xyz = np.asarray(body(num_frames), np.float32)
    image, expected = motion_image(poses(xyz, fps=15), 32), literal(xyz.astype(np.float64), 15)
    assert apart(image, expected) <= 1  # a sum taken in another order may fall on the other side of a level
    assert np.mean(image != expected) < 0.002


@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize("skeleton", [MSR_20, SBU_15], ids=lambda skeleton: skeleton.name)
def test_moves_turns_and_sizes_change_nothing(skeleton: Skeleton, people: int) -> None:
    xyz = body(20, skeleton, people)
    image = motion_image(poses(xyz, skeleton), 32)
    assert apart(image, motion_image(poses(xyz + np.array([700, -300, 2500]), skeleton), 32)) <= 1
    turned = xyz @ rotation_about_vertical(np.radians(25)).T
    assert apart(image, motion_image(poses(turned, skeleton), 32)) <= 1
    assert apart(image, motion_image(poses(1.3 * xyz, skeleton), 32)) <= 1


def test_a_person_turned_right_round_gives_the_same_image() -> None:
    xyz = body(20)
    round_ = xyz @ rotation_about_vertical(np.pi).T
    assert apart(motion_image(poses(xyz), 32), motion_image(poses(round_), 32)) <= 1


def test_a_tilt_is_seen() -> None:
    xyz = body(20)
    tilted = xyz @ np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])
    assert apart(motion_image(poses(xyz), 32), motion_image(poses(tilted), 32)) > 10


def test_a_reversed_clip_has_reversed_positions_and_opposite_velocities() -> None:
    xyz = body(21)
    image, back = (motion_image(poses(one), 32).astype(int) for one in (xyz, xyz[::-1]))
    assert apart(image[:16, ::-1], back[:16]) <= 1
    assert np.abs(image[16:, ::-1] + back[16:] - 254.5).max() <= 0.6  # floors of x and -x: 254 or 255


def test_velocities_are_of_real_time() -> None:
    """A point that runs 3 units a second stands half-way up: 255 * 0.75 = 191."""
    xyz = np.repeat(body(1), 30, axis=0)
    limbs = limbs_of(MSR_20)
    unit = sum(np.linalg.norm(xyz[0, b] - xyz[0, a]) for a, b in limbs.bones) / 2.08
    xyz = xyz + np.arange(30)[:, None, None] * np.array([0, 3 * unit / 15, 0])  # all joints, upwards
    image = motion_image(poses(xyz, fps=15), 32)
    # 29 steps between 30 frames are stretched over 31 columns; time over 32 columns lasts 30 frames
    speed = 3 * (29 / 31) * (32 / 30)
    assert image[20, 16, 1] == floor(255 * (speed / 3 / (1 + speed / 3) + 1) / 2)
    slow = motion_image(poses(xyz, fps=5), 32)
    assert slow[20, 16, 1] == floor(255 * (speed / 9 / (1 + speed / 9) + 1) / 2)
    assert np.array_equal(image[:16], slow[:16])


@pytest.mark.parametrize("people", [1, 2])
def test_a_single_frame_stands_still(people: int) -> None:
    image = motion_image(poses(body(1, SBU_15, people), SBU_15), 32)
    assert np.array_equal(image, image[:, :1].repeat(32, axis=1))
    assert (image[-8:] == 127).all()


def test_a_gap_on_a_straight_path_is_filled() -> None:
    start, end = body(2)
    xyz = np.linspace(start, end, 9).astype(np.float32)
    gap = xyz.copy()
    gap[3:6, 10] = np.nan
    assert apart(motion_image(poses(xyz), 32), motion_image(poses(gap), 32)) <= 1


def test_a_joint_that_is_never_seen_stands_at_its_parent() -> None:
    xyz, parent = body(4), poses(body(4)).skeleton.parents[12]
    missing, moved = xyz.copy(), xyz.copy()
    missing[:, 12] = np.nan
    moved[:, 12] = xyz[:, parent]
    np.testing.assert_array_equal(motion_image(poses(missing), 32), motion_image(poses(moved), 32))


def test_two_people_in_either_order_give_one_image_and_their_distance_is_seen() -> None:
    xyz = body(12, SBU_15, 2)
    image = motion_image(poses(xyz, SBU_15), 58)  # a row of the image for each of `motion_rows`
    assert np.array_equal(image, motion_image(poses(xyz[:, ::-1], SBU_15), 58))
    further = xyz.copy()
    further[:, 1, :, 0] += 600
    between = motion_rows(SBU_15, 2).index("from hip to hip")
    assert apart(image[between], motion_image(poses(further, SBU_15), 58)[between]) > 8


def test_points_on_one_spot_are_in_the_middle() -> None:
    image = motion_image(poses(np.full((3, 20, 3), 500.0)), 32)
    assert (image == 127).all()


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_every_skeleton_shows_head_arms_and_legs(skeleton: Skeleton) -> None:
    limbs, names = limbs_of(skeleton), " ".join(motion_rows(skeleton, 1))
    for part in ("elbow", "knee"):
        assert names.index(f"left_{part}") < names.index(f"right_{part}")
    assert len(limbs.bones) == 8
    assert len(limbs.across) == 2
    assert len(set(limbs.names)) == len(limbs.names) == len(limbs.points)
    assert motion_image(poses(body(6, skeleton), skeleton), 32).shape == (32, 32, 3)
    assert facing_note(skeleton, 1) is None


def test_a_body_without_hips_and_shoulders_is_not_turned_and_that_is_said(random_clip: Make) -> None:
    clip = random_clip(9)
    note = facing_note(clip.skeleton, 1)
    assert note is not None
    assert "'tiny_4' has neither both hips nor both shoulders" in note
    turned = PoseSequence3D(
        xyz=clip.xyz @ rotation_about_vertical(0.6).T.astype(np.float32), fps=15, skeleton=clip.skeleton
    )
    assert apart(motion_image(clip, 32), motion_image(turned, 32)) > 5
    assert motion_rows(clip.skeleton, 1)[:4] == ("hip", "head", "left_hand", "right_hand")


def test_a_body_of_hips_alone_is_turned_by_them() -> None:
    skeleton = layout("stool", "hip left_hip<hip right_hip<hip head<hip")
    xyz = body(8, skeleton)
    turned = xyz @ rotation_about_vertical(1.0).T
    assert apart(motion_image(poses(xyz, skeleton), 16), motion_image(poses(turned, skeleton), 16)) <= 1


def test_rows_are_repeated_or_averaged() -> None:
    two = np.stack([np.full((4, 3), value, np.uint8) for value in (10, 30)])
    assert fit_rows(two, 4)[:, 0, 0].tolist() == [10, 10, 30, 30]
    assert fit_rows(two.repeat(2, axis=0), 2)[:, 0, 0].tolist() == [10, 30]
    assert fit_rows(two, 1)[0, 0, 0] == 20


def test_several_images_lie_behind_one_another() -> None:
    clips = [poses(body(9)), poses(body(5, seed=1))]
    both = encode_all(clips, EncodingConfig(images=("spmf", "motion"), distance_scope="sequence"), None)
    spmf = encode_all(clips, EncodingConfig(distance_scope="sequence"), None)
    assert both.shape == (2, 32, 32, 6)
    assert np.array_equal(both[..., :3], spmf)
    assert np.array_equal(both[1, ..., 3:], encode(clips[1], MOTION, None))
    pictures = as_pictures(both)
    assert np.array_equal(pictures[:, :32], spmf)
    assert np.array_equal(pictures[:, 32:], both[..., 3:])


def test_a_kind_given_twice_or_none_is_refused() -> None:
    for images in ((), ("spmf", "spmf")):
        with pytest.raises(ValueError, match="one or more different kinds are needed"):
            EncodingConfig(images=images)  # type: ignore[arg-type]


def test_every_row_of_every_image_has_a_name() -> None:
    bands = image_bands(EncodingConfig(images=("spmf", "motion")), MSR_20, 1)
    assert [band.name for band in bands[:3]] == ["distances", "directions", "head"]
    assert [band.name for band in bands[2:18]] == ORDER
    assert [round(64 * band.start) for band in bands] == [0, 16, *range(32, 64)]
    assert (bands[0].start, bands[-1].end) == (0, 1)
    assert len(image_bands(MOTION, SBU_15, 2)) == 2 * (14 + 1 + 14)
