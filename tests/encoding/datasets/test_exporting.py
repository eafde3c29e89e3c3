"""Exports that come back, and pickles that old environments read."""

import pickle
import pickletools
from pathlib import Path

import numpy as np
import pytest

from encoding.datasets.exporting import export_csv, export_pyskl
from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.importing import import_clips
from encoding.datasets.npz import load_clips
from encoding.datasets.synthetic import synthetic


def test_pyskl_comes_back_with_its_parts(tmp_path: Path) -> None:
    split = synthetic(num_subjects=4, clips_per_action=1, actions=("bend", "squat"), missing=0.02)
    export_pyskl(split, tmp_path / "clips.pkl")
    (tmp_path / "names.txt").write_text("bend\nsquat\n")
    options = ImportOptions(class_names=tmp_path / "names.txt", skeleton="msr_20", fps=15)
    import_clips(tmp_path / "clips.pkl", tmp_path / "back.npz", options)
    back = load_clips(tmp_path / "back.npz", validation_fraction=0)
    assert back.class_names == split.class_names
    assert {clip.name for clip in back.test} == {clip.name for clip in split.test}
    mine = {clip.name: clip for clip in split.clips}
    for clip in back.clips:
        assert clip.label == mine[clip.name].label
        np.testing.assert_allclose(clip.poses.xyz, mine[clip.name].poses.xyz, atol=0.01)


def test_the_pickle_names_nothing_that_an_old_numpy_lacks(tmp_path: Path) -> None:
    split = synthetic(people=2, num_subjects=2, clips_per_action=1)
    export_pyskl(split, tmp_path / "clips.pkl")
    data = (tmp_path / "clips.pkl").read_bytes()
    names = {arg for op, arg, _ in pickletools.genops(data) if op.name in ("GLOBAL", "STACK_GLOBAL")}
    assert names == {"numpy array", "numpy ndarray", "_codecs encode"}
    assert data[:2] == b"\x80\x02"
    keypoint = pickle.loads(data)["annotations"][0]["keypoint"]
    assert keypoint.shape[0] == 2
    keypoint[0] = 0  # others write into what they load


def test_csv_comes_back(tmp_path: Path) -> None:
    split = synthetic(num_subjects=4, clips_per_action=1, actions=("bend", "squat"), missing=0.02)
    export_csv(split, tmp_path / "csv")
    report = import_clips(tmp_path / "csv", tmp_path / "back.npz")
    assert report.imported.class_names == ("bend", "squat")
    back = load_clips(tmp_path / "back.npz", validation_fraction=0)
    mine = {clip.name: clip for clip in split.clips}
    assert {clip.name for clip in back.test} == {clip.name for clip in split.test}
    for clip in back.clips:
        assert (clip.subject, clip.poses.skeleton) == (
            mine[clip.name].subject,
            mine[clip.name].poses.skeleton,
        )
        assert clip.poses.fps == pytest.approx(15, rel=1e-3)
        np.testing.assert_allclose(clip.poses.xyz, mine[clip.name].poses.xyz, atol=0.01)


def test_two_people_have_a_line_each_and_a_full_folder_is_refused(tmp_path: Path) -> None:
    split = synthetic(people=2, num_subjects=2, clips_per_action=1)
    export_csv(split, tmp_path / "csv")
    lines = (tmp_path / "csv" / f"{split.clips[0].name}.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * split.clips[0].poses.num_frames
    assert lines[1].startswith("0,0,person_1,")
    with pytest.raises(FileExistsError, match="is not empty; a new folder is needed"):
        export_csv(split, tmp_path / "csv")
