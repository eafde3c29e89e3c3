"""Files of poses: one clip, data sets that are only to be recognized, folders, and the answers as a table."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.learned import LearnedPoses
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.person_window import PersonWindow
from cluster.recognition.pose_files import (
    PoseClaims,
    claimed,
    read_pose_file,
    read_pose_files,
)
from cluster.recognition.pose_views import FRONT_SIZE, PoseViews
from cluster.recognition.windows import WindowConfig
from encoding.datasets import save_clips
from encoding.datasets.synthetic import synthetic
from encoding.flat import without_depth
from encoding.posture import Up, turned
from encoding.spmf import encode_all
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20
from lifting.stage_times import StageTimes
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


LEARNED = LearnedPoses.of([clip.poses for clip in SPLIT.train])


def test_what_the_user_says_of_axis_and_unit_goes_before_what_the_file_says(tmp_path: Path) -> None:
    lying = turned(CLIP, "y", "z").xyz / 1000  # z up, in meters, and the file says neither
    for name, said_by_file in (("a.npz", {}), ("b.npz", {"axes": "x up", "unit": "cm"})):
        (clip,) = claimed(
            read_pose_file(one(tmp_path / name, xyz=lying, **said_by_file)),
            PoseClaims(up="z", unit="m"),
            LEARNED,
        )
        np.testing.assert_allclose(clip.poses.xyz, CLIP.xyz, atol=0.01)
    with pytest.raises(ValueError, match="`unit` is 'ft'; one of mm, cm, m, in is needed"):
        claimed([clip], PoseClaims(unit="ft"), LEARNED)


def test_people_are_chosen_by_their_motion(tmp_path: Path) -> None:
    still = np.broadcast_to(CLIP.xyz[:1], CLIP.xyz.shape)
    three = one(tmp_path / "three.npz", xyz=np.stack([still, CLIP.xyz, still[::-1]], axis=1))
    (clip,) = read_pose_file(three)
    assert clip.poses.num_people == 2
    (alone,) = claimed([clip], PoseClaims(people=1), LEARNED)
    np.testing.assert_array_equal(alone.poses.xyz, CLIP.xyz)
    (both,) = claimed([alone], PoseClaims(people=2), LEARNED)
    assert np.isnan(both.poses.xyz[:, 1]).all()


@pytest.fixture
def learned_model(tmp_path: Path) -> Path:
    classifier = replace(small_classifier(MSR_20), learned=LEARNED)
    RecognitionModel(classifier=classifier, lifter=None).save(tmp_path / "learned")
    return tmp_path / "learned"


def refused(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["recognize", *map(str, arguments)])
    assert result.exit_code != 0
    return " ".join(result.output.split())


def test_poses_in_another_unit_or_of_other_dimensions_are_refused(
    tmp_path: Path, learned_model: Path
) -> None:
    model = ["--model", learned_model, "--clip"]
    meters = one(tmp_path / "m.npz", xyz=CLIP.xyz / 1000)
    assert "the right unit is needed, which may be m: in the file, or as --unit" in refused(meters, *model)
    expected = said(["recognize", str(one(tmp_path / "mm.npz")), *map(str, model)]).splitlines()[0]
    assert said(["recognize", str(meters), *map(str, model), "--unit", "m"]).splitlines()[0] == expected
    flat = one(tmp_path / "flat.npz", xyz=CLIP.xyz * np.float32([1, 1, np.nan]))
    assert "2D clips came, and this model learned from 3D poses; lift them first" in refused(flat, *model)
    assert "is a 2D clip, in pixels; --up and --unit are for 3D poses" in refused(flat, *model, "--up", "z")
    learned = LearnedPoses.of([without_depth(clip.poses) for clip in SPLIT.train])
    assert learned.flat
    with pytest.raises(ValueError, match="3D poses came, and this model learned from 2D clips"):
        learned.check(CLIP)
    assert "--up is 'up'; one of x, -x, y, -y, z, -z is needed" in refused(meters, *model, "--up", "up")
    assert "--unit is for 3D poses, a .npz or a folder of them" in refused("0", *model, "--unit", "m")


def test_an_upside_down_person_stays_so_where_the_axis_is_said(
    tmp_path: Path, learned_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --up the poses of a handstand would be turned."""
    down = turned(CLIP, "y", "-y")
    handstand = one(tmp_path / "handstand.npz", xyz=down.xyz)
    given: list[np.ndarray] = []

    def recorded(self: TrainedClassifier, clips: list[PoseSequence3D]) -> np.ndarray:
        given.append(clips[0].xyz)
        return encode_all(clips, self.encoding, self.statistics)

    monkeypatch.setattr(TrainedClassifier, "images", recorded)
    for words, expected in (([], CLIP), (["--up", "-y"], CLIP), (["--up", "y"], down)):
        given.clear()
        said(["recognize", str(handstand), "--model", str(learned_model), "--clip", *words])
        np.testing.assert_allclose(given[-1], expected.xyz, atol=0.01)


def test_the_model_folder_says_what_was_learned_and_older_ones_are_read(learned_model: Path) -> None:
    description = json.loads((learned_model / "model.json").read_text())
    assert (description["learned"]["up"], description["learned"]["unit"]) == ("y", "mm")
    description["learned"] = None
    (learned_model / "model.json").write_text(json.dumps(description))
    assert RecognitionModel.load(learned_model).classifier.learned == LEARNED
    description["learned"] = {**LEARNED.model_dump(mode="json"), "fps": 60.0}
    (learned_model / "model.json").write_text(json.dumps(description))
    with pytest.raises(ValueError, match="says learned"):
        RecognitionModel.load(learned_model)


@pytest.mark.parametrize("up", ["y", "z", "-y"])
def test_poses_without_a_picture_have_a_film(tmp_path: Path, learned_model: Path, up: Up) -> None:
    clip = one(tmp_path / "clip.npz", xyz=turned(CLIP, "y", up).xyz)
    film = tmp_path / "film.mp4"
    text = said(
        ["recognize", str(clip), "--model", str(learned_model), "--save-video", str(film), "--up", up]
    )
    assert f"film       {film}" in text
    video = cv2.VideoCapture(str(film))
    count = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
    # A last prediction after the last frame is shown for a second.
    assert count in (CLIP.num_frames, CLIP.num_frames + round(CLIP.fps))
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(CLIP.fps, abs=0.1)
    save_clips(tmp_path / "many.npz", SPLIT)
    assert "--film shows one clip" in refused(
        tmp_path / "many.npz", "--model", learned_model, "--film", tmp_path / "many.mp4"
    )
    assert not (tmp_path / "many.mp4").exists()


def test_in_the_film_a_person_stands_upright_and_fits_into_the_picture() -> None:
    head, foot = MSR_20.joints.index("head"), MSR_20.joints.index("left_foot")
    window = PersonWindow(
        RecognitionModel(classifier=small_classifier(MSR_20), lifter=None),
        (0,), WindowConfig(), False, CLIP.fps, MSR_20, StageTimes(),
    )  # fmt: skip
    cases: tuple[tuple[Up, Up | None], ...] = (("y", None), ("z", None), ("-y", "-y"))
    for up, said_up in cases:
        views = PoseViews(turned(CLIP, "y", up), said_up)
        frame = views.frame(0, window)
        (person,) = frame.people
        assert person.keypoints[head, 1] < person.keypoints[foot, 1]  # pixels grow downwards
        assert person.pose[head, 1] < person.pose[foot, 1]
        shown = np.stack([views.frame(n, window).people[0].keypoints for n in range(CLIP.num_frames)])
        assert shown.min() >= 0
        assert (shown.reshape(-1, 2).max(axis=0) <= FRONT_SIZE).all()
        assert np.ptp(shown[..., 1]) == pytest.approx(0.8 * FRONT_SIZE[1], rel=0.01)
    nothing = replace(CLIP, xyz=np.full_like(CLIP.xyz, np.nan))
    assert PoseViews(nothing, "y").frame(0, window).people == ()


def test_a_2d_clip_and_a_pair_have_views() -> None:
    window = PersonWindow(
        RecognitionModel(classifier=small_classifier(MSR_20), lifter=None),
        (0,), WindowConfig(), False, CLIP.fps, MSR_20, StageTimes(),
    )  # fmt: skip
    (flat,) = PoseViews(without_depth(CLIP), None).frame(0, window).people
    assert np.isfinite(flat.pose).all()
    assert (flat.pose[:, 2] == 0).all()
    pair = replace(CLIP, xyz=np.stack([CLIP.xyz, CLIP.xyz + np.float32([900, 0, 0])], axis=1))
    frame = PoseViews(pair, "y").frame(0, window)
    assert (frame.num_detected, frame.people[0].keypoints.shape) == (2, (2, 20, 2))
