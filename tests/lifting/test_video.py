"""Video files: what opens, what is turned upright, and what does not open."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lifting.video import open_video
from lifting.video_orientation import Orientation, read_orientation
from lifting.writers.video_file import ffmpeg_program


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
        """Holds a capture instead of being one, as OpenCV's class is made for."""

        def __init__(self, path: str) -> None:
            self.capture = real(path)

        def __getattr__(self, name: str) -> object:
            return getattr(self.capture, name)

        def get(self, what: int) -> float:
            return 0.0 if what == cv2.CAP_PROP_FPS else float(self.capture.get(what))

    real = cv2.VideoCapture
    monkeypatch.setattr(cv2, "VideoCapture", WithoutRate)
    with pytest.raises(ValueError, match="has a frame rate of 0; give the true one as `fps`"):
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


# Yellow at the top left, red at the top right, green at the bottom left, black at the bottom right.
CORNERS = (
    "color=black:s=64x48:d=0.4:r=10,drawbox=0:0:20:20:yellow:fill,drawbox=44:0:20:20:red:fill,"
    "drawbox=0:28:20:20:green:fill"
)


def film(path: Path, before: tuple[str, ...] = (), aspect: str = "1") -> Path:
    """The corners, with options of ffmpeg in front of the input that is copied."""
    program = ffmpeg_program()
    assert program is not None
    plain = path.with_name(f"plain_{path.name}")
    source = ["-f", "lavfi", "-i", f"{CORNERS},setsar={aspect}", "-pix_fmt", "yuv420p", str(plain)]
    subprocess.run([program, "-v", "error", *source], check=True)
    subprocess.run([program, "-v", "error", *before, "-i", str(plain), "-c", "copy", str(path)], check=True)
    return path


def corners(picture: np.ndarray) -> str:
    """Letters of the corners: top left, top right, bottom left, bottom right."""

    def letter(blue: int, green: int, red: int) -> str:
        return "r" if red > 150 > green else "y" if red > 150 else "g" if green > 80 else "."

    return "".join(letter(*picture[y, x].tolist()) for y in (8, -9) for x in (8, -9))


@pytest.mark.parametrize("kind", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ((), "yrg."),
        (("-display_hflip",), "ry.g"),  # left and right exchanged
        (("-display_vflip",), "g.yr"),
        (("-display_rotation", "180"), ".gry"),
        (("-display_rotation", "90"), "r.yg"),  # a quarter to the left: the right edge is on top
        (("-display_rotation", "-90"), "gy.r"),
        (("-display_rotation", "90", "-display_hflip"), ".rgy"),  # as the program itself decodes it
    ],
)
def test_a_video_is_shown_as_its_display_matrix_says(
    tmp_path: Path, kind: str, options: tuple[str, ...], seen: str
) -> None:
    video = open_video(film(tmp_path / f"a.{kind}", options))
    first = next(iter(video.frames()))
    assert corners(first) == seen
    assert video.image_size == first.shape[1::-1] == ((48, 64) if "90" in " ".join(options) else (64, 48))


@pytest.mark.parametrize(
    ("aspect", "options", "size"),
    [("2/1", (), (128, 48)), ("1/2", (), (32, 48)), ("2/1", ("-display_rotation", "90"), (48, 128))],
)
def test_pixels_that_are_not_square_are_made_so(
    tmp_path: Path, aspect: str, options: tuple[str, ...], size: tuple[int, int]
) -> None:
    """The stored picture is stretched, then turned."""
    video = open_video(film(tmp_path / "a.mp4", options, aspect))
    assert video.image_size == size == next(iter(video.frames())).shape[1::-1]


def test_the_header_of_a_video_is_read_whatever_is_damaged_in_it(tmp_path: Path) -> None:
    whole = film(tmp_path / "a.mp4", ("-display_hflip",)).read_bytes()
    begin = whole.index(b"moov")
    draw = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in draw.integers(begin, len(whole), 8):
            damaged[place] = draw.integers(256)
        (tmp_path / "b.mp4").write_bytes(damaged[: draw.integers(begin, len(whole))])
        found = read_orientation(tmp_path / "b.mp4")
        assert found is None or isinstance(found, Orientation)
