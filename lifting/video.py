"""Video files: what they say of themselves, and their frames one by one, turned upright."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

# Some headers claim a thousand frames a second or more where they know nothing.
_PLAUSIBLE_FPS = 1000.0


@dataclass(frozen=True, kw_only=True)
class Video:
    """A video that opens and has at least one frame.

    Attributes:
        path: the file.
        image_size: (width, height) of an upright frame, pixels.
        fps: frames per second.
        num_frames: as the header says; 0 where it does not. The file may hold fewer (cut off) or more.
    """

    path: Path
    image_size: tuple[int, int]
    fps: float
    num_frames: int

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """(height, width, 3) BGR, one after the other, in memory one at a time.

        A video that is cut off simply ends: frames that cannot be decoded are not there.
        """
        capture = cv2.VideoCapture(str(self.path))
        try:
            while True:
                read, frame = capture.read()
                if not read:
                    return
                yield np.asarray(frame, dtype=np.uint8)
        finally:
            capture.release()


def open_video(path: Path, fps: float | None = None) -> Video:
    """What a video says of itself; its first frame is decoded to be sure. Rotation marks are obeyed by
    OpenCV.

    Args:
        path: the file.
        fps: frames per second, in place of what the header says.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no video that OpenCV can decode, or its header gives no frame rate and none is given.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no video {path}")
    capture = cv2.VideoCapture(str(path))
    try:
        read, frame = capture.read()
        if not read:
            raise ValueError(
                f"{path} is no video that can be decoded ({path.stat().st_size} bytes), or is cut off"
            )
        header_fps = float(capture.get(cv2.CAP_PROP_FPS))
        num_frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    finally:
        capture.release()
    rate = header_fps if fps is None else fps
    if not 0 < rate < _PLAUSIBLE_FPS:
        raise ValueError(f"{path} has a frame rate of {rate:g}; give the true one with --fps")
    height, width = frame.shape[:2]
    return Video(path=path, image_size=(width, height), fps=rate, num_frames=max(num_frames, 0))
