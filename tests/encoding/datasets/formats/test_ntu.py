"""NTU RGB+D folders: names, protocols, people by motion, and what is left out."""

from pathlib import Path

import numpy as np
import pytest

from encoding.datasets import check
from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.formats.ntu import read_bodies
from encoding.datasets.importing import import_clips
from encoding.datasets.npz import load_clips
from encoding.datasets.ntu_protocols import ACTIONS, XSUB_120, Place, people_of, protocols_of
from encoding.datasets.synthetic import synthetic
from ntu_files import kinect2, skeleton_text, write_ntu


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ntu") / "nturgb+d_skeletons"
    write_ntu(root, subjects=4)
    return root


def standing(frames: int = 20) -> np.ndarray:
    """(T, 25, 3) meters: a person who moves the arms."""
    clip = synthetic(num_subjects=2, clips_per_action=1, actions=("hand clap",)).clips[0]
    return kinect2(clip.poses.xyz)[:frames] / 1000


def write(path: Path, *frames: list[tuple[str, np.ndarray]]) -> Path:
    path.write_bytes(skeleton_text(frames).encode())
    return path


def test_the_published_lists() -> None:
    assert (len(ACTIONS), len(set(ACTIONS)), len(XSUB_120)) == (120, 120, 53)
    assert [people_of(action) for action in (49, 50, 60, 61, 105, 106)] == [1, 2, 2, 1, 1, 2]
    clip = Place(setup=1, camera=2, person=3, take=1, action=10)
    assert [clip.part(name) for name in ("xsub60", "xview60", "xsub120", "xset120")] == [
        "test", "train", "test", "test",
    ]  # fmt: skip
    assert protocols_of([clip]) == ("xsub60", "xview60")
    assert protocols_of([clip, clip._replace(person=41)]) == ("xsub120", "xset120")


def test_a_folder_becomes_clips_with_both_protocols(folder: Path, tmp_path: Path) -> None:
    report = import_clips(folder, tmp_path / "ntu.npz")
    assert check(tmp_path / "ntu.npz").ok
    assert report.imported.class_names == ("clapping", "kicking something")
    # Two actions by subjects 1 to 4, each seen by three cameras; subject 3 alone does not train.
    assert report.imported.protocols == {
        "xsub60": {"train": 18, "test": 6},
        "xview60": {"train": 16, "test": 8},
    }
    split = load_clips(tmp_path / "ntu.npz")
    assert {clip.subject for clip in split.test} == {3}
    assert split.test[0].name == "S001C001P003R001A010"
    text = "\n".join(f"{what} {how_much}" for what, how_much in report.lines())
    assert "24 clips" in text
    assert "split xsub60 6 test, 18 train" in text


def test_coordinates_come_back_in_millimeters(tmp_path: Path) -> None:
    xyz = standing()
    path = write(tmp_path / "S001C001P001R001A010.skeleton", *([("7", joints)] for joints in xyz))
    import_clips(path, tmp_path / "one.npz")
    clip = load_clips(tmp_path / "one.npz", validation_fraction=0).train[0]
    np.testing.assert_allclose(clip.poses.xyz, 1000 * xyz, atol=0.01)
    assert clip.poses.fps == 30


def test_the_one_with_most_motion_is_kept_and_two_ids_of_one_person_are_joined(tmp_path: Path) -> None:
    xyz = standing(28)
    still = np.repeat(xyz[:1], len(xyz), axis=0) + np.float32([2, 0, 0])
    frames = [[("11", still[t]), ("22" if t < 14 else "33", xyz[t])] for t in range(len(xyz))]
    path = write(tmp_path / "S001C001P001R001A010.skeleton", *frames)
    assert set(read_bodies(path)) == {"11", "22", "33"}
    import_clips(path, tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz") as file:
        np.testing.assert_allclose(file["xyz"], 1000 * xyz, atol=0.01)


def test_an_interaction_keeps_two_and_a_single_s_clip_has_the_second_absent(
    tmp_path: Path,
) -> None:
    xyz = standing()
    other = xyz[::-1] + np.float32([1, 0, 0])
    write(
        tmp_path / "S001C001P001R001A050.skeleton",
        *([("1", a), ("2", b)] for a, b in zip(xyz, other, strict=True)),
    )
    write(tmp_path / "S001C001P001R001A010.skeleton", *([("1", a)] for a in xyz))
    report = import_clips(tmp_path, tmp_path / "out" / "two.npz")
    assert (report.imported.people, report.imported.absent) == (2, True)
    with np.load(tmp_path / "out" / "two.npz") as file:
        assert file["xyz"].shape == (40, 2, 25, 3)
        assert np.isnan(file["xyz"][:20, 1]).all()
        assert np.isfinite(file["xyz"][20:]).all()


def test_a_ghost_wider_than_tall_is_no_person(tmp_path: Path) -> None:
    xyz = standing()
    ghost = xyz[..., [1, 0, 2]] * np.float32([4, 0.2, 1])  # lies down, and moves the most
    path = write(
        tmp_path / "S001C001P001R001A010.skeleton",
        *([("1", g), ("2", a)] for g, a in zip(ghost, xyz, strict=True)),
    )
    import_clips(path, tmp_path / "one.npz")
    with np.load(tmp_path / "one.npz") as file:
        np.testing.assert_allclose(file["xyz"], 1000 * xyz, atol=0.01)


def test_an_untracked_joint_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "S001C001P001R001A010.skeleton", *([("1", joints)] for joints in standing(12)))
    lines = path.read_bytes().split(b"\r\n")
    lines[4] = lines[4][:-1] + b"0"  # the first joint of the first frame
    path.write_bytes(b"\r\n".join(lines))
    missing = np.isnan(read_bodies(path)["1"])
    assert missing[0, 0].all()
    assert missing.sum() == 3


def test_damaged_and_empty_and_listed_files_are_left_out_and_said(folder: Path, tmp_path: Path) -> None:
    root = tmp_path / "files"
    write_ntu(root, subjects=4)
    cut = root / "S001C001P001R001A010.skeleton"
    cut.write_bytes(cut.read_bytes()[:5000])
    write(root / "S001C002P001R001A010.skeleton", [], [], [])
    (tmp_path / "missing.txt").write_text("S001C003P001R001A010\nS001C001P002R001A010.skeleton\n")
    report = import_clips(
        root, tmp_path / "x.npz", ImportOptions(unusable=tmp_path / "missing.txt"), protocol="xview60"
    )
    assert report.imported.num_clips == 24 - 4
    assert report.left_out[0] == f"2 clips are on the list {tmp_path / 'missing.txt'}"
    assert "S001C001P001R001A010.skeleton is cut off or damaged at line " in report.left_out[1]
    assert report.left_out[2] == "S001C002P001R001A010.skeleton: no frame shows a body"
    assert {int(clip.name[5:8]) for clip in load_clips(tmp_path / "x.npz").test} == {1}


def test_a_cut_off_file_alone_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    path = write(tmp_path / "S001C001P001R001A010.skeleton", *([("1", joints)] for joints in standing(3)))
    path.write_bytes(b"\r\n".join(path.read_bytes().split(b"\r\n")[:40]))
    with pytest.raises(ValueError, match=r"cut off or damaged at line 3\d: the file ends there"):
        import_clips(path, tmp_path / "x.npz")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name]


def test_more_frames_than_lines_are_a_damaged_file(tmp_path: Path) -> None:
    path = write(tmp_path / "S001C001P001R001A010.skeleton", [("1", standing(1)[0])])
    path.write_bytes(path.read_bytes().replace(b"1\r\n", b"999999999999\r\n", 1))
    with pytest.raises(ValueError, match="cut off or damaged at line 1: the file ends there"):
        import_clips(path, tmp_path / "x.npz")


def test_a_name_without_numbers_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "walk.skeleton", [("1", standing(1)[0])])
    with pytest.raises(ValueError, match=r"walk\.skeleton is not named SsssCcccPpppRrrrAaaa"):
        import_clips(tmp_path, tmp_path / "x.npz")


def test_a_split_that_is_not_there_is_answered_with_those_that_are(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no split 'xset'; the splits of this source are: xsub60, xview60"):
        import_clips(folder, tmp_path / "x.npz", protocol="xset")
