"""Video files: what opens, what is turned upright, and what does not open."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lifting.video import open_video


def write_video(path: Path, num_frames: int = 6, fps: float = 25.0, size: tuple[int, int] = (64, 48)) -> Path:
    """Frames that grow brighter, in Motion JPEG."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    for n in range(num_frames):
        writer.write(np.full((size[1], size[0], 3), 40 * n, np.uint8))
    writer.release()
    return path


def test_a_video_says_size_rate_and_length(tmp_path: Path) -> None:
    video = open_video(write_video(tmp_path / "a.avi"))
    assert (video.image_size, video.fps, video.num_frames) == ((64, 48), 25.0, 6)
    frames = list(video.frames())
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 6
    assert [round(float(frame.mean()) / 40) for frame in frames] == [0, 1, 2, 3, 4, 5]


def test_the_rate_that_is_given_wins(tmp_path: Path) -> None:
    assert open_video(write_video(tmp_path / "a.avi"), fps=50.0).fps == 50.0


def test_a_header_without_a_rate_asks_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.avi")

    class WithoutRate:
        """Holds a capture: OpenCV's own classes crash the interpreter when inherited from."""

        def __init__(self, path: str) -> None:
            self.capture = real(path)

        def __getattr__(self, name: str) -> object:
            return getattr(self.capture, name)

        def get(self, what: int) -> float:
            return 0.0 if what == cv2.CAP_PROP_FPS else float(self.capture.get(what))

    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", WithoutRate)
    with pytest.raises(ValueError, match="has a frame rate of 0; give the true one with --fps"):
        open_video(path)
    assert open_video(path, fps=30.0).fps == 30.0


def test_what_is_no_video_does_not_open(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no video"):
        open_video(tmp_path / "none.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match=r"text.mp4 is no video that can be decoded \(8 bytes\)"):
        open_video(tmp_path / "text.mp4")


def test_a_video_that_is_cut_off_ends_early(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    whole = (real_data("videos") / "sports2d_demo.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 8])
    video = open_video(tmp_path / "cut.mp4")
    assert 0 < sum(1 for _ in video.frames()) < video.num_frames == 230


def test_a_video_that_was_filmed_sideways_is_turned_upright(tmp_path: Path) -> None:
    """The mark for it lies in the track header of an mp4: a matrix, by default (1, 0, 0, 1)."""
    path = tmp_path / "phone.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    frame = np.zeros((48, 64, 3), np.uint8)
    frame[:, :32] = 255  # white on the left
    for _ in range(3):
        writer.write(frame)
    writer.release()
    one = (1 << 16).to_bytes(4, "big")
    minus, zero = ((1 << 32) - (1 << 16)).to_bytes(4, "big"), bytes(4)
    data = path.read_bytes()
    header = data.index(b"tkhd")
    matrix = data.index(one + zero + zero + zero + one, header)
    quarter = zero + one + zero + minus + zero  # a quarter turn clockwise
    path.write_bytes(data[:matrix] + quarter + data[matrix + 20 :])
    video = open_video(path)
    assert video.image_size == (48, 64)
    upright = next(video.frames())
    assert upright.shape == (64, 48, 3)
    assert upright[:28].mean() > 200  # what was on the left is on top
    assert upright[36:].mean() < 50
