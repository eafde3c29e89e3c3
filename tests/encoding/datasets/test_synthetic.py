"""The synthetic people: a body with constant bones, distinct actions, all of it decided by the seed."""

import time

import numpy as np
import pytest

from encoding.datasets.interactions import INTERACTIONS
from encoding.datasets.records import Split
from encoding.datasets.synthetic import synthetic
from lifting.body import ANGLES, BONES, REST, pose_body
from lifting.motions import MOTIONS
from lifting.skeleton import MSR_20

JOINT = {name: index for index, name in enumerate(MSR_20.joints)}


def stand(facing: float = 0.0, **angles: float) -> np.ndarray:
    """One frame of an average body with its lower ankle at height 0; angles not given are 0."""
    row = np.array([[angles.get(name, 0.0) for name in ANGLES]])
    return pose_body(row, np.array([list(BONES.values())]), np.array([facing]), np.zeros((1, 3)))[0]


def nearest_neighbor_accuracy(split: Split) -> float:
    """On poses resampled to ten frames, relative to the hip: no image encoding in between."""

    def vectors(part: str) -> np.ndarray:
        rows = []
        for clip in getattr(split, part):
            xyz = clip.poses.xyz.reshape(clip.poses.num_frames, -1, 3)
            frames = np.linspace(0, len(xyz) - 1, 10).round().astype(int)
            rows.append((xyz - xyz[:, JOINT["hip_center"], None])[frames].ravel())
        return np.array(rows)

    train, test = vectors("development"), vectors("test")
    nearest = [int(np.argmin(((train - row) ** 2).sum(1))) for row in test]
    right = [split.development[n].label == clip.label for n, clip in zip(nearest, split.test, strict=True)]
    return float(np.mean(right))


def test_an_upright_body_stands_on_its_feet_and_faces_the_camera() -> None:
    xyz = stand()
    # Ankle 0, knee 390, hip 390 + 420, hip center 70 above it, then 70 + 340 + 190 to the head.
    assert xyz[JOINT["left_ankle"], 1] == pytest.approx(0)
    assert xyz[JOINT["hip_center"], 1] == pytest.approx(390 + 420 + 70)
    assert xyz[JOINT["head"], 1] == pytest.approx(880 + 70 + 340 + 190)
    # The camera looks along +z: toes point to it, and the right side is at +x as in the MSR files.
    assert xyz[JOINT["left_foot"], 2] == pytest.approx(-90)
    assert xyz[JOINT["right_shoulder"], 0] == pytest.approx(170)


def test_an_arm_raised_forward_outward_and_up() -> None:
    shoulder = stand()[JOINT["right_shoulder"]]
    reach = 260 + 240 + 80
    for plane, direction in ((0.0, [0, 0, -1]), (90.0, [1, 0, 0])):
        hand = stand(right_arm_raise=90.0, right_arm_plane=plane)[JOINT["right_hand"]]
        np.testing.assert_allclose(hand - shoulder, reach * np.array(direction), atol=1e-9)
    hand = stand(right_arm_raise=180.0)[JOINT["right_hand"]]
    np.testing.assert_allclose(hand - shoulder, [0, reach, 0], atol=1e-9)


def test_the_left_arm_mirrors_the_right() -> None:
    xyz = stand(
        right_arm_raise=50.0, right_arm_plane=30.0, right_elbow=40.0, right_turn=20.0,
        left_arm_raise=50.0, left_arm_plane=30.0, left_elbow=40.0, left_turn=20.0,
    )  # fmt: skip
    np.testing.assert_allclose(xyz[JOINT["left_hand"]], xyz[JOINT["right_hand"]] * [-1, 1, 1], atol=1e-9)


def test_a_bent_elbow_lifts_the_forearm_and_a_bent_knee_the_shank_backward() -> None:
    xyz = stand(right_elbow=90.0, right_knee=90.0)
    np.testing.assert_allclose(xyz[JOINT["right_hand"]] - xyz[JOINT["right_elbow"]], [0, 0, -320], atol=1e-9)
    np.testing.assert_allclose(xyz[JOINT["right_ankle"]] - xyz[JOINT["right_knee"]], [0, 0, 390], atol=1e-9)


def test_facing_sideways_turns_the_whole_body() -> None:
    # Towards +x: the toes lead by 90 and the left hip, 80 aside, is the one nearer to the camera.
    np.testing.assert_allclose(stand(90.0)[JOINT["left_foot"]][[0, 2]], [90, -80], atol=1e-9)


@pytest.mark.parametrize(("people", "actions"), [(1, MOTIONS), (2, INTERACTIONS)])
def test_bones_keep_their_length_through_every_action(people: int, actions: dict[str, object]) -> None:
    split = synthetic(people=people, num_subjects=4, clips_per_action=1, noise_mm=0)
    assert split.class_names == tuple(actions)
    for clip in split.clips:
        xyz = clip.poses.xyz.reshape(clip.poses.num_frames, -1, 20, 3)
        for parent, child in MSR_20.bones:
            length = np.linalg.norm(xyz[..., parent, :] - xyz[..., child, :], axis=-1)
            assert np.ptp(length, axis=0).max() < 0.05, (clip.name, MSR_20.joints[child])


def test_there_are_eight_actions_and_four_interactions_at_least() -> None:
    assert len(MOTIONS) >= 8
    assert len(INTERACTIONS) >= 4


def test_the_same_seed_gives_the_same_clips_and_another_seed_others() -> None:
    a, b, c = (synthetic(num_subjects=4, clips_per_action=1, seed=seed) for seed in (0, 0, 1))
    for x, y in zip(a.clips, b.clips, strict=True):
        assert x.name == y.name
        np.testing.assert_array_equal(x.poses.xyz, y.poses.xyz)
    assert a.train[0].poses.xyz.tobytes() != c.train[0].poses.xyz.tobytes()


@pytest.mark.parametrize("people", [1, 2])
def test_a_clip_stays_the_same_when_more_are_drawn(people: int) -> None:
    few = synthetic(people=people, num_subjects=3, clips_per_action=1)
    some = tuple(MOTIONS if people == 1 else INTERACTIONS)[2:4]
    many = {clip.name: clip for clip in synthetic(people=people, num_subjects=6, clips_per_action=2).clips}
    chosen = {clip.name: clip for clip in synthetic(people=people, num_subjects=3, actions=some).clips}
    for clip in few.clips:
        np.testing.assert_array_equal(clip.poses.xyz, many[clip.name].poses.xyz)
        if clip.name in chosen:
            np.testing.assert_array_equal(clip.poses.xyz, chosen[clip.name].poses.xyz)


def test_odd_subjects_train_and_even_ones_test() -> None:
    split = synthetic(num_subjects=10, clips_per_action=1)
    assert {clip.subject for clip in split.test} == {2, 4, 6, 8, 10}
    assert {clip.subject for clip in split.development} == {1, 3, 5, 7, 9}
    assert len({clip.subject for clip in split.validation}) == 1


@pytest.mark.parametrize("people", [1, 2])
def test_actions_can_be_told_apart_but_not_by_nearest_neighbor_alone(people: int) -> None:
    accuracy = np.mean([nearest_neighbor_accuracy(synthetic(people=people, seed=seed)) for seed in range(3)])
    chance = 1 / len(MOTIONS if people == 1 else INTERACTIONS)
    assert 4 * chance < accuracy < 0.97


def test_what_people_do_to_each_other_shows_in_the_gap_between_them() -> None:
    def gap(clip_name: str) -> np.ndarray:
        (clip,) = [clip for clip in split.clips if clip.name == clip_name]
        hips = clip.poses.xyz[:, :, JOINT["hip_center"]]
        distance: np.ndarray = np.linalg.norm(hips[:, 0] - hips[:, 1], axis=-1)
        return distance

    split = synthetic(people=2, num_subjects=2, clips_per_action=1)
    assert gap("approaching_s01_e01")[0] > gap("approaching_s01_e01")[-1] + 500
    assert gap("departing_s01_e01")[-1] > gap("departing_s01_e01")[0] + 500
    assert gap("hugging_s01_e01").min() < 550


def test_missing_joints_are_nan_and_as_many_as_asked_for() -> None:
    split = synthetic(num_subjects=4, missing=0.1)
    share = np.mean(np.concatenate([np.isnan(clip.poses.xyz).all(axis=2).ravel() for clip in split.clips]))
    assert share == pytest.approx(0.1, abs=0.01)


def test_standing_at_ease_is_where_every_angle_has_a_name() -> None:
    assert tuple(REST) == ANGLES


def test_four_hundred_clips_are_drawn_in_two_seconds() -> None:
    start = time.process_time()
    split = synthetic(num_subjects=20)
    assert len(split.clips) == 400
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"people": 3}, r"people is 3; 1 \(actions\) or 2 \(interactions\) is needed"),
        ({"actions": ("bend", "fly")}, r"no synthetic action 'fly' of 1 people; known are high arm wave, "),
        (
            {"people": 2, "actions": ("bend",)},
            r"no synthetic action 'bend' of 2 people; known are approaching, ",
        ),
        ({"num_subjects": 1}, r"1 subjects with 2 clips an action; at least 2 subjects .* are needed"),
        ({"noise_mm": -1.0}, r"noise -1\.0 mm and share missing 0\.0; >= 0 and 0 to below 1 are needed"),
        ({"missing": 1.0}, r"noise 15\.0 mm and share missing 1\.0"),
    ],
)
def test_a_number_out_of_range_is_refused(option: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        synthetic(**option)  # type: ignore[arg-type]
