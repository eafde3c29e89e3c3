"""The command and what it reads: keypoints, poses, videos, cameras; and batches on a cluster."""

import json
import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.distributed.config import RuntimeConfig
from cluster.distributed.prediction import predict_on_cluster
from cluster.distributed.runtime import Runtime
from cluster.recognition.events import within_latency
from cluster.recognition.live import LiveOptions
from cluster.recognition.recognizer import Recognizer
from cluster.recognition.windows import WindowConfig
from encoding.datasets.npz import save_clips
from encoding.datasets.synthetic import synthetic
from fake_detector import install_fake_detector
from lifting.gaps import GapConfig
from lifting.openpose import frame_file_name, write_people
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import BODY_25, SBU_15
from lifting.sources import CameraSource, KeypointSource, VideoSource
from lifting.stage_times import StageTimes
from lifting.tracking import DetectedPerson
from lifting.writers.video_file import ffmpeg_program


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_detector(tmp_path, monkeypatch)


def keypoint_folder(at: Path, frames: int = 24, lost: tuple[int, ...] = ()) -> Path:
    at.mkdir()
    draw = np.random.default_rng(1)
    body = draw.normal(0, 50, (25, 2)) + np.array([300, 240])
    body[8] = (body[9] + body[12]) / 2  # the middle of the hips, as in BODY_25
    for frame in range(frames):
        xy = (body + np.array([2 * frame, 0])).astype(np.float32)
        people = [] if frame in lost else [DetectedPerson(xy=xy, confidence=np.full(25, 0.9, np.float32))]
        if people or frame % 2:
            (at / frame_file_name(frame)).write_text(write_people(people))
    return at


def video(at: Path, frames: int = 20, fps: float = 25.0, size: tuple[int, int] = (64, 48)) -> Path:
    writer = cv2.VideoWriter(str(at), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    for _ in range(frames):
        writer.write(np.full((size[1], size[0], 3), 100, np.uint8))
    writer.release()
    return at


def said(arguments: list[str], code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_keypoints_become_a_timeline_lines_and_a_film(model_folder: Path, tmp_path: Path) -> None:
    source = keypoint_folder(tmp_path / "json", lost=(10, 12))
    lines, film = tmp_path / "out" / "lines.jsonl", tmp_path / "out" / "film.mp4"
    text = said(
        [
            "recognize", str(source), "--model", str(model_folder), "--enter", "0.2", "--leave", "0.1",
            "--lines", str(lines), "--film", str(film),
        ]
    )  # fmt: skip
    assert "person 0" in text
    assert "24 frames" in text
    assert all(stage in text for stage in ("lift", "encode", "classify", "draw"))
    rows = [json.loads(line) for line in lines.read_text().splitlines()]
    windows = [row for row in rows if row["kind"] == "window"]
    assert [row["frames"] for row in windows] == [6, 10, 14, 16, 16, 16]
    assert sum(windows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert rows[-1]["kind"] == "action"
    assert rows[-1]["label"] in windows[0]["probabilities"]
    capture = cv2.VideoCapture(str(film))
    assert int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == 24


def test_a_clip_is_named_as_a_whole(model_folder: Path, tmp_path: Path) -> None:
    source = keypoint_folder(tmp_path / "json")
    assert "person 0" in said(["recognize", str(source), "--model", str(model_folder), "--clip"])


def test_nobody_and_somebody_for_too_short_is_said(model_folder: Path, tmp_path: Path) -> None:
    nobody = keypoint_folder(tmp_path / "nobody", lost=tuple(range(24)))
    text = said(["recognize", str(nobody), "--model", str(model_folder), "--layout", "body_25"])
    assert "nobody is seen in any of the 23 frames" in text
    brief = keypoint_folder(tmp_path / "brief", frames=1)
    text = said(["recognize", str(brief), "--model", str(model_folder)])
    assert "nobody is seen for long enough: a prediction needs 6 frames of a person" in text


@pytest.mark.usefixtures("detector")
def test_a_video_goes_through_the_detector_as_it_runs(recognizer: Recognizer, tmp_path: Path) -> None:
    source = VideoSource(video(tmp_path / "walk.avi"))
    assert source.skeleton == BODY_25
    frames = list(source.frames())
    assert [frame.seconds for frame in frames] == pytest.approx([number / 25 for number in range(20)])
    assert all(len(frame.people) == 1 for frame in frames)
    prediction = recognizer.predict(VideoSource(video(tmp_path / "again.avi")))
    assert prediction.label in recognizer.class_names


@pytest.mark.usefixtures("detector")
def test_frames_between_those_the_detector_sees_are_filled_in(
    model_folder: Path, recognizer: Recognizer, tmp_path: Path
) -> None:
    path, times = video(tmp_path / "walk.avi"), StageTimes()
    source = VideoSource(path, times=times, detect_every=3)
    frames = list(source.frames())
    assert [len(frame.people) for frame in frames] == [1, 0, 0] * 6 + [1, 0]
    assert times.calls["detect"] == 7
    options = LiveOptions(gaps=GapConfig(lookahead=2))
    live = recognizer.stream(source.skeleton, fps=25, image_size=source.image_size, options=options)
    shown = [one for frame in frames for one in live.push(frame.people)] + live.finish()
    # somebody in every frame, always the same
    assert [[person.track for person in frame.people] for frame in shown] == [[0]] * 20
    text = said(["recognize", str(path), "--model", str(model_folder), "--detect-every", "3"])
    assert "20 frames" in text
    text = said(["recognize", str(tmp_path), "--model", str(model_folder), "--detect-every", "3"], code=2)
    assert "--detect-every is for videos and cameras" in text
    with pytest.raises(ValueError, match=r"`detect_every` is 0; 1 .every frame. or more is needed"):
        VideoSource(path, detect_every=0)


@pytest.mark.usefixtures("detector")
def test_a_video_that_ends_early_gives_what_it_has(recognizer: Recognizer, tmp_path: Path) -> None:
    whole = video(tmp_path / "whole.avi", frames=40)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    source = VideoSource(cut)
    assert 5 <= len(list(source.frames())) < 40


@pytest.mark.usefixtures("detector")
def test_a_header_without_a_rate_asks_for_one(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = video(tmp_path / "rateless.avi")
    real = cv2.VideoCapture

    class Rateless:
        """Says 0 frames a second, as some cameras write it."""

        def __init__(self, name: str) -> None:
            self._real = real(name)

        def get(self, what: int) -> float:
            return 0.0 if what == cv2.CAP_PROP_FPS else self._real.get(what)

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

    monkeypatch.setattr(cv2, "VideoCapture", Rateless)
    text = said(["recognize", str(path), "--model", str(model_folder)], code=2)
    assert "rateless.avi has a frame rate of 0; give the true one as --fps" in text
    assert [frame.seconds for frame in VideoSource(path, fps=10).frames()][:3] == [0, 0.1, 0.2]


@pytest.mark.usefixtures("detector")
def test_a_rotated_video_stands_upright_and_a_varying_rate_is_told_by_its_times(tmp_path: Path) -> None:
    ffmpeg = ffmpeg_program()
    assert ffmpeg is not None
    source = video(tmp_path / "lying.avi")
    # every second frame left out of the first ten: their times are 80 ms apart, then 40
    turned_file = tmp_path / "turned.mp4"
    selected = "select='gte(n,10)+not(mod(n,2))'"
    commands = [
        ["-i", str(source), "-vf", selected, "-fps_mode", "vfr", str(tmp_path / "varying.mp4")],
        [
            "-display_rotation",
            "90",
            "-i",
            str(tmp_path / "varying.mp4"),
            "-c",
            "copy",
            str(tmp_path / "turned.mp4"),
        ],
    ]
    for command in commands:
        subprocess.run([ffmpeg, "-loglevel", "error", "-y", *command], check=True)
    turned = VideoSource(turned_file)
    assert turned.image_size == (48, 64)
    frames = list(turned.frames())
    assert frames[0].picture is not None
    assert frames[0].picture.shape == (64, 48, 3)
    steps = np.diff([frame.seconds for frame in frames])
    assert steps[:4] == pytest.approx([0.08] * 4, abs=0.005)
    assert steps[-4:] == pytest.approx([0.04] * 4, abs=0.005)


def test_a_camera_that_is_not_there_is_named() -> None:
    with pytest.raises(
        OSError, match="camera 63 gives no picture: it is not there, or another program uses it"
    ):
        CameraSource(63)


@pytest.mark.usefixtures("detector")
def test_a_camera_gives_the_newest_frame_and_ends_when_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    class Camera:
        """Ten pictures, 5 ms apart; nobody waits for a slow reader."""

        def __init__(self, _: int) -> None:
            self._left = 10

        def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
            return True

        def get(self, _: int) -> float:
            return 30.0

        def read(self) -> tuple[bool, np.ndarray | None]:
            time.sleep(0.005)
            self._left -= 1
            return (True, np.full((48, 64, 3), 100, np.uint8)) if self._left >= 0 else (False, None)

        def release(self) -> None:
            """Nothing to give back."""

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    monkeypatch.setattr("lifting.sources.camera._CAMERA_SECONDS", 0.3)
    source = CameraSource(0)
    seen = []
    for frame in source.frames():
        seen.append(frame.seconds)
        time.sleep(0.02)
    assert 1 <= len(seen) < 9
    assert seen == sorted(seen)


def test_poses_of_a_file_are_named(
    model_folder: Path, recognizer: Recognizer, walker: Keypoints2D, tmp_path: Path
) -> None:
    poses = recognizer.lift(walker)
    single = tmp_path / "walk.npz"
    np.savez(single, xyz=poses.xyz, fps=poses.fps, skeleton=poses.skeleton.name)
    assert recognizer.predict(walker).label in said(
        ["recognize", str(single), "--model", str(model_folder), "--clip"]
    )
    np.savez(tmp_path / "poor.npz", xyz=poses.xyz)
    text = said(["recognize", str(tmp_path / "poor.npz"), "--model", str(model_folder)], code=2)
    assert "poor.npz lacks fps, skeleton" in text
    save_clips(tmp_path / "many.npz", synthetic(num_subjects=2, clips_per_action=1))
    text = said(["recognize", str(tmp_path / "many.npz"), "--model", str(model_folder)])
    assert "of 20 as the file says" in text
    np.savez(tmp_path / "sbu.npz", xyz=poses.xyz[:, :15], fps=poses.fps, skeleton="sbu_15")
    text = said(["recognize", str(tmp_path / "sbu.npz"), "--model", str(model_folder)], code=2)
    assert "the poses have skeleton 'sbu_15' (15 joints); this model needs 'h36m_17' (17 joints)" in text
    text = said(["recognize", str(single), "--model", str(tmp_path / "nothing")], code=2)
    assert "there is no model folder" in text
    (tmp_path / "cut.npz").write_bytes(single.read_bytes()[:100])
    assert "cut.npz is no .npz of poses, or is cut off" in said(
        ["recognize", str(tmp_path / "cut.npz"), "--model", str(model_folder)], code=2
    )


def test_a_latency_shortens_the_stride_and_gives_the_lookahead_up() -> None:
    options, windows = LiveOptions(), WindowConfig(stride=10)
    options = LiveOptions(gaps=options.gaps.model_copy(update={"lookahead": 5}))
    kept = within_latency(options, windows, fps=30, milliseconds=600)
    assert kept.windows is not None
    assert (kept.windows.stride, kept.gaps.lookahead) == (10, 5)
    short = within_latency(options, windows, fps=30, milliseconds=100)
    assert short.windows is not None
    assert (short.windows.stride, short.gaps.lookahead) == (1, 2)
    with pytest.raises(ValueError, match=r"`max_latency` is 20 ms; at 30 frames/s one frame takes 33 ms"):
        within_latency(options, windows, fps=30, milliseconds=20)


def test_missing_frames_show_nobody(tmp_path: Path) -> None:
    frames = list(KeypointSource(keypoint_folder(tmp_path / "json", lost=(10, 11, 12))).frames())
    assert [len(frame.people) for frame in frames[9:14]] == [1, 0, 0, 0, 1]


@pytest.mark.parametrize(("first", "shown"), [(0, 0), (1, 0)])
def test_the_first_file_stands_beside_the_first_picture_wherever_counting_begins(
    tmp_path: Path, first: int, shown: int
) -> None:
    """Pictures of 20 grey levels, and 20 files that count from 0 or from 1."""
    path = tmp_path / "grey.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (64, 48))
    for number in range(20):
        writer.write(np.full((48, 64, 3), 10 * number, np.uint8))
    writer.release()
    folder = keypoint_folder(tmp_path / "json", frames=20)
    for file in sorted(folder.glob("*.json"), reverse=True):
        number = int(file.name.split("_")[1]) + first
        file.rename(folder / frame_file_name(number))
    pictures = [frame.picture for frame in KeypointSource(folder, path).frames()]
    levels = [None if picture is None else round(float(picture.mean()) / 10) for picture in pictures]
    assert levels == list(range(shown, 20))


@pytest.mark.ray
def test_a_cluster_answers_as_one_process(
    ray_runtime: Runtime, recognizer: Recognizer, model_folder: Path, walker: Keypoints2D
) -> None:
    draw = np.random.default_rng(3)
    poses = recognizer.lift(walker)
    clips: list[Keypoints2D | PoseSequence3D] = [walker]
    clips += [
        PoseSequence3D(
            xyz=poses.xyz + draw.normal(0, 30, poses.xyz.shape), fps=poses.fps, skeleton=poses.skeleton
        )
        for _ in range(40)
    ]
    here = Recognizer.load(model_folder).predict_many(clips)
    there = predict_on_cluster(model_folder, clips, RuntimeConfig(workers=2))
    assert len(there) == 41
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.label == other.label
    wrong = PoseSequence3D(xyz=poses.xyz[:, :15], fps=30, skeleton=SBU_15)
    with pytest.raises(ValueError, match="the poses have skeleton 'sbu_15'"):
        predict_on_cluster(model_folder, [wrong], RuntimeConfig(workers=1))
