"""Files of poses: one clip, data sets that are only to be recognized, folders, and the answers as a table."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.recognition.pose_files import read_pose_file, read_pose_files
from encoding.datasets import save_clips
from encoding.datasets.synthetic import synthetic
from lifting.skeleton import MSR_20
from recognition_models import small_classifier

SPLIT = synthetic(num_subjects=2, clips_per_action=1)
CLIP = SPLIT.test[0].poses


def one(path: Path, **changes: object) -> Path:
    arrays = {"xyz": CLIP.xyz, "fps": CLIP.fps, "skeleton": "msr_20"} | changes
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})
    return path


def changed(path: Path, out: Path, drop: tuple[str, ...] = (), **arrays: np.ndarray) -> Path:
    with np.load(path) as file:
        kept = {name: file[name] for name in file.files if name not in drop}
    np.savez(out, **{**kept, **arrays})
    return out


@pytest.fixture
def model(tmp_path: Path) -> Path:
    small_classifier(MSR_20).save(tmp_path / "model")
    return tmp_path / "model"


def test_one_clip_in_meters_with_z_up_is_the_same_clip(tmp_path: Path) -> None:
    turned = np.stack([CLIP.xyz[..., 0], -CLIP.xyz[..., 2], CLIP.xyz[..., 1]], axis=-1) / 1000
    (clip,) = read_pose_file(one(tmp_path / "a.npz", xyz=turned, unit="m", axes="z up"))
    np.testing.assert_allclose(clip.poses.xyz, CLIP.xyz, atol=1e-2)
    with pytest.raises(ValueError, match="has unit 'ft' and axes 'y up'; one of mm, cm, m and one of x up"):
        read_pose_file(one(tmp_path / "b.npz", unit="ft"))


def test_files_without_labels_or_with_test_clips_alone_are_read(tmp_path: Path) -> None:
    save_clips(tmp_path / "all.npz", SPLIT)
    count = len(SPLIT.clips)
    alone = changed(tmp_path / "all.npz", tmp_path / "t.npz", split=np.array(["test"] * count))
    assert {clip.part for clip in read_pose_file(alone)} == {"test"}
    assert [clip.action for clip in read_pose_file(alone)] == [
        SPLIT.class_names[clip.label] for clip in SPLIT.clips
    ]
    drop = ("labels", "class_names", "split")
    unlabeled = changed(tmp_path / "all.npz", tmp_path / "u.npz", drop)
    assert {(clip.action, clip.part) for clip in read_pose_file(unlabeled)} == {(None, None)}


def test_a_folder_of_clips_is_named_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    one(tmp_path / "day" / "b.npz")
    one(tmp_path / "a.npz")
    assert [clip.name for clip in read_pose_files(tmp_path)] == ["a", "day/b"]
    (tmp_path / "none").mkdir()
    with pytest.raises(FileNotFoundError, match=r"holds no \.npz of poses"):
        read_pose_files(tmp_path / "none")


def said(arguments: list[str]) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_many_clips_become_lines_or_csv_and_the_parts_are_counted_apart(tmp_path: Path, model: Path) -> None:
    save_clips(tmp_path / "all.npz", SPLIT)
    for name in ("answers.jsonl", "answers.csv"):
        text = said(
            ["recognize", str(tmp_path / "all.npz"), "--model", str(model), "--jsonl", str(tmp_path / name)]
        )
        assert f"of {len(SPLIT.test)} test clips as the file says" in text
        assert f"of {len(SPLIT.train)} training clips as the file says" in text
        assert "clips show actions that the model has not learned" in text
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    table = list(csv.DictReader((tmp_path / "answers.csv").read_text().splitlines()))
    assert [row["clip"] for row in rows] == [row["clip"] for row in table]
    assert len(rows) == len(SPLIT.clips)
    assert list(rows[0]["probabilities"]) == ["wave", "kick", "bow", "sit"]
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert float(table[0]["p: wave"]) == rows[0]["probabilities"]["wave"]


def test_poses_without_a_person_or_of_one_frame_are_said(tmp_path: Path, model: Path) -> None:
    nothing = one(tmp_path / "nobody.npz", xyz=np.full_like(CLIP.xyz, np.nan))
    single = one(tmp_path / "one.npz", xyz=CLIP.xyz[:1])
    arguments = ["--model", str(model), "--clip"]
    assert "no person is seen in any of" in said(["recognize", str(nothing), *arguments])
    assert "a prediction needs" in said(["recognize", str(single), *arguments])
