"""Layouts of one's own in YAML, layouts as text, and joints by the names that programs give them."""

from pathlib import Path

import pytest

from lifting.joint_names import joint_name, layout_of
from lifting.skeleton import BODY_25B, COCO_17, KINECT_20, MSR_20, SBU_15, SKELETONS
from lifting.skeleton_file import find_skeleton, read_skeleton_file
from lifting.skeleton_text import as_markdown, as_table, as_tree

OWN = """
name: arms
joints:
  chest: {markers: [CLAV, STRN]}
  left_hand:
    parent: chest
    markers: LWRA
  right_hand: {parent: chest}
"""


def test_a_layout_of_one_s_own(tmp_path: Path) -> None:
    (tmp_path / "arms.yaml").write_text(OWN)
    marked = find_skeleton(str(tmp_path / "arms.yaml"))
    assert marked.skeleton.name == "arms"
    assert marked.skeleton.joints == ("chest", "left_hand", "right_hand")
    assert (marked.skeleton.parents, marked.skeleton.pairs) == ((-1, 0, 0), ((1, 2),))
    assert marked.markers == (("CLAV", "STRN"), ("LWRA",), ("right_hand",))
    assert find_skeleton("msr_20").skeleton is MSR_20


def test_pairs_by_other_names(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("joints: {c: {}, arm_l: {parent: c}, arm_r: {parent: c}}\npairs: [[arm_l, arm_r]]\n")
    assert read_skeleton_file(path).skeleton.pairs == ((1, 2),)
    assert read_skeleton_file(path).skeleton.name == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("joints: [a, b]", "joints by name .* are needed"),
        ("joints: {a: {}, b: {parent: c}}", "joint 'b' hangs from 'c', which is no joint of the file"),
        ("joints: {a: {mark: x}}", "joint 'a' is .*; `parent` and `markers` are what it can have"),
        ("joints: {a: {markers: []}}", "joint 'a' has no markers"),
        ("joints: {a: {}, b: {}}", r"a\.yaml .*has parents \(-1, -1\); one -1 \(the root\)"),
        ("joints: {a: {}, b: {parent: a}}\npairs: [[a, c]]", "pairs must be lists of two joints each"),
        ("joints: {a: ", r"a\.yaml .*this is no YAML"),
    ],
)
def test_a_wrong_file_is_answered_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_skeleton_file(tmp_path / "a.yaml")


def test_a_name_that_is_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "layout.txt").write_text("x")
    with pytest.raises(ValueError, match="is no YAML file"):
        find_skeleton(str(tmp_path / "layout.txt"))
    with pytest.raises(FileNotFoundError):
        find_skeleton(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("name", "joint"),
    [
        ("RHip", "right_hip"), ("CHip", "hip"), ("MidHip", "hip"), ("SpineBase", "hip"),
        ("LBigToe", "left_big_toe"),
        ("WristLeft", "left_wrist"), ("left shoulder", "left_shoulder"), ("l_ear", "left_ear"),
        ("Nose", "nose"),
        ("LASI", None), ("elbow", None), ("HeadTop", "head"), ("Neck", "neck"), ("REye", "right_eye"),
    ],
)  # fmt: skip
def test_joints_by_the_names_that_programs_give_them(name: str, joint: str | None) -> None:
    assert joint_name(name) == joint


def test_names_in_any_order_are_the_known_layout() -> None:
    names = [f"anna:{joint}" for joint in reversed(MSR_20.joints)]
    layout = layout_of(names, "trc")
    # MSR's and Kinect 1's joints have the same names; the first known layout is taken.
    assert layout.skeleton is MSR_20
    assert [names[column].removeprefix("anna:") for column in layout.columns] == list(MSR_20.joints)
    camel = ["Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow", "LWrist",
             "RWrist", "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle"]  # fmt: skip
    assert layout_of(camel, "trc").skeleton is COCO_17
    assert layout_of([*BODY_25B.joints], "trc").skeleton is BODY_25B


def test_names_that_are_no_joints_are_left_out_and_said() -> None:
    layout = layout_of(["RHip", "LHip", "Neck", "LKnee", "RKnee", "T10", "LASI"], "c3d")
    assert layout.skeleton.name == "c3d_5"
    assert layout.left_out == ("T10", "LASI")
    with pytest.raises(
        ValueError, match=r"the names LASI, RASI do not say which joints they are \(0 are known"
    ):
        layout_of(["LASI", "RASI"], "c3d")


def test_a_layout_as_a_tree_and_as_a_table() -> None:
    tree = as_tree(SBU_15).splitlines()
    assert tree[:3] == ["torso (2)", "├─ neck (1)", "│  ├─ head (0)"]
    assert tree[-1] == "      └─ right_foot (14)"
    table = as_table(KINECT_20).splitlines()
    assert table[0].split() == ["0", "hip_center", "root"]
    assert table[4].split() == ["4", "left_shoulder", "from", "2", "shoulder_center", "twin", "8"]


def test_every_known_layout_is_in_the_list_for_the_docs() -> None:
    text = as_markdown()
    assert text.count("**`") == len(SKELETONS)
    assert "**`sbu_15`**: 0 head (1), 1 neck (2), 2 torso, 3 left_shoulder (1)" in text
