"""An .mp4 that grows picture by picture and is there only when it is whole.

H.264 plays everywhere: browsers, MLflow's artifact view, presentations. OpenCV's wheels come without an
encoder for it (x264 is under the GPL), and their MPEG-4 Part 2 plays in no browser; so the pictures go
through a pipe to the ffmpeg program that imageio-ffmpeg brings, a process beside ours that encodes on
another core. Where there is no such program, OpenCV's MPEG-4 is what is written.
"""

import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Protocol, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from lifting.files import TEMPORARY_PREFIX

__all__ = ["Codec", "VideoFile", "ffmpeg_program"]

Image = NDArray[np.uint8]
Codec = Literal["h264", "mpeg4"]


def ffmpeg_program() -> str | None:
    """The ffmpeg program: imageio-ffmpeg's, or the system's; None where there is neither."""
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError:  # no binary for this kind of machine
        return None


class VideoFile:
    """Writes an .mp4 beside its place and renames it at the end; memory does not grow with its length.

        with VideoFile(path, (1280, 720), fps=25) as video:
            video.append(picture)

    Leaving the block by an exception removes what was written.

    Args:
        path: of the .mp4.
        size: (width, height) of every picture, pixels; both even, as H.264 needs it.
        fps: pictures per second.
        codec: "mpeg4" to do without ffmpeg; None: "h264" where there is ffmpeg.

    Raises:
        ValueError: the size is odd or not positive, or the rate is not a positive number.
        OSError: the place cannot be written to.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: float, *, codec: Codec | None = None) -> None:
        if min(size) < 2 or size[0] % 2 or size[1] % 2:
            raise ValueError(
                f"{path.name} is to have pictures of {size[0]} x {size[1]}; even numbers are needed"
            )
        if not 0 < fps < float("inf"):
            raise ValueError(f"{path.name} is to have {fps} pictures per second; a positive number is needed")
        self.path, self.size = path, size
        self.num_frames = 0
        path.parent.mkdir(parents=True, exist_ok=True)
        self._unfinished = path.with_name(f"{TEMPORARY_PREFIX}{path.name}")
        self._unfinished.touch()  # what refuses it says so with the place's name, before any picture is made
        program = None if codec == "mpeg4" else ffmpeg_program()
        self.codec: Codec = "h264" if program else "mpeg4"
        try:
            self._writer: _Writer = (
                _Ffmpeg(program, self._unfinished, size, fps)
                if program
                else _OpenCv(self._unfinished, size, fps)
            )
        except BaseException:
            self._unfinished.unlink(missing_ok=True)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def append(self, picture: Image) -> None:
        """The next picture, (height, width, 3) BGR.

        Raises:
            ValueError: it is of another size.
            OSError: the encoder gave up, as on a full disk; says why.
        """
        if picture.shape != (self.size[1], self.size[0], 3) or picture.dtype != np.uint8:
            raise ValueError(
                f"{self.path.name} got a picture {picture.shape} of {picture.dtype}; "
                f"({self.size[1]}, {self.size[0]}, 3) of uint8 is needed"
            )
        self._writer.write(picture)
        self.num_frames += 1

    def close(self) -> None:
        """Finish the file and put it in its place.

        Raises:
            ValueError: there was no picture.
            OSError: the encoder gave up.
        """
        if self.num_frames == 0:
            self.discard()
            raise ValueError(f"there is no picture for {self.path.name}; at least 1 is needed")
        try:
            self._writer.finish()
            self._unfinished.replace(self.path)
        except BaseException:
            self._unfinished.unlink(missing_ok=True)
            raise

    def discard(self) -> None:
        """Stop, and leave nothing behind."""
        self._writer.stop()
        self._unfinished.unlink(missing_ok=True)


class _Writer(Protocol):
    def write(self, picture: Image) -> None: ...
    def finish(self) -> None: ...
    def stop(self) -> None: ...


class _OpenCv:
    """MPEG-4 Part 2, in this process."""

    def __init__(self, path: Path, size: tuple[int, int], fps: float) -> None:
        self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, size)
        if not self._writer.isOpened():
            raise OSError(
                f"{path.parent} gets no video: there is no ffmpeg, and this OpenCV cannot write .mp4"
            )

    def write(self, picture: Image) -> None:
        self._writer.write(picture)

    def finish(self) -> None:
        self._writer.release()

    def stop(self) -> None:
        self._writer.release()


class _Ffmpeg:
    """H.264, by an ffmpeg process that is handed raw pictures."""

    def __init__(self, program: str, path: Path, size: tuple[int, int], fps: float) -> None:
        self._path = path
        # a file, since a pipe that is not emptied would block it
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        raw = ["-f", "rawvideo", "-pix_fmt", "bgr24", "-s", f"{size[0]}x{size[1]}", "-r", f"{fps:g}"]
        # yuv420p is the one color format that every player has; the index goes to the front, so that a
        # browser can begin before it has the whole file
        h264 = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-pix_fmt", "yuv420p"]
        file = ["-movflags", "+faststart", "-f", "mp4", str(path)]
        self._process = subprocess.Popen(
            [program, "-y", "-loglevel", "error", *raw, "-i", "-", *h264, *file],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._complaints,
            start_new_session=True,  # Ctrl-C is for us: what becomes of the file is decided here
        )

    def write(self, picture: Image) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).data)
        except BrokenPipeError as error:
            raise self._failure() from error

    def finish(self) -> None:
        self._end_input()
        if self._process.wait() != 0:
            raise self._failure()
        self._complaints.close()

    def stop(self) -> None:
        self._process.kill()
        self._end_input()
        self._process.wait()
        self._complaints.close()

    def _end_input(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended already; its exit status says how
            self._process.stdin.close()

    def _failure(self) -> OSError:
        self._end_input()
        status = self._process.wait()
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else f"it ended with status {status}"
        return OSError(f"ffmpeg could not write the video into {self._path.parent}: {reason}")
