"""Joint layouts."""

import pytest

from lifting.skeleton import (
    BODY_25,
    BODY_25B,
    COCO_18,
    COCO_WHOLEBODY_133,
    H36M_17,
    KINECT2_25,
    KINECT_20,
    MEDIAPIPE_33,
    MSR_20,
    SBU_15,
    SKELETONS,
    Skeleton,
    get_skeleton,
)

every_skeleton = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=lambda skeleton: skeleton.name)


@every_skeleton
def test_the_name_says_the_number_of_joints(skeleton: Skeleton) -> None:
    digits = skeleton.name.rsplit("_", 1)[1].rstrip("b")
    assert skeleton.num_joints == len(skeleton.parents) == int(digits)


@every_skeleton
def test_every_sided_joint_is_in_one_pair_with_its_twin(skeleton: Skeleton) -> None:
    for left, right in skeleton.pairs:
        assert skeleton.joints[left].startswith("left_")
        assert skeleton.joints[right] == skeleton.joints[left].replace("left_", "right_")
    sided = [name for name in skeleton.joints if name.startswith(("left_", "right_"))]
    assert len(sided) == 2 * len(skeleton.pairs)


@every_skeleton
def test_mirroring_twice_changes_nothing(skeleton: Skeleton) -> None:
    assert [skeleton.mirror[joint] for joint in skeleton.mirror] == list(range(skeleton.num_joints))


@every_skeleton
def test_mirroring_keeps_the_bones(skeleton: Skeleton) -> None:
    mirrored = {(skeleton.mirror[parent], skeleton.mirror[child]) for parent, child in skeleton.bones}
    assert mirrored == set(skeleton.bones)


@every_skeleton
def test_the_bones_join_every_joint_to_the_root(skeleton: Skeleton) -> None:
    assert len(skeleton.bones) == skeleton.num_joints - 1
    reached = {skeleton.root}
    while grown := {child for parent, child in skeleton.bones if parent in reached} - reached:
        reached |= grown
    assert reached == set(range(skeleton.num_joints))


def test_kinect_joints_stand_where_the_published_files_have_them() -> None:
    """NTU RGB+D (Shahroudy et al. 2016) counts from 1: 1 base of spine, 4 head, 5 left shoulder, 21 spine."""
    ntu = {
        1: "spine_base",
        4: "head",
        5: "left_shoulder",
        12: "right_hand",
        21: "spine_shoulder",
        25: "right_thumb",
    }
    assert {number: KINECT2_25.joints[number - 1] for number in ntu} == ntu
    assert sorted(KINECT_20.joints) == sorted(MSR_20.joints)
    assert KINECT_20.joints[7::4] == ("left_hand", "right_hand", "left_foot", "right_foot")


def test_the_face_swaps_its_sides_in_a_mirror() -> None:
    face = COCO_WHOLEBODY_133.joints[23:91]
    assert face[0] == "right_face_0"
    assert (face[16], face[8], face[27]) == ("left_face_0", "face_8", "face_27")
    # Right and left corners of the mouth, 48 and 54, are a pair; so are the outer corners of the eyes.
    assert (face[54], face[45]) == ("left_face_48", "left_face_36")


def test_msr_bones_are_those_of_its_readme() -> None:
    readme = "20-3 1-3 2-3 1-8 8-10 10-12 2-9 9-11 11-13 3-4 4-7 7-5 7-6 5-14 14-16 16-18 6-15 15-17 17-19"
    expected = {frozenset(int(end) - 1 for end in bone.split("-")) for bone in readme.split()}
    assert {frozenset(bone) for bone in MSR_20.bones} == expected


def test_msr_joints_stand_where_its_readme_says() -> None:
    # 1-based there: 3 shoulder center, 7 hip center, 12 left hand, 13 right hand, 19 right foot, 20 head
    names = {
        3: "shoulder_center",
        7: "hip_center",
        12: "left_hand",
        13: "right_hand",
        19: "right_foot",
        20: "head",
    }
    assert {place: MSR_20.joints[place - 1] for place in names} == names


def test_sbu_joints_stand_where_its_readme_says() -> None:
    names = {1: "head", 3: "torso", 4: "left_shoulder", 9: "right_hand", 10: "left_hip", 15: "right_foot"}
    assert {place: SBU_15.joints[place - 1] for place in names} == names


def test_human36m_joints_stand_in_the_order_of_the_field() -> None:
    names = {
        0: "hip",
        1: "right_hip",
        6: "left_foot",
        8: "thorax",
        10: "head",
        11: "left_shoulder",
        16: "right_wrist",
    }
    assert {place: H36M_17.joints[place] for place in names} == names


def test_openpose_joints_stand_in_the_order_of_openpose() -> None:
    coco = {0: "nose", 1: "neck", 4: "right_wrist", 8: "right_hip", 17: "left_ear"}
    body_25 = {0: "nose", 8: "mid_hip", 14: "left_ankle", 18: "left_ear", 24: "right_heel"}
    body_25b = {
        0: "nose",
        1: "left_eye",
        16: "right_ankle",
        17: "upper_neck",
        18: "head_top",
        19: "left_big_toe",
    }
    for skeleton, names in ((COCO_18, coco), (BODY_25, body_25), (BODY_25B, body_25b)):
        assert {place: skeleton.joints[place] for place in names} == names


def test_mediapipe_joints_stand_in_the_order_of_mediapipe() -> None:
    names = ("nose", "left_eye_inner", "right_mouth", "left_thumb", "left_hip", "right_foot_index")
    assert [MEDIAPIPE_33.joints.index(name) for name in names] == [0, 1, 10, 21, 23, 32]


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    assert get_skeleton("msr_20") is MSR_20
    with pytest.raises(
        ValueError, match="'coco_71' is not known; one of msr_20, kinect_20, kinect2_25, sbu_15"
    ):
        get_skeleton("coco_71")


@pytest.mark.parametrize(
    ("joints", "parents", "pairs", "message"),
    [
        (("a", "a"), (-1, 0), (), "names a joint twice; 2 different names are needed"),
        (("a", "b"), (-1,), (), "has 1 parents; its 2 joints need 2"),
        (("a", "b"), (-1, -1), (), "one -1 \\(the root\\) and else 0..1 are needed"),
        (("a", "b", "c"), (-1, 2, 1), (), "has a ring of parents at joint 1; a tree is needed"),
        (("a", "b"), (-1, 0), ((0, 1), (1, 0)), "each joint 0..1 may stand in one pair"),
        (("a", "b"), (-1, 0), ((0, 2),), "each joint 0..1 may stand in one pair"),
    ],
)
def test_a_layout_that_is_none_is_refused(
    joints: tuple[str, ...], parents: tuple[int, ...], pairs: tuple[tuple[int, int], ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Skeleton(name="odd", joints=joints, parents=parents, pairs=pairs)
