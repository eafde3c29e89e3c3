"""Where frames with people come from: OpenPose JSON, a video, a camera.

Pictures are decoded and looked at by the detector in a thread of their own, a few frames ahead, while this
one lifts, encodes, classifies and draws: the detector's work is done in another process, or without the
interpreter's lock.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from cluster.detection.detect import MIN_CONFIDENCE
from cluster.detection.mediapipe_detector import MediaPipeDetector
from cluster.lifter.running import DEFAULT_FPS, size_of_keypoints
from cluster.recognition.stopwatch import StageTimes
from lifting.detectors import Detector, load_onnx_detector
from lifting.openpose import open_folder
from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson
from lifting.video import open_video

__all__ = ["CameraSource", "KeypointSource", "Source", "SourceFrame", "VideoSource", "open_source"]

Image = NDArray[np.uint8]

# Decoded frames that may wait for the other thread: enough for its slow moments, too few to fill memory.
_AHEAD = 8
# A camera that gives no frame for so long is taken for unplugged.
_CAMERA_SECONDS = 5.0
# A camera's driver may hold the thread that waits for it; after this long it is left to itself.
_LEAVE_SECONDS = 1.0


@dataclass(frozen=True, eq=False, kw_only=True)
class SourceFrame:
    """One frame.

    Attributes:
        seconds: since the beginning.
        arrived: when it was there to be worked on, `time.perf_counter`.
        people: everyone detected.
        picture: BGR; None without a video.
    """

    seconds: float
    arrived: float
    people: tuple[DetectedPerson, ...]
    picture: Image | None


class Source(Protocol):
    """Frames with people, one by one.

    Attributes:
        skeleton: layout of the keypoints.
        image_size: (width, height) in which keypoints are pixels.
        fps: frames per second.
        num_frames: as far as that is known; 0 where it is not.
        live: frames come whether or not somebody takes them.
    """

    skeleton: Skeleton
    image_size: tuple[int, int]
    fps: float
    num_frames: int
    live: bool

    def frames(self) -> Generator[SourceFrame]:
        """Every frame, in the order of time; closing it lets go of the file or the camera."""


class KeypointSource:
    """A folder of OpenPose JSON, perhaps with the video behind it.

    Args:
        folder: the JSON files; frames that have none show nobody.
        video: its pictures.
        layout: of the JSON, where "auto" should guess wrong.
        fps: frames per second, where nobody says.

    Raises:
        FileNotFoundError: no such folder or video.
        ValueError: as `lifting.openpose.open_folder` and `lifting.video.open_video`.
    """

    live = False

    def __init__(
        self, folder: Path, video: Path | None = None, layout: str = "auto", fps: float | None = None
    ) -> None:
        self._keypoints = keypoints = open_folder(folder, layout)
        film = None if video is None else open_video(video, fps)
        self._video = film
        self.skeleton = keypoints.skeleton
        self.fps = fps or keypoints.fps or (film.fps if film else DEFAULT_FPS)
        self.image_size = keypoints.image_size or (film.image_size if film else size_of_keypoints(keypoints))
        self.first = keypoints.files[0][0]
        self.num_frames = keypoints.files[-1][0] - self.first + 1

    def frames(self) -> Generator[SourceFrame]:
        """Every frame from the first file's to the last one's.

        Raises:
            ValueError: a file is cut off, no OpenPose JSON, or of another layout.
        """
        pictures: Iterator[Image] = iter(()) if self._video is None else self._video.frames()
        for _ in range(self.first):
            next(pictures, None)
        expected = self.first
        for frame in self._keypoints.frames():
            for number in range(expected, frame.index + 1):
                yield SourceFrame(
                    seconds=(number - self.first) / self.fps,
                    arrived=time.perf_counter(),
                    people=frame.people if number == frame.index else (),
                    picture=next(pictures, None),
                )
            expected = frame.index + 1


class VideoSource:
    """A video through a detector, frame by frame.

    Times are those in the file where it has them, so that a video whose frame rate varies is told rightly.

    Args:
        path: the video; obeyed are its marks of rotation.
        detector: an ONNX pose model; None: MediaPipe.
        fps: in place of what the video's header says.
        min_confidence: a keypoint below it is missing.
        times: hears what decoding and detecting cost.
        detect_every: the detector is asked in every so many frames alone; the others show nobody, and whoever
            fills gaps fills these.

    Raises:
        FileNotFoundError: no such video or model, or MediaPipe's environment has not been built.
        ValueError: the video cannot be decoded, gives no frame rate, the model is none that is known, or
            `detect_every` is below 1.
    """

    live = False

    def __init__(
        self,
        path: Path,
        detector: Path | None = None,
        fps: float | None = None,
        min_confidence: float = MIN_CONFIDENCE,
        times: StageTimes | None = None,
        detect_every: int = 1,
    ) -> None:
        self._video = open_video(path, fps)
        self._every = _checked(detect_every)
        self._times = times or StageTimes()
        self.image_size, self.fps = self._video.image_size, self._video.fps
        self.num_frames = self._video.num_frames
        self._detector = _opened_detector(detector, self.image_size, min_confidence)
        self.skeleton = self._detector.skeleton
        self._own_rate = fps is not None

    def frames(self) -> Generator[SourceFrame]:
        """Every frame that can be decoded; a video that is cut off simply ends.

        Raises:
            RuntimeError: MediaPipe ends by itself.
        """
        with (
            _entered(self._detector) as detector,
            closing(_ahead(lambda: self._detected(detector))) as frames,
        ):
            yield from frames

    def _detected(self, detector: Detector) -> Generator[SourceFrame]:
        capture = cv2.VideoCapture(str(self._video.path))
        before, number = -1.0, 0
        try:
            while True:
                with self._times.measured("decode"):
                    read, picture = capture.read()
                if not read:
                    return
                seconds = number / self.fps
                if not self._own_rate:
                    stamp = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                    # some files have no times, or jump back
                    seconds = (
                        stamp if stamp > before and (stamp > 0 or number == 0) else before + 1 / self.fps
                    )
                asked = number % self._every == 0
                before, number = seconds, number + 1
                image = np.asarray(picture, np.uint8)
                yield _detect(detector if asked else None, image, self.image_size, seconds, self._times)
        finally:
            capture.release()


class CameraSource:
    """A camera. It waits for nobody: what is not taken in time is replaced by the next frame.

    Args:
        number: of the camera, from 0.
        detector, min_confidence, times, detect_every: as in `VideoSource`.
        fps: frames per second, where the camera does not say.

    Raises:
        OSError: there is no such camera, it is busy, or it gives no picture.
        FileNotFoundError, ValueError: as in `VideoSource`.
    """

    live = True
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
        self._every = _checked(detect_every)
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
        self._detector = _opened_detector(detector, self.image_size, min_confidence)
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
                _entered(self._detector) as detector,
                closing(_ahead(lambda: self._detected(detector, newest), 1)) as frames,
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
            yield _detect(
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


def open_source(
    name: str,
    *,
    detector: Path | None = None,
    layout: str = "auto",
    fps: float | None = None,
    video: Path | None = None,
    times: StageTimes | None = None,
    detect_every: int = 1,
) -> Source:
    """A source by its name: a number is a camera, a folder holds OpenPose JSON, a file is a video.

    Raises:
        FileNotFoundError, ValueError, OSError: as the sources say.
    """
    path = Path(name)
    if name.isdigit() and not path.exists():
        return CameraSource(int(name), detector, fps, times=times, detect_every=detect_every)
    if path.is_dir():
        if detect_every != 1:
            raise ValueError(
                f"--detect-every is for videos and cameras; {name} holds keypoints: leave it out"
            )
        return KeypointSource(path, video, layout, fps)
    return VideoSource(path, detector, fps, times=times, detect_every=detect_every)


def _checked(detect_every: int) -> int:
    if detect_every < 1:
        raise ValueError(f"detect_every is {detect_every}; 1 (every frame) or more is needed")
    return detect_every


def _detect(
    detector: Detector | None,
    picture: Image,
    image_size: tuple[int, int],
    seconds: float,
    times: StageTimes,
    arrived: float | None = None,
) -> SourceFrame:
    here = time.perf_counter() if arrived is None else arrived
    if picture.shape[1::-1] != image_size:  # some streams change their size on the way
        picture = np.asarray(cv2.resize(picture, image_size, interpolation=cv2.INTER_AREA), np.uint8)
    people: Sequence[DetectedPerson] = ()
    if detector is not None:  # else this frame is not looked at
        with times.measured("detect"):
            people = detector.detect(picture)
    return SourceFrame(seconds=seconds, arrived=here, people=tuple(people), picture=picture)


def _opened_detector(
    model: Path | None, image_size: tuple[int, int], min_confidence: float
) -> "Detector | MediaPipeDetector":
    if model is None:
        return MediaPipeDetector(image_size, min_confidence)
    return load_onnx_detector(model, min_confidence)


def _entered(detector: "Detector | MediaPipeDetector") -> AbstractContextManager[Detector]:
    return detector if isinstance(detector, MediaPipeDetector) else nullcontext(detector)


def _ahead(frames: Callable[[], Generator[SourceFrame]], most: int = _AHEAD) -> Generator[SourceFrame]:
    """The same frames, made in a thread that is at most so many ahead; its error is raised here."""
    ready: queue.Queue[SourceFrame | BaseException | None] = queue.Queue(most)
    stop = threading.Event()

    def work() -> None:
        end: BaseException | None = None
        try:
            for frame in frames():
                _put(ready, frame, stop)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - handed over, and raised where the frames are taken
            end = error
        _put(ready, end, stop)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while (frame := ready.get()) is not None:
            if isinstance(frame, BaseException):
                raise frame
            yield frame
    finally:
        stop.set()
        worker.join()


def _put(
    ready: "queue.Queue[SourceFrame | BaseException | None]",
    item: SourceFrame | BaseException | None,
    stop: threading.Event,
) -> None:
    """Waits for room, but not for a reader who has gone."""
    while not stop.is_set():
        try:
            ready.put(item, timeout=0.1)
            return
        except queue.Full:
            continue
