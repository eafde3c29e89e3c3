"""How a video's pictures are to be turned and mirrored before they are shown: the display matrix.

Phones write it into the header in place of turning the pictures; front cameras and editors mirror with it.
OpenCV turns by the matrix's angle alone: a mirrored video, whose matrix is no rotation, comes upside down. So
the matrix itself is read here, off the track header of MP4 and MOV. Matroska holds it in another form; ffmpeg
copies one picture into a MOV, whose track header is read.

Source: ISO/IEC 14496-12, section 8.3.2 (track header box, `tkhd`).
"""

import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["Orientation", "read_orientation"]

_MATROSKA = b"\x1a\x45\xdf\xa3"
_BOX_TYPES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot")
# Boxes in a track header's way; a damaged file could hold millions of empty ones.
_MAX_BOXES = 10_000
_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """What is done to a picture, in this order.

    Attributes:
        transposed: rows become columns.
        flipped_x: left and right are exchanged.
        flipped_y: top and bottom are exchanged.
    """

    transposed: bool = False
    flipped_x: bool = False
    flipped_y: bool = False

    def applied(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture (height, width, 3) as it is to be shown."""
        if self == Orientation():
            return picture
        if self.transposed:
            picture = picture.transpose(1, 0, 2)
        return np.ascontiguousarray(
            picture[:: -1 if self.flipped_y else 1, :: -1 if self.flipped_x else 1], dtype=np.uint8
        )


def read_orientation(path: Path) -> Orientation | None:
    """How pictures of the first video track are turned; None: another kind of file, or it does not say."""
    with path.open("rb") as file:
        head = file.read(12)
        if head[4:8] in _BOX_TYPES:
            return _of_tracks(file, path.stat().st_size)
    return _of_matroska(path) if head.startswith(_MATROSKA) else None


def _of_tracks(file: BinaryIO, size: int) -> Orientation | None:
    budget = [_MAX_BOXES]
    for kind, begin, end in _boxes(file, 0, size, budget):
        if kind != b"moov":
            continue
        for inner, track, track_end in _boxes(file, begin, end, budget):
            if inner == b"trak" and _is_video(file, track, track_end, budget):
                return _of_header(file, track, track_end, budget)
    return None


def _boxes(file: BinaryIO, begin: int, end: int, budget: list[int]) -> Iterator[tuple[bytes, int, int]]:
    """(kind, begin and end of the content) of each box in a stretch of the file."""
    while begin + 8 <= end and budget[0] > 0:
        budget[0] -= 1
        file.seek(begin)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind = struct.unpack(">I4s", head[:8])
        content = begin + 8
        if size == 1 and len(head) == 16:
            (size,) = struct.unpack(">Q", head[8:])
            content += 8
        stop = end if size == 0 else begin + size
        if stop < content or stop > end:
            return  # cut off
        yield kind, content, stop
        begin = stop


def _is_video(file: BinaryIO, begin: int, end: int, budget: list[int]) -> bool:
    for kind, media, media_end in _boxes(file, begin, end, budget):
        if kind == b"mdia":
            for inner, handler, _ in _boxes(file, media, media_end, budget):
                if inner == b"hdlr":
                    file.seek(handler + 8)  # version, flags and a zero come first
                    return file.read(4) == b"vide"
    return False


def _of_header(file: BinaryIO, begin: int, end: int, budget: list[int]) -> Orientation | None:
    for kind, content, stop in _boxes(file, begin, end, budget):
        if kind == b"tkhd":
            file.seek(content)
            header = file.read(min(stop - content, 96))
            # times of 8 bytes in version 1; the matrix of nine follows the volume and two bytes
            place = 52 if header[:1] == b"\x01" else 40
            if len(header) < place + 20:
                return None
            a, b, _, c, d = struct.unpack(">5i", header[place : place + 20])
            return _of_matrix(a, b, c, d)
    return None


def _of_matrix(a: int, b: int, c: int, d: int) -> Orientation:
    """x' = a x + c y, y' = b x + d y, x to the right and y down; quarter turns and mirrors alone are kept."""
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flipped_x=a < 0, flipped_y=d < 0)
    return Orientation(transposed=True, flipped_x=c < 0, flipped_y=b < 0)


def _of_matroska(path: Path) -> Orientation | None:
    from lifting.writers.video_file import ffmpeg_program

    program = ffmpeg_program()
    if program is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "one_picture.mov"
        command = [program, "-v", "error", "-i", str(path.absolute()), "-map", "0:v:0", "-c", "copy"]
        try:
            done = subprocess.run(
                [*command, "-frames:v", "1", str(copy)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return read_orientation(copy) if done.returncode == 0 and copy.exists() else None
