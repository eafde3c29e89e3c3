"""The mean body: every bone at one length, its direction as seen."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from encoding import EncodingConfig, EncodingStatistics, encode, feature_image, fit_statistics
from encoding.bones import bone_lengths, mean_bone_lengths, with_bone_lengths
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton

Make = Callable[..., PoseSequence3D]

REFERENCE = EncodingConfig(bones="reference")
# A chain whose sums can be followed by hand.
CHAIN = Skeleton(name="chain", joints=("hip", "spine", "head"), parents=(-1, 0, 1), pairs=())


def chain(*frames: list[list[float]]) -> NDArray[np.float32]:
    return np.array(frames, np.float32)


def directions(xyz: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    child, parent = zip(*((k, p) for k, p in enumerate(skeleton.parents) if p >= 0), strict=True)
    bones = xyz[..., list(child), :] - xyz[..., list(parent), :]
    unit: NDArray[np.float32] = bones / np.linalg.norm(bones, axis=-1, keepdims=True)
    return unit


def test_lengths_are_medians_over_the_frames() -> None:
    xyz = chain([[0, 0, 0], [3, 4, 0], [3, 4, 2]], [[1, 0, 0], [1, 7, 0], [1, 7, 4]])
    assert bone_lengths(xyz, CHAIN).tolist() == [0, 6, 3]


def test_bones_take_their_lengths_and_the_path_shrinks_with_the_body() -> None:
    # bones of 5 and 10 along x and y become 10 and 5: in all 15 as before, so the root stays where it is
    xyz = chain([[2, 0, 0], [7, 0, 0], [7, 10, 0]])
    assert with_bone_lengths(xyz, CHAIN, (0, 10, 5)).tolist() == [[[2, 0, 0], [12, 0, 0], [12, 5, 0]]]
    # half as much in all: the root, too, is half as far away
    assert with_bone_lengths(xyz, CHAIN, (0, 2.5, 5)).tolist() == [[[1, 0, 0], [3.5, 0, 0], [3.5, 5, 0]]]


@pytest.mark.parametrize("people", [1, 2])
def test_every_direction_stays(random_clip: Make, people: int) -> None:
    poses = random_clip(9, people=people)
    lengths = tuple(np.linspace(50, 400, poses.skeleton.num_joints))
    placed = with_bone_lengths(poses.xyz, poses.skeleton, lengths)
    assert placed.shape == poses.xyz.shape
    np.testing.assert_allclose(
        directions(placed, poses.skeleton), directions(poses.xyz, poses.skeleton), atol=1e-4
    )
    root = poses.skeleton.root
    wanted = np.delete(lengths, root)
    found = np.delete(bone_lengths(placed, poses.skeleton), root, axis=-1)
    np.testing.assert_allclose(found, np.broadcast_to(wanted, found.shape), rtol=1e-3)


def test_a_bone_without_a_direction_stays_a_point() -> None:
    xyz = chain([[0, 0, 0], [5, 0, 0], [5, 0, 0]])
    assert with_bone_lengths(xyz, CHAIN, (0, 10, 30)).tolist()[0][1:] == [[10, 0, 0], [10, 0, 0]]
    still = np.zeros((2, 3, 3), np.float32)
    assert with_bone_lengths(still, CHAIN, (0, 10, 30)).tolist() == still.tolist()


def test_the_mean_body_is_the_mean_over_clips(random_clip: Make) -> None:
    small, large = random_clip(6), random_clip(8, seed=1)
    expected = (bone_lengths(small.xyz, small.skeleton) + bone_lengths(large.xyz, large.skeleton)) / 2
    np.testing.assert_allclose(mean_bone_lengths([small, large]), expected)


def test_another_body_gives_the_same_image(random_clip: Make) -> None:
    poses, rng = random_clip(12), np.random.default_rng(3)
    skeleton, lengths = poses.skeleton, bone_lengths(poses.xyz, poses.skeleton)
    # bones of one length in all frames: what a body has, and what random points have not
    body = replace(poses, xyz=with_bone_lengths(poses.xyz, skeleton, tuple(lengths)))
    longer = tuple(lengths * rng.uniform(0.7, 1.4, len(lengths)))
    other = replace(poses, xyz=with_bone_lengths(poses.xyz, skeleton, longer))
    statistics = fit_statistics([body], REFERENCE)
    one, two = (feature_image(clip, REFERENCE, statistics).astype(int) for clip in (body, other))
    assert np.mean(np.abs(one - two) > 2) < 0.02  # rounding at the edges of levels
    own = EncodingConfig()
    far = feature_image(body, own, statistics).astype(int) - feature_image(other, own, statistics)
    assert np.mean(np.abs(far) > 2) > 0.2


def test_statistics_hold_the_mean_body_only_where_it_is_used(random_clip: Make) -> None:
    clips = [random_clip(6), random_clip(8, seed=1)]
    statistics = fit_statistics(clips, REFERENCE)
    assert statistics.bone_lengths == mean_bone_lengths(clips)
    assert EncodingStatistics.from_dict(statistics.to_dict()) == statistics
    plain = fit_statistics(clips, EncodingConfig())
    assert plain.bone_lengths is None
    assert set(plain.to_dict()) == {"pose_distance_max", "motion_distance_max"}


def test_what_is_missing_is_said(random_clip: Make) -> None:
    poses = random_clip(6)
    with pytest.raises(ValueError, match='bones "reference" needs statistics with bone_lengths'):
        encode(poses, REFERENCE, fit_statistics([poses], EncodingConfig()))
    with pytest.raises(ValueError, match="there are 2 lengths of bones; skeleton 'tiny_4' has 4 joints"):
        with_bone_lengths(poses.xyz, poses.skeleton, (1, 2))
    with pytest.raises(ValueError, match="at least 1 training clip is needed"):
        mean_bone_lengths([])
    with pytest.raises(ValueError, match=r"a bone length is -1.0; 0 or more millimeters are needed"):
        EncodingStatistics(pose_distance_max=1, motion_distance_max=1, bone_lengths=(-1.0,))
