"""Videos that are whole or not there."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from lifting.writers import video_file
from lifting.writers.video_file import Codec, VideoFile

PICTURE = np.full((48, 64, 3), (10, 200, 30), np.uint8)


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_pictures_come_back_as_they_were(tmp_path: Path, codec: Codec) -> None:
    with VideoFile(tmp_path / "new" / "x.mp4", (64, 48), fps=12.5, codec=codec) as video:
        assert video.codec == codec
        for _ in range(5):
            video.append(PICTURE)
    capture = cv2.VideoCapture(str(video.path))
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)) == (5, 12.5)
    read, found = capture.read()
    capture.release()
    assert read
    assert np.abs(found.astype(int) - PICTURE).max() < 12


def test_where_there_is_no_ffmpeg_opencv_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(video_file, "ffmpeg_program", lambda: None)
    with VideoFile(tmp_path / "x.mp4", (64, 48), fps=25) as video:
        video.append(PICTURE)
    assert video.codec == "mpeg4"
    assert video.path.stat().st_size > 0


def test_an_encoder_that_dies_is_reported_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "ffmpeg"
    failing.write_text("#!/bin/sh\necho 'No space left on device' >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(video_file, "ffmpeg_program", lambda: str(failing))

    def film() -> None:
        with VideoFile(tmp_path / "out" / "x.mp4", (64, 48), fps=25) as video:
            for _ in range(200):
                video.append(PICTURE)

    with pytest.raises(OSError, match="No space left on device"):
        film()
    assert not list((tmp_path / "out").iterdir())


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        VideoFile(tmp_path / "file" / "x.mp4", (64, 48), fps=25)


def test_wrong_pictures_sizes_and_rates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="63 x 48; even numbers are needed"):
        VideoFile(tmp_path / "x.mp4", (63, 48), fps=25)
    with pytest.raises(ValueError, match="0 pictures per second"):
        VideoFile(tmp_path / "x.mp4", (64, 48), fps=0)
    with (
        pytest.raises(ValueError, match=r"picture \(48, 64, 3\) of float64"),
        VideoFile(tmp_path / "x.mp4", (64, 48), fps=25) as video,
    ):
        video.append(PICTURE.astype(float))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_the_ffmpeg_that_was_installed_is_found() -> None:
    program = video_file.ffmpeg_program()
    assert program is not None
    assert shutil.which(program)
