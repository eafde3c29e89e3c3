"""Video files: what they say of themselves, and their frames one by one, as they are to be shown.

Shown means turned and mirrored as the header says (`lifting.video_orientation`), and with square pixels: a
picture whose pixels are twice as wide as high is made twice as wide. Keypoints of a squeezed person are those
of another pose.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from lifting.video_orientation import Orientation, read_orientation

__all__ = ["TimedFrame", "Video", "open_video"]

Image = NDArray[np.uint8]
TimedFrame = tuple[float, Image]

# Some headers claim a thousand frames a second or more where they know nothing.
_PLAUSIBLE_FPS = 1000.0
# Television has pixels from 8:9 to 64:45, anamorphic film 2:1; beyond this a header is wrong.
_PLAUSIBLE_ASPECT = 4.0


@dataclass(frozen=True, kw_only=True)
class Video:
    """A video that opens and has at least one frame.

    Attributes:
        path: the file.
        image_size: (width, height) of a frame as it is shown, pixels.
        fps: frames per second.
        num_frames: as the header says; 0 where it does not. The file may hold fewer (cut off) or more.
        orientation: how decoded pictures are turned; None: OpenCV does what it can.
    """

    path: Path
    image_size: tuple[int, int]
    fps: float
    num_frames: int
    orientation: Orientation | None = field(default=None, repr=False)

    def frames(self) -> Iterator[Image]:
        """(height, width, 3) BGR, one after the other, in memory one at a time.

        A video that is cut off simply ends: frames that cannot be decoded are not there.
        """
        for _, frame in self.timed_frames():
            yield frame

    def timed_frames(self) -> Generator[TimedFrame]:
        """(seconds, frame) as `frames`, with the time that the file gives; below 0 where it gives none."""
        capture = _opened(self.path, self.orientation)
        try:
            width = _square_width(capture)
            while True:
                read, frame = capture.read()
                if not read:
                    return
                yield capture.get(cv2.CAP_PROP_POS_MSEC) / 1000, _shown(frame, width, self.orientation)
        finally:
            capture.release()


def open_video(path: Path, fps: float | None = None) -> Video:
    """What a video says of itself; its first frame is decoded to be sure.

    Args:
        path: the file.
        fps: frames per second, in place of what the header says.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no video that OpenCV can decode, or its header gives no frame rate and none is given.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no video {path}")
    orientation = read_orientation(path)
    capture = _opened(path, orientation)
    try:
        read, frame = capture.read()
        if not read:
            raise ValueError(
                f"{path} is no video that can be decoded ({path.stat().st_size} bytes), or is cut off"
            )
        header_fps = float(capture.get(cv2.CAP_PROP_FPS))
        num_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        shown = _shown(frame, _square_width(capture), orientation)
    finally:
        capture.release()
    rate = header_fps if fps is None else fps
    if not 0 < rate < _PLAUSIBLE_FPS:
        raise ValueError(f"{path} has a frame rate of {rate:g}; give the true one as `fps`")
    height, width = shown.shape[:2]
    return Video(
        path=path,
        image_size=(width, height),
        fps=rate,
        num_frames=max(num_frames, 0),
        orientation=orientation,
    )


def _opened(path: Path, orientation: Orientation | None) -> cv2.VideoCapture:
    """A capture that turns by itself only where we do not: its default is not the same in every OpenCV."""
    capture = cv2.VideoCapture(str(path))
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0.0 if orientation is not None else 1.0)
    return capture


def _square_width(capture: cv2.VideoCapture) -> float:
    """How many square pixels a pixel is wide; 1 where the file does not say, or says nonsense."""
    across, down = (capture.get(which) for which in (cv2.CAP_PROP_SAR_NUM, cv2.CAP_PROP_SAR_DEN))
    aspect = across / down if across > 0 and down > 0 else 1.0
    return aspect if 1 / _PLAUSIBLE_ASPECT <= aspect <= _PLAUSIBLE_ASPECT else 1.0


def _shown(frame: object, square_width: float, orientation: Orientation | None) -> Image:
    picture = np.asarray(frame, dtype=np.uint8)
    if square_width != 1:
        height, width = picture.shape[:2]
        size = max(1, round(width * square_width)), height
        method = cv2.INTER_LINEAR if square_width > 1 else cv2.INTER_AREA
        picture = np.asarray(cv2.resize(picture, size, interpolation=method), dtype=np.uint8)
    return picture if orientation is None else orientation.applied(picture)
