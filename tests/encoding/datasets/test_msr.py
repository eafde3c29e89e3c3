"""MSR Action3D: the published counts, on files of the same form and on the real ones, and every bad file."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from encoding.datasets.msr import load_msr_action3d
from lifting.msr_files import (
    ACTIONS,
    FileList,
    Subset,
    read_skeleton_file,
    sequences,
)

# Development and test clips by subset; README of the data. With the 567 list, a13_s09_e02 (AS1, subject 9)
# holds no joint at all and is left out: 120 and 292 in the list, 119 and 291 to train on.
COUNTS: list[tuple[FileList, Subset, int, int]] = [
    ("557", "AS1", 114, 105), ("557", "AS2", 116, 112), ("557", "AS3", 111, 111), ("557", "all", 284, 273),
    ("567", "AS1", 120, 106), ("567", "AS2", 118, 113), ("567", "AS3", 114, 112), ("567", "all", 292, 275),
]  # fmt: skip
WriteMsr = Callable[[Path, np.ndarray], None]
FIRST = "a01_s01_e01_skeleton3D.txt"


@pytest.fixture
def one_file(tmp_path: Path) -> Path:
    return tmp_path / FIRST


@pytest.mark.parametrize(("file_list", "subset", "development", "test"), COUNTS)
def test_the_lists_have_the_published_sizes(
    file_list: FileList, subset: Subset, development: int, test: int
) -> None:
    odd = [sequence.subject % 2 for sequence in sequences(subset, file_list)]
    assert (sum(odd), len(odd) - sum(odd)) == (development, test)


@pytest.mark.parametrize(("file_list", "subset", "development", "test"), COUNTS)
def test_cross_subject_counts_on_files_of_the_same_form(
    msr_root: Path, file_list: FileList, subset: Subset, development: int, test: int
) -> None:
    split = load_msr_action3d(msr_root, subset=subset, file_list=file_list)
    assert (len(split.development), len(split.test)) == (development, test)


@pytest.mark.parametrize(("file_list", "subset", "development", "test"), COUNTS)
def test_cross_subject_counts_on_the_real_files(
    real_data: Callable[[str], Path], file_list: FileList, subset: Subset, development: int, test: int
) -> None:
    split = load_msr_action3d(real_data("msr_action3d"), subset=subset, file_list=file_list)
    empty = int(file_list == "567" and subset in ("AS1", "all"))
    assert split.left_out == ("a13_s09_e02 has no frame with a joint",) * empty
    assert (len(split.development), len(split.test)) == (development - empty, test)
    assert {clip.subject for clip in split.development} == {1, 3, 5, 7, 9}
    assert {clip.subject for clip in split.test} == {2, 4, 6, 8, 10}


def test_the_557_are_the_files_of_the_published_list(real_data: Callable[[str], Path]) -> None:
    listed = (real_data("msr_action3d") / "files_used_in_cvpr12_paper.txt").read_text().split()
    assert sorted(listed) == [sequence.name for sequence in sequences("all", "557")]


def test_one_training_subject_validates(msr_root: Path) -> None:
    split = load_msr_action3d(msr_root, subset="AS2")
    (subject,) = {clip.subject for clip in split.validation}
    assert subject not in {clip.subject for clip in split.train}
    assert split.validation_rule == f"subject {subject} held out whole (1 of 5)"


@pytest.mark.parametrize(("protocol", "part"), [("one-third", 1 / 3), ("two-thirds", 2 / 3)])
def test_the_random_tests_draw_their_part_of_every_class(msr_root: Path, protocol: str, part: float) -> None:
    split = load_msr_action3d(msr_root, subset="AS1", protocol=protocol)  # type: ignore[arg-type]
    trained, tested = (Counter(clip.label for clip in clips) for clips in (split.development, split.test))
    for label in range(8):
        total = trained[label] + tested[label]
        assert trained[label] == int(part * total + 0.5)
    again = load_msr_action3d(msr_root, subset="AS1", protocol=protocol)  # type: ignore[arg-type]
    other = load_msr_action3d(msr_root, subset="AS1", protocol=protocol, seed=1)  # type: ignore[arg-type]
    assert [clip.name for clip in again.test] == [clip.name for clip in split.test]
    assert [clip.name for clip in other.test] != [clip.name for clip in split.test]


def test_labels_are_the_positions_in_the_subset(msr_root: Path) -> None:
    split = load_msr_action3d(msr_root, subset="AS3")
    assert split.class_names[0] == "high throw"  # action 6
    assert split.class_names[7] == "pickup & throw"  # action 20
    for clip in split.clips:
        assert split.class_names[clip.label] == ACTIONS[int(clip.name[1:3]) - 1]


def test_meters_become_millimeters_and_the_confidence_is_dropped(one_file: Path) -> None:
    one_file.write_text("".join(f"0.1 -0.25 {2 + joint} 0.5\n" for joint in range(20)))
    xyz = read_skeleton_file(one_file)
    assert xyz.shape == (1, 20, 3)
    assert xyz.dtype == np.float32
    np.testing.assert_allclose(xyz[0, 3], [100.0, -250.0, 5000.0])


def test_all_zero_frames_are_nan_within_and_cut_off_at_the_ends(
    msr_root: Path, tmp_path: Path, write_msr: WriteMsr
) -> None:
    link_all_but_first(msr_root, tmp_path)
    xyz = np.ones((7, 20, 3))
    xyz[[0, 3, 5, 6]] = 0  # one before, one within, two after
    write_msr(tmp_path / FIRST, xyz)
    split = load_msr_action3d(tmp_path, subset="AS2")
    (poses,) = [clip.poses.xyz for clip in split.clips if clip.name == "a01_s01_e01"]
    # Frames 1..4 remain; frame 3, the third of them, is missing.
    assert np.isnan(poses).all(axis=(1, 2)).tolist() == [False, False, True, False]


def test_a_sequence_without_any_joint_is_left_out_and_said(
    msr_root: Path, tmp_path: Path, write_msr: WriteMsr
) -> None:
    link_all_but_first(msr_root, tmp_path)
    write_msr(tmp_path / FIRST, np.zeros((3, 20, 3)))
    split = load_msr_action3d(tmp_path, subset="AS2")
    assert split.left_out == ("a01_s01_e01 has no frame with a joint",)
    assert "left out: a01_s01_e01 has no frame with a joint" in split.describe()
    assert len(split.development) == 115


def test_the_corrupt_a13_s09_e03_is_kept_without_its_empty_tail(real_data: Callable[[str], Path]) -> None:
    split = load_msr_action3d(real_data("msr_action3d"), subset="AS1", file_list="567")
    (clip,) = [clip for clip in split.clips if clip.name == "a13_s09_e03"]
    # 936 frames' worth of rows, the last 740 all zero.
    assert clip.poses.num_frames == 196


def test_a_missing_folder_says_where_to_get_the_data_and_what_it_must_hold(tmp_path: Path) -> None:
    message = (
        r"MSR Action3D is not at .*nowhere: get 'Skeleton data in real world coordinates'.* from https://.* "
        r"so that the folder holds aAA_sSS_eEE_skeleton3D\.txt files, either itself or in a subfolder real3d/"
    )
    with pytest.raises(FileNotFoundError, match=message):
        load_msr_action3d(tmp_path / "nowhere")


def test_a_folder_that_lacks_files_names_the_first(msr_root: Path, tmp_path: Path) -> None:
    link_all_but_first(msr_root, tmp_path)
    with pytest.raises(
        FileNotFoundError, match=rf"lacks 1 of 228 files, the first of them {FIRST}: get 'Skeleton data"
    ):
        load_msr_action3d(tmp_path, subset="AS2")
    load_msr_action3d(tmp_path, subset="AS3")  # which does not need action 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"the file is empty; 20 lines a frame are needed"),
        ("1 2 3 0\n" * 19, r"19 lines, cut off in mid-frame; a multiple of 20 is needed"),
        ("1 2 3\n" * 20, r"lines of 3 numbers; 4 are needed \(a place and its confidence\)"),
        ("1 2 3 0\n" * 19 + "1 2 3\n", r"not a skeleton file, each line needs 4 numbers: .*row 20"),
        ("1 2 3 0\n" * 19 + "1 2 up 0\n", r"not a skeleton file.*'up'"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(one_file: Path, text: str, message: str) -> None:
    one_file.write_text(text)
    with pytest.raises(ValueError, match=rf"{FIRST}: {message}"):
        read_skeleton_file(one_file)


@pytest.mark.parametrize(
    ("value", "message"), [("2147483648", "2.14748e[+]12 mm at frame 0"), ("inf", "inf mm at frame 0")]
)
def test_a_wild_coordinate_is_named_with_its_file(
    msr_root: Path, tmp_path: Path, value: str, message: str
) -> None:
    link_all_but_first(msr_root, tmp_path)
    (tmp_path / FIRST).write_text("1 2 3 0\n" * 4 + f"1 {value} 3 0\n" + "1 2 3 0\n" * 15)
    with pytest.raises(ValueError, match=rf"{FIRST}: xyz is {message}, joint 4 \(left_hip\)"):
        load_msr_action3d(tmp_path, subset="AS2")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"subset": "AS4"}, "no subset 'AS4'; one of AS1, AS2, AS3, all is needed"),
        ({"file_list": "560"}, "no file list '560'; '557' or '567' is needed"),
        ({"protocol": "half"}, "no protocol 'half'; cross-subject, one-third or two-thirds is needed"),
    ],
)
def test_an_unknown_choice_names_those_there_are(
    msr_root: Path, option: dict[str, str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_msr_action3d(msr_root, **option)  # type: ignore[arg-type]


def test_all_557_load_in_a_few_seconds(real_data: Callable[[str], Path]) -> None:
    """About 0.6 s on an idle core; the bound allows for a busy one."""
    root = real_data("msr_action3d")
    start = time.process_time()
    load_msr_action3d(root, subset="all")
    assert time.process_time() - start < 4


def link_all_but_first(root: Path, to: Path) -> None:
    """A folder of links; the test writes the first file itself."""
    for path in (root / "real3d").iterdir():
        if path.name != FIRST:
            (to / path.name).symlink_to(path)
