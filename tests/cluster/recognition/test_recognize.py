"""The command and what it reads: keypoints, poses, videos, cameras; and batches on a cluster."""

import json
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
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import BODY_25, SBU_15
from lifting.sources import VideoSource
from lifting.stage_times import StageTimes
from source_files import keypoint_folder, video


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_detector(tmp_path, monkeypatch)


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
    assert "no person is seen in any of the 23 frames" in text
    brief = keypoint_folder(tmp_path / "brief", frames=1)
    text = said(["recognize", str(brief), "--model", str(model_folder)])
    assert "a person is seen in 1 of 1 frames; a prediction needs 6 frames of one person" in text


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
    assert "test clips as the file says" in text
    np.savez(tmp_path / "sbu.npz", xyz=poses.xyz[:, :15], fps=poses.fps, skeleton="sbu_15")
    text = said(["recognize", str(tmp_path / "sbu.npz"), "--model", str(model_folder)], code=2)
    assert "the poses have skeleton 'sbu_15' (15 joints); this model needs 'h36m_17' (17 joints)" in text
    text = said(["recognize", str(single), "--model", str(tmp_path / "nothing")], code=2)
    assert "there is no model folder" in text
    (tmp_path / "cut.npz").write_bytes(single.read_bytes()[:100])
    assert "cut.npz is not a readable .npz of poses, or it is damaged: it is cut off" in said(
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
