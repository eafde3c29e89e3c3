"""Sources of frames: videos that end early, lie or vary, cameras, folders with gaps."""

import subprocess
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from fake_detector import install_fake_detector
from lifting.openpose import frame_file_name
from lifting.sources import CameraSource, KeypointSource, VideoSource
from lifting.writers.video_file import ffmpeg_program
from source_files import keypoint_folder, video


@pytest.fixture
def detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_fake_detector(tmp_path, monkeypatch)


@pytest.mark.usefixtures("detector")
def test_a_video_that_ends_early_gives_what_it_has(tmp_path: Path) -> None:
    whole = video(tmp_path / "whole.avi", frames=40)
    cut = tmp_path / "cut.avi"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    source = VideoSource(cut)
    assert 5 <= len(list(source.frames())) < 40


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


def test_missing_frames_show_nobody(tmp_path: Path) -> None:
    frames = list(KeypointSource(keypoint_folder(tmp_path / "json", lost=(10, 11, 12))).frames())
    assert [len(frame.people) for frame in frames[9:14]] == [1, 0, 0, 0, 1]


@pytest.mark.parametrize(("first", "shown"), [(0, 0), (1, 0)])
def test_the_first_file_stands_beside_the_first_picture_wherever_counting_begins(
    tmp_path: Path, first: int, shown: int
) -> None:
    """Pictures of 20 gray levels, and 20 files that count from 0 or from 1."""
    path = tmp_path / "gray.avi"
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
