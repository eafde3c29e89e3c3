"""Files that hold one recording each: classes from folders or from a table."""

from pathlib import Path

import numpy as np
import pytest

from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.importing import import_clips
from encoding.datasets.npz import load_clips, read_clips
from lifting.skeleton import MSR_20
from recording_files import movement, write_trc


def recordings(root: Path, *names: str) -> None:
    for name in names:
        path = root / f"{name}.trc"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_trc(path, movement(frames=30), MSR_20.joints)


def table(path: Path, text: str) -> ImportOptions:
    path.write_text(text)
    return ImportOptions(labels=path)


def test_folders_name_classes_and_parts(tmp_path: Path) -> None:
    recordings(tmp_path / "data", "train/wave/a", "train/bend/b", "test/wave/c", "val/bend/d")
    report = import_clips(tmp_path / "data", tmp_path / "x.npz")
    assert report.imported.class_names == ("bend", "wave")
    assert report.imported.protocols == {"given": {"train": 2, "test": 1, "validation": 1}}
    with np.load(tmp_path / "x.npz") as file:
        assert dict(zip(file["names"].tolist(), file["split"].tolist(), strict=True)) == {
            "test/wave/c": "test",
            "train/bend/b": "train",
            "train/wave/a": "train",
            "val/bend/d": "validation",
        }


def test_a_table_cuts_recordings_and_names_people(tmp_path: Path) -> None:
    recordings(tmp_path / "data", "one", "two", "three")
    options = table(
        tmp_path / "labels.csv",
        "clip;label;subject;split;start;end\n"
        "one.trc;wave;1;train;0;0.2\none;bend;1;train;0.2;0.5\ntwo;wave;2;test;;\n",
    )
    report = import_clips(tmp_path / "data", tmp_path / "x.npz", options)
    with np.load(tmp_path / "x.npz") as file:
        assert file["names"].tolist() == ["one#1", "one#2", "two"]
        # At 60 frames/s: 0.2 s, 0.3 s and all 30 frames of the movement.
        assert np.diff(file["offsets"]).tolist() == [12, 18, 30]
        assert file["subjects"].tolist() == [1, 1, 2]
    assert report.left_out == ("1 of 3 files are not in labels.csv",)


def test_people_with_names_stay_together_as_groups(tmp_path: Path) -> None:
    recordings(tmp_path / "data", "one", "two")
    options = table(tmp_path / "l.csv", "clip,label,subject\none,a,anna\ntwo,b,P02\n")
    import_clips(
        tmp_path / "data",
        tmp_path / "x.npz",
        options,
    )
    with np.load(tmp_path / "x.npz") as file:
        assert file["groups"].tolist() == ["subject anna", "subject P02"]
        assert file["subjects"].tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip,label\nfour,a\n", r"line 2: there is no clip 'four' in .*; there are one, two"),
        ("file,class\none,a\n", "has the columns file, class; clip and label are needed"),
        ("clip,label\none,\n", "line 2: the label is empty"),
        ("clip,label,split\none,a,holdout\n", "line 2: split is 'holdout'; one of train, validation, test"),
        ("clip,label,start\none,a,soon\n", "line 2: 'soon' is no time"),
        ("clip,label\n", "names no clip"),
        (
            "clip,label,start,end\none,a,5,6\n",
            r"clip 'one' is from 5.0 to 6.0 s of one.trc, which lasts 0.50 s",
        ),
    ],
)
def test_a_wrong_table_is_answered_in_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    recordings(tmp_path / "data", "one", "two")
    with pytest.raises(ValueError, match=message):
        import_clips(tmp_path / "data", tmp_path / "x.npz", table(tmp_path / "l.csv", text))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "l.csv"]


def test_without_labels_it_is_said_where_they_could_come_from(tmp_path: Path) -> None:
    recordings(tmp_path / "data", "one", "two")
    with pytest.raises(ValueError, match=r"2 of 2 clips have no label, .*'one'; put the files into a folder"):
        import_clips(tmp_path / "data", tmp_path / "x.npz")


def test_recordings_without_labels_are_imported_to_be_recognized(tmp_path: Path) -> None:
    recordings(tmp_path / "data", "one", "two")
    report = import_clips(tmp_path / "data", tmp_path / "x.npz", unlabeled=True)
    assert dict(report.lines())["clips"].endswith("no labels")
    with np.load(tmp_path / "x.npz") as file:
        assert not {"labels", "class_names"} & set(file.files)
    assert [(clip.name, action) for clip, action, _ in read_clips(tmp_path / "x.npz")] == [
        ("one", None),
        ("two", None),
    ]
    with pytest.raises(ValueError, match="no array labels, class_names"):
        load_clips(tmp_path / "x.npz")
