"""The plain .npz: exact round trip, nothing half-written, and every fault found."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoding.datasets.checking import check_split
from encoding.datasets.npz import check, load_clips, save_clips
from encoding.datasets.records import Clip, Split
from encoding.datasets.synthetic import synthetic
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20, Skeleton

STICK = Skeleton(name="stick", joints=("hip", "left_end", "right_end"), parents=(-1, 0, 0), pairs=((1, 2),))


def body(frames: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1700, (frames, 20, 3)).astype(np.float32)


def plain(path: Path, **changes: Any) -> Path:
    """Four clips of three frames, two classes: two to train, two to test; a change of None drops an array."""
    arrays: dict[str, Any] = {
        "xyz": body(12, 0),
        "offsets": np.array([0, 3, 6, 9, 12]),
        "labels": np.array([0, 1, 0, 1]),
        "class_names": np.array(["bend", "wave"]),
        "skeleton": np.array("msr_20"),
        "fps": np.array(15.0),
        "unit": np.array("mm"),
        "names": np.array(["a", "b", "c", "d"]),
        "subjects": np.array([1, 1, 2, 2]),
        "split": np.array(["train", "train", "test", "test"]),
    }
    np.savez(path, **{key: value for key, value in (arrays | changes).items() if value is not None})
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "clips.npz"


def assert_equal(a: Clip, b: Clip) -> None:
    assert (a.name, a.label, a.subject, a.group, a.poses.fps) == (
        b.name,
        b.label,
        b.subject,
        b.group,
        b.poses.fps,
    )
    assert a.poses.skeleton == b.poses.skeleton
    np.testing.assert_array_equal(a.poses.xyz, b.poses.xyz)


@pytest.mark.parametrize("people", [1, 2])
def test_a_split_comes_back_exactly(path: Path, people: int) -> None:
    split = synthetic(people=people, num_subjects=6, clips_per_action=1, missing=0.01)
    save_clips(path, split)
    back = load_clips(path)
    assert back.class_names == split.class_names
    for part in ("train", "validation", "test"):
        for a, b in zip(getattr(split, part), getattr(back, part), strict=True):
            assert_equal(a, b)


def test_a_skeleton_of_one_s_own_comes_back(path: Path) -> None:
    poses = PoseSequence3D(xyz=np.ones((2, 3, 3), np.float32), fps=50, skeleton=STICK)
    split = Split(
        name="x", class_names=("k",), train=(Clip(name="a", poses=poses, label=0, group="left room"),)
    )
    save_clips(path, split)
    assert_equal(load_clips(path).train[0], split.train[0])


def test_the_file_holds_no_pickle_and_replaces_the_old_one_whole(path: Path) -> None:
    path.write_text("the old one")
    save_clips(path, synthetic(num_subjects=2, clips_per_action=1))
    with np.load(path, allow_pickle=False) as file:
        assert all(file[key].dtype != object for key in file.files)
    assert [entry.name for entry in path.parent.iterdir()] == ["clips.npz"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_text("the old one")

    def disk_full(*args: object, **arrays: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez_compressed", disk_full)
    with pytest.raises(OSError, match="no space left"):
        save_clips(path, synthetic(num_subjects=2, clips_per_action=1))
    assert path.read_text() == "the old one"
    assert [entry.name for entry in path.parent.iterdir()] == ["clips.npz"]


def test_a_minimal_file_needs_seven_arrays(path: Path) -> None:
    plain(path, names=None, subjects=None, split=None)
    split = load_clips(path)
    # All for development: of two clips a class one validates.
    assert [clip.name for clip in split.train + split.validation] != []
    assert sorted(clip.name for clip in split.development) == [
        "clip_0000",
        "clip_0001",
        "clip_0002",
        "clip_0003",
    ]
    assert split.test == ()
    assert (len(split.train), len(split.validation)) == (2, 2)


def test_poses_of_nothing_but_zeros_become_missing_ones(path: Path) -> None:
    xyz = body(12, 0)
    xyz[1] = 0
    xyz[2, 0] = 0  # one joint where the sensor is: not tracked
    (clip,) = [clip for clip in load_clips(plain(path, xyz=xyz)).clips if clip.name == "a"]
    assert np.isnan(clip.poses.xyz[1]).all()
    assert np.isnan(clip.poses.xyz[2, 0]).all()
    assert np.isfinite(clip.poses.xyz[0]).all()
    assert np.isfinite(clip.poses.xyz[2, 1:]).all()


def test_the_root_of_root_relative_poses_is_no_gap(path: Path) -> None:
    xyz = body(12, 0)
    root = MSR_20.root
    xyz -= xyz[:, [root]]
    clips = load_clips(plain(path, xyz=xyz)).clips
    assert all(np.isfinite(clip.poses.xyz).all() for clip in clips)
    assert not any("exactly (0, 0, 0)" in str(finding) for finding in check(path).findings)


def test_a_good_file_has_no_findings(path: Path) -> None:
    report = check(plain(path, split=np.array(["train", "train", "test", "test"]), subjects=None))
    assert report.ok
    assert report.findings == ()
    assert str(report) == f"{path}: 4 clips, 12 frames, 0 errors, 0 warnings"


def test_a_missing_file_says_what_it_must_hold(path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"no clips at .*clips\.npz: name a \.npz with arrays xyz, offsets"
    ):
        load_clips(path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_cannot_be_read_says_so(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"clips\.npz is not a readable \.npz without pickles") as error:
        load_clips(path)
    assert "unsafely" not in str(error.value)  # numpy's advice for pickles
    assert not check(path).ok


def test_a_file_cut_off_says_so(path: Path) -> None:
    save_clips(path, synthetic(num_subjects=2, clips_per_action=1))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match=r"is not a readable \.npz"):
        load_clips(path)


def test_pickled_arrays_are_refused(path: Path) -> None:
    plain(path, names=np.array(["a", "b", "c", None], dtype=object))
    with pytest.raises(
        ValueError, match=r"not a readable \.npz without pickles, or it is damaged: Object arrays"
    ):
        load_clips(path)


FORM = [
    ({"unit": None, "fps": None}, "no array fps, unit; xyz, offsets, labels, class_names, skeleton, fps"),
    ({"unit": np.array("ft")}, "unit is 'ft'; one of mm, cm, m is needed"),
    ({"axes": np.array("upwards")}, "axes is 'upwards'; one of x up, x down, y up, y down, z up, z down"),
    ({"xyz": np.ones((12, 20, 2), np.float32)}, r"xyz has shape \(12, 20, 2\); \(frames, J, 3\)"),
    ({"xyz": np.ones((12, 0, 20, 3), np.float32)}, r"xyz has shape \(12, 0, 20, 3\); .*people, J, 3\)"),
    ({"xyz": np.ones((12, 20, 3), int)}, "xyz is of type int64; float32 numbers are needed"),
    ({"offsets": np.array([0, 3, 6, 9])}, "offsets must rise from 0 to the 12 frames of xyz"),
    ({"offsets": np.array([0, 6, 3, 9, 12])}, "offsets must rise from 0"),
    ({"labels": np.array([0, 1, 0])}, r"labels has shape \(3,\); \(4,\) is needed, one a clip"),
    ({"labels": np.array([0, 1, 0, 2])}, r"labels must be in 0\.\.1, the indices of"),
    ({"labels": np.array([0.0, 1.0, 0.0, 1.0])}, "labels is of type float64; integers are needed"),
    ({"subjects": np.array([0.5, 1, 2, 2])}, "subjects is of type float64; integers or names are needed"),
    ({"offsets": np.array([0.0, 3, 6, 9, 12])}, "offsets is of type float64; integers are needed"),
    ({"class_names": np.array("bend")}, r"class_names has shape \(\); one name a class is needed"),
    ({"fps": np.array(0.0)}, "fps must be one positive number or 4 of them"),
    ({"split": np.array(["train", "train", "test", "dev"])}, "split holds 'dev'; each clip needs one of"),
    ({"skeleton": np.array("msr20")}, "a known skeleton, or one given by .*, is needed: .*'msr20'"),
    ({"skeleton": np.array("x"), "joints": np.array(["a"])}, "a known skeleton, or one given by .*'parents'"),
    ({"xyz": body(12, 0)[:, :15]}, "xyz has 15 joints; skeleton 'msr_20' needs 20"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), FORM)
def test_each_fault_of_form_is_found_and_refused(path: Path, changes: dict[str, Any], message: str) -> None:
    plain(path, **changes)
    with pytest.raises(ValueError, match=rf"clips\.npz: {message}"):
        load_clips(path)
    (error,) = check(path).errors
    assert error.severity == "error"


def with_frames(change: Callable[[np.ndarray], None]) -> np.ndarray:
    xyz = body(12, 0)
    change(xyz)
    return xyz


def set_to(where: Any, value: float) -> np.ndarray:
    return with_frames(lambda xyz: xyz.__setitem__(where, value))


ERRORS = [
    ({"offsets": np.array([0, 0, 6, 9, 12])}, "clip 'a': no frame; at least 1 is needed"),
    ({"xyz": set_to((4, 7, 1), 2e5)}, "clip 'b': a coordinate of 200000 mm at frame 1, joint 7, and 0 more"),
    ({"xyz": set_to((4, 7, 1), np.inf)}, "clip 'b': a coordinate of inf mm at frame 1, joint 7"),
    ({"class_names": np.array(["bend", "bend"])}, "class_names holds 'bend' 2 times; give each class one"),
    ({"xyz": set_to(slice(3, 6), 0)}, "clip 'b': no joint is seen in any frame"),
    ({"names": np.array(["a", "b", "c", "a"])}, "clip 'a': 2 clips have this name; names must differ"),
    ({"labels": np.array([0, 0, 1, 1])}, "class 'wave' has no training clip; at least 1 is needed"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), ERRORS)
def test_each_error_of_content_is_found_and_refused(
    path: Path, changes: dict[str, Any], message: str
) -> None:
    plain(path, **changes)
    assert message in "\n".join(map(str, check(path).errors))
    with pytest.raises(ValueError, match=message):
        load_clips(path)


WARNINGS = [
    ({"offsets": np.array([0, 1, 6, 9, 12])}, "clip 'a': one frame; there is no motion to recognize"),
    ({"xyz": set_to(1, 0)}, "clip 'a': 1 poses are all zero and taken for missing; mark them as NaN"),
    ({"xyz": set_to(1, np.nan)}, "clip 'a': 33% of the joints are missing and will be interpolated"),
    ({"xyz": body(12, 0) / 1000}, "4 clips, such as 'a': the body spans 1.67 mm"),
    ({"xyz": set_to((slice(3, 6), 7), np.nan)}, "clip 'b': joint 7 (left_elbow) is missing in every frame"),
    ({"labels": np.array([0, 0, 0, 0]), "class_names": np.array(["a"])}, "there is one class, 'a'"),
    ({"labels": np.array([0, 1, 0, 0])}, "1 class has one clip, such as 'wave'"),
    ({"fps": np.array([15.0, 15, 15, 30])}, "clip 'd': 30 frames/s where most clips have 15"),
    ({"class_names": np.array(["b'bend'", "b'wave'"])}, "2 class names are bytes written as text"),
    ({"labels": np.array([0, 1, 0, 0])}, "class 'wave' has no test clip"),
    ({"subjects": np.array([1, 2, 2, 3])}, "subjects 2 are in training and test: accuracy will flatter"),
    ({"split": np.array(["train"] * 4)}, "no clip is marked as test: there is nothing to score at the end"),
    ({"xyz": np.concatenate([body(3, 1)] * 4)}, "2 clips, such as 'c': the same poses as clip 'a'"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), WARNINGS)
def test_each_oddity_is_a_warning_and_the_file_still_loads(
    path: Path, changes: dict[str, Any], message: str
) -> None:
    report = check(plain(path, **changes))
    assert report.ok
    assert message in "\n".join(map(str, report.warnings))
    load_clips(path)


def test_all_findings_come_at_once(path: Path) -> None:
    xyz = body(12, 0)
    xyz[0, 0, 0], xyz[3:6, 7] = 1e6, np.nan
    report = check(plain(path, xyz=xyz, labels=np.array([0, 0, 0, 1])))
    assert len(report.errors) == 2
    lines = str(report).splitlines()
    assert lines[0].startswith(f"{path}: 4 clips, 12 frames, 2 errors, ")
    assert [line.split(": ")[0] for line in lines[1:]] == ["error"] * 2 + ["warning"] * len(report.warnings)


def test_two_person_poses_are_missing_one_by_one(path: Path) -> None:
    xyz = np.random.default_rng(0).uniform(0, 1700, (12, 2, 20, 3)).astype(np.float32)
    xyz[1, 0] = 0
    report = check(plain(path, xyz=xyz, subjects=None))
    assert [str(finding) for finding in report.findings] == [
        "warning: clip 'a': 1 poses are all zero and taken for missing; mark them as NaN"
    ]


def test_a_loaded_split_of_any_source_can_be_checked() -> None:
    report = check_split(synthetic(num_subjects=4, clips_per_action=1, missing=0.4))
    assert report.ok
    assert report.num_clips == 40
    assert any(
        "of the joints are missing and will be interpolated" in str(finding) for finding in report.warnings
    )


def test_of_three_people_the_two_who_move_most_are_kept_and_it_is_said(path: Path) -> None:
    first, second = body(12, 0), body(12, 1)
    still = np.broadcast_to(first[:1], first.shape)
    plain(path, xyz=np.stack([first, still, second], axis=1))
    assert [str(one) for one in check(path).warnings] == [
        "warning: the file shows 3 people; the two with the most motion are kept in each clip"
    ]
    loaded = np.concatenate([clip.poses.xyz for clip in load_clips(path).clips])
    np.testing.assert_array_equal(loaded, np.stack([first, second], axis=1))
    plain(path, xyz=first[:, None])  # one person in an array for several
    assert load_clips(path).num_people == 1
