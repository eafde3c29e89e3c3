"""One picture through a detector: what videos and cameras have in common."""

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import cv2
import numpy as np

from lifting.detection.mediapipe_detector import MediaPipeDetector
from lifting.detectors import Detector, load_onnx_detector
from lifting.sources.frames import Image, SourceFrame
from lifting.stage_times import StageTimes
from lifting.tracking import DetectedPerson

__all__ = ["checked_interval", "detected_frame", "entered", "opened_detector"]


def checked_interval(detect_every: int) -> int:
    """Frames from one that the detector sees to the next.

    Raises:
        ValueError: it is below 1.
    """
    if detect_every < 1:
        raise ValueError(f"`detect_every` is {detect_every}; 1 (every frame) or more is needed")
    return detect_every


def detected_frame(
    detector: Detector | None,
    picture: Image,
    image_size: tuple[int, int],
    seconds: float,
    times: StageTimes,
    arrived: float | None = None,
) -> SourceFrame:
    """A picture with everyone in it.

    Args:
        detector: finds them; None: this frame is not looked at.
        picture: of any size.
        image_size: (width, height) that it is brought to.
        seconds: since the beginning of the source.
        times: takes the cost of detecting.
        arrived: when the picture came, `time.perf_counter`; None: now.
    """
    here = time.perf_counter() if arrived is None else arrived
    if picture.shape[1::-1] != image_size:  # some streams change their size on the way
        picture = np.asarray(cv2.resize(picture, image_size, interpolation=cv2.INTER_AREA), np.uint8)
    people: Sequence[DetectedPerson] = ()
    if detector is not None:
        with times.measured("detect"):
            people = detector.detect(picture)
    return SourceFrame(seconds=seconds, arrived=here, people=tuple(people), picture=picture)


def opened_detector(
    model: Path | None, image_size: tuple[int, int], min_confidence: float
) -> Detector | MediaPipeDetector:
    """An ONNX model, or MediaPipe where `model` is None."""
    if model is None:
        return MediaPipeDetector(image_size, min_confidence)
    return load_onnx_detector(model, min_confidence)


def entered(detector: Detector | MediaPipeDetector) -> AbstractContextManager[Detector]:
    """The detector for a `with` statement; only MediaPipe has something to close."""
    return detector if isinstance(detector, MediaPipeDetector) else nullcontext(detector)
