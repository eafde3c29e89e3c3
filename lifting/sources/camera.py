"""A camera as a source of frames."""

import threading
import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np

from lifting.detection.detect import MIN_CONFIDENCE
from lifting.detectors import Detector
from lifting.sources.ahead import made_ahead
from lifting.sources.detected_frame import checked_interval, detected_frame, entered, opened_detector
from lifting.sources.frames import DEFAULT_FPS, Image, SourceFrame
from lifting.stage_times import StageTimes

__all__ = ["CameraSource"]

# A camera that gives no frame for this time is taken for unplugged.
_CAMERA_SECONDS = 5.0
# A camera's driver may hold the thread that waits for it; after this long it is left to itself.
_LEAVE_SECONDS = 1.0


class CameraSource:
    """A camera. It does not wait: a frame that is not taken in time is replaced by the next one.

    Args:
        number: of the camera, from 0.
        detector, min_confidence, times, detect_every: as in `VideoSource`.
        fps: frames per second, where the camera does not say.

    Raises:
        OSError: there is no such camera, it is busy, or it gives no picture.
        FileNotFoundError, ValueError: as in `VideoSource`.
    """

    live = True
    notes: tuple[str, ...] = ()
    num_frames = 0

    def __init__(
        self,
        number: int,
        detector: Path | None = None,
        fps: float | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        times: StageTimes | None = None,
        detect_every: int = 1,
    ) -> None:
        self._every = checked_interval(detect_every)
        self._capture = cv2.VideoCapture(number)
        self._number, self._times = number, times or StageTimes()
        read, picture = self._capture.read() if self._capture.isOpened() else (False, None)
        if not read or picture is None:
            self._capture.release()
            raise OSError(
                f"camera {number} gives no picture: it is not there, or another program uses it; "
                "name another number, or close that program"
            )
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps or (rate if 0 < rate < 1000 else DEFAULT_FPS)
        self.image_size = picture.shape[1], picture.shape[0]
        self._detector = opened_detector(detector, self.image_size, min_confidence)
        self.skeleton = self._detector.skeleton

    def frames(self) -> Generator[SourceFrame]:
        """The newest frame each time, until the camera gives no more.

        Raises:
            OSError: it gave no picture at all for 5 s.
            RuntimeError: MediaPipe ends by itself.
        """
        newest, stop = _Newest(), threading.Event()
        reader = threading.Thread(target=self._read, args=(newest, stop), daemon=True)
        reader.start()
        some = False
        try:
            with (
                entered(self._detector) as detector,
                closing(made_ahead(lambda: self._detected(detector, newest), 1)) as frames,
            ):
                for frame in frames:
                    some = True
                    yield frame
            if not some:
                raise OSError(f"camera {self._number} has given no picture for {_CAMERA_SECONDS:g} s")
        finally:
            stop.set()
            reader.join(_LEAVE_SECONDS)
            if not reader.is_alive():
                self._capture.release()

    def _detected(self, detector: Detector, newest: "_Newest") -> Generator[SourceFrame]:
        begin, number = time.perf_counter(), 0
        while (taken := newest.take(_CAMERA_SECONDS)) is not None:
            arrived, picture = taken
            asked, number = number % self._every == 0, number + 1
            seconds = arrived - begin
            yield detected_frame(
                detector if asked else None, picture, self.image_size, seconds, self._times, arrived
            )

    def _read(self, newest: "_Newest", stop: threading.Event) -> None:
        while not stop.is_set():
            read, picture = self._capture.read()
            if not read:
                return
            newest.put(np.asarray(picture, np.uint8))


class _Newest:
    """Holds one picture, the newest."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held: tuple[float, Image] | None = None

    def put(self, picture: Image) -> None:
        with self._condition:
            self._held = time.perf_counter(), picture
            self._condition.notify()

    def take(self, seconds: float) -> tuple[float, Image] | None:
        """The picture and when it came; None where none comes in that time."""
        with self._condition:
            self._condition.wait_for(lambda: self._held is not None, seconds)
            taken, self._held = self._held, None
            return taken
