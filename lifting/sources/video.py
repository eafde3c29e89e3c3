"""A video through a detector as a source of frames."""

from collections.abc import Generator
from contextlib import closing
from pathlib import Path

from lifting.detection.detect import MIN_CONFIDENCE
from lifting.detectors import Detector
from lifting.sources.ahead import made_ahead
from lifting.sources.detected_frame import checked_interval, detected_frame, entered, opened_detector
from lifting.sources.frames import SourceFrame
from lifting.stage_times import StageTimes
from lifting.video import open_video

__all__ = ["VideoSource"]


class VideoSource:
    """A video through a detector, frame by frame.

    Times are those in the file where it has them, so that they are right for a video whose frame rate varies.

    Args:
        path: the video; its marks of rotation are obeyed.
        detector: an ONNX pose model; None: MediaPipe.
        fps: in place of what the video's header says.
        min_confidence: a keypoint below it is missing.
        times: takes the cost of decoding and detecting.
        detect_every: the detector sees every Nth frame alone; the others show no person, and the gap filling
            fills them.

    Raises:
        FileNotFoundError: no such video or model, or MediaPipe's environment has not been built.
        ValueError: the video cannot be decoded, gives no frame rate, the model is none that is known, or
            `detect_every` is below 1.
    """

    live = False
    notes: tuple[str, ...] = ()

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
        self._every = checked_interval(detect_every)
        self._times = times or StageTimes()
        self.image_size, self.fps = self._video.image_size, self._video.fps
        self.num_frames = self._video.num_frames
        self._detector = opened_detector(detector, self.image_size, min_confidence)
        self.skeleton = self._detector.skeleton
        self._own_rate = fps is not None

    def frames(self) -> Generator[SourceFrame]:
        """Every frame that can be decoded; a video that is cut off simply ends.

        Raises:
            RuntimeError: MediaPipe ends by itself.
        """
        with (
            entered(self._detector) as detector,
            closing(made_ahead(lambda: self._detected(detector))) as frames,
        ):
            yield from frames

    def _detected(self, detector: Detector) -> Generator[SourceFrame]:
        before, number = -1.0, 0
        with closing(self._video.timed_frames()) as pictures:
            while True:
                with self._times.measured("decode"):
                    timed = next(pictures, None)
                if timed is None:
                    return
                stamp, image = timed
                seconds = number / self.fps
                if not self._own_rate:
                    # some files have no times, or jump back
                    seconds = (
                        stamp if stamp > before and (stamp > 0 or number == 0) else before + 1 / self.fps
                    )
                asked = number % self._every == 0
                before, number = seconds, number + 1
                yield detected_frame(
                    detector if asked else None, image, self.image_size, seconds, self._times
                )
