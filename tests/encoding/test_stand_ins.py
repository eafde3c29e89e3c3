"""A joint or person that a whole clip does not show: what stands for it, and how little the image changes."""

from dataclasses import replace

import numpy as np
import pytest

from encoding.augmentation import AugmentationConfig, augment
from encoding.datasets.synthetic import synthetic
from encoding.smoothing import clean
from encoding.spmf import EncodingConfig, encode, fit_statistics
from encoding.stand_ins import nearest_seen, with_stand_ins
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20

PARTS = synthetic(num_subjects=2, clips_per_action=1)
CLIP = PARTS.train[0].poses
FOOT, ANKLE = MSR_20.joints.index("left_foot"), MSR_20.joints.index("left_ankle")


def without(poses: PoseSequence3D, *joints: str) -> PoseSequence3D:
    xyz = poses.xyz.copy()
    for name in joints:
        xyz[..., MSR_20.joints.index(name), :] = np.nan
    return replace(poses, xyz=xyz)


def test_a_joint_that_is_never_seen_stands_at_its_parent() -> None:
    filled = clean(without(CLIP, "left_foot"))
    np.testing.assert_array_equal(filled[:, FOOT], CLIP.xyz[:, ANKLE])
    others = [joint for joint in range(20) if joint != FOOT]
    np.testing.assert_array_equal(filled[:, others], CLIP.xyz[:, others])


def test_without_a_parent_the_next_joint_of_the_tree_is_taken() -> None:
    seen = [True] * 20
    for name in ("left_foot", "left_ankle", "head", "hip_center"):
        seen[MSR_20.joints.index(name)] = False
    names = [MSR_20.joints[joint] for joint in nearest_seen(MSR_20, tuple(seen))]
    assert names[FOOT] == names[ANKLE] == "left_knee"
    assert names[MSR_20.joints.index("head")] == "shoulder_center"
    assert names[MSR_20.joints.index("hip_center")] == "spine"  # the root: the first of its children


def test_a_missing_foot_changes_the_image_little() -> None:
    config = EncodingConfig(enhancement="off")
    statistics = fit_statistics([clip.poses for clip in PARTS.train], config)
    whole = [encode(clip.poses, config, statistics).astype(int) for clip in PARTS.train]
    less = [encode(without(clip.poses, "left_foot"), config, statistics).astype(int) for clip in PARTS.train]
    between = np.mean([np.abs(a - b).mean() for a in whole for b in whole if a is not b])
    lost = np.mean([np.abs(a - b).mean() for a, b in zip(whole, less, strict=True)])
    assert lost < between / 5


def test_an_absent_second_person_stands_where_the_first_one_does() -> None:
    pair = np.stack([CLIP.xyz, np.full_like(CLIP.xyz, np.nan)], axis=1)
    filled = clean(PoseSequence3D(xyz=pair, fps=15, skeleton=MSR_20))
    np.testing.assert_array_equal(filled[:, 0], CLIP.xyz)
    np.testing.assert_array_equal(filled[:, 1], CLIP.xyz)
    first = np.stack([np.full_like(CLIP.xyz, np.nan), CLIP.xyz], axis=1)
    np.testing.assert_array_equal(with_stand_ins(first, MSR_20), filled)
    config = EncodingConfig(distance_scope="sequence")
    image = encode(PoseSequence3D(xyz=pair, fps=15, skeleton=MSR_20), config, None)
    assert image.shape == (32, 32, 3)


def test_nothing_in_sight_is_refused() -> None:
    nothing = PoseSequence3D(xyz=np.full((3, 20, 3), np.nan), fps=15, skeleton=MSR_20)
    with pytest.raises(ValueError, match="no joint is seen in any of 3 frames"):
        clean(nothing)


def test_augmented_clips_lose_no_other_joint() -> None:
    config = AugmentationConfig(temporal_crop=0.5, mirror=1, tilt_degrees=10, bone_spread=0.1, time_warp=0.3)
    changed = augment(without(CLIP, "left_foot"), config, np.random.default_rng(0))
    assert changed.num_frames < CLIP.num_frames
    seen = np.isfinite(changed.xyz).all(axis=(0, 2))
    assert [MSR_20.joints[joint] for joint in np.flatnonzero(~seen)] == ["right_foot"]  # mirrored
