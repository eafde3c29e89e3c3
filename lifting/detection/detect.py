"""Every frame of a video through a detector, into a folder of OpenPose JSON."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifting.detection.folder import DetectionFolder
from lifting.detection.mediapipe_detector import MediaPipeDetector
from lifting.detectors import Detector, load_onnx_detector
from lifting.files import write_atomically
from lifting.mapping import map_confidence, map_joints
from lifting.preview import draw_people, encode_sheet
from lifting.progress import Progress, silent
from lifting.skeleton import COCO_18, Skeleton
from lifting.tracking import DetectedPerson
from lifting.video import Video, open_video

__all__ = ["DetectionSummary", "detect_video"]

MIN_CONFIDENCE = 0.2
PREVIEW = "preview.png"
_PREVIEW_FRAMES = 8
# A detector follows people from frame to frame; after a break it sees this many frames again to find them.
_WARM_UP = 10


@dataclass(frozen=True, kw_only=True)
class DetectionSummary:
    """What was found.

    Attributes:
        folder: of the JSON files.
        num_frames: of the video, as far as it could be decoded.
        num_detected: frames of this run in which a person was found.
        num_announced: frames that the video's header speaks of; 0 where it does not.
        resumed_at: the first frame of this run; `num_frames` where nothing was left to do.
    """

    folder: Path
    num_frames: int
    num_detected: int
    num_announced: int
    resumed_at: int


def detect_video(
    path: Path,
    out: Path,
    *,
    detector: Path | None = None,
    fps: float | None = None,
    min_confidence: float = MIN_CONFIDENCE,
    progress: Progress | None = None,
) -> DetectionSummary:
    """Detect the people in every frame and write one OpenPose JSON file a frame.

    A folder that an earlier run has begun is continued at its first missing frame. Beside the frames lie
    `source.json` (frame rate, image size, layout, detector) and `preview.png` (a few frames with what was
    found drawn in).

    Args:
        path: the video.
        out: the folder.
        detector: an ONNX pose model; None: MediaPipe.
        fps: in place of what the video's header says.
        min_confidence: a keypoint below it is missing.
        progress: called for every frame.

    Raises:
        FileNotFoundError: no such video or model, or MediaPipe's environment has not been built.
        FileExistsError: the folder holds something else.
        ValueError: the video cannot be decoded, or the model is none that is known.
        RuntimeError: MediaPipe ends by itself.
    """
    video = open_video(path, fps)
    with _open_detector(detector, video, min_confidence) as opened:
        layout = COCO_18 if opened.skeleton.name not in ("body_25", "body_25b") else opened.skeleton
        folder = DetectionFolder.open(out, video, opened.name, layout, min_confidence)
        done = folder.count_frames()
        if folder.is_complete and done >= folder.source["num_frames"]:
            return DetectionSummary(
                folder=out, num_frames=done, num_detected=0, num_announced=video.num_frames, resumed_at=done
            )
        return _run(video, folder, opened, layout, done, progress or silent)


def _run(
    video: Video, folder: DetectionFolder, detector: Detector, layout: Skeleton, done: int, progress: Progress
) -> DetectionSummary:
    phase = f"detect {video.path.name}"
    progress(phase, done, video.num_frames)
    sheet: list[NDArray[np.uint8]] = []
    step = max(1, (video.num_frames - done) // _PREVIEW_FRAMES)
    number, detected = -1, 0
    for number, frame in enumerate(video.frames()):
        if number < done - _WARM_UP:
            continue
        people = tuple(_in_layout(person, detector.skeleton, layout) for person in detector.detect(frame))
        if number < done:
            continue
        folder.write(number, people)
        detected += bool(people)
        if (number - done) % step == step // 2 and len(sheet) < _PREVIEW_FRAMES:
            sheet.append(draw_people(frame, people, layout))
        note = f"a person in {detected} of {number + 1 - done}"
        progress(phase, number + 1, video.num_frames, note)
    if sheet:
        write_atomically(folder.path / PREVIEW, encode_sheet(sheet))
    folder.finish(number + 1)
    return DetectionSummary(
        folder=folder.path,
        num_frames=number + 1,
        num_detected=detected,
        num_announced=video.num_frames,
        resumed_at=done,
    )


def _open_detector(
    model: Path | None, video: Video, min_confidence: float
) -> AbstractContextManager[Detector]:
    if model is None:
        return MediaPipeDetector(video.image_size, min_confidence)
    return nullcontext(load_onnx_detector(model, min_confidence))


def _in_layout(person: DetectedPerson, source: Skeleton, target: Skeleton) -> DetectedPerson:
    if source == target:
        return person
    return DetectedPerson(
        xy=map_joints(person.xy, source, target), confidence=map_confidence(person.confidence, source, target)
    )
