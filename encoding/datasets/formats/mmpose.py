"""MMPose's predictions: a list of {frame_id, instances}, or {meta_info, instance_info} of older demos.

An instance has `keypoints` [[x, y], ...] and `keypoint_scores`.
"""

from pathlib import Path
from typing import Any

import numpy as np

from encoding.datasets.formats.detections import Detection, Frames, detector_recordings, read_json
from encoding.datasets.formats.entry import Format, ImportOptions, Recordings
from encoding.datasets.formats.files import files_of
from lifting.reading import guarded

__all__ = ["FORMAT"]


def recognize(path: Path) -> bool:
    """Whether a .json has instances, or instance_info."""
    first = next(iter(files_of(path, ".json")), None)
    if first is None:
        return False
    with first.open("rb") as file:
        start = file.read(20_000)
    return b'"instance_info"' in start or (b'"instances"' in start and b'"frame_id"' in start)


def open_mmpose(root: Path, options: ImportOptions) -> Recordings:
    """All .json files of a folder, or one; each is one video."""
    return detector_recordings(root, files_of(root, ".json"), options, _frames)


def _frames(path: Path) -> tuple[Frames, None]:
    content: Any = read_json(path)
    with guarded(path, "MMPose's predictions"):
        listed = content["instance_info"] if isinstance(content, dict) else content
        frames = [
            (int(frame.get("frame_id", number)), [_person(one) for one in frame["instances"]])
            for number, frame in enumerate(listed)
        ]
    return sorted(frames, key=lambda frame: frame[0]), None


def _person(instance: Any) -> Detection:
    xy = np.array(instance["keypoints"], np.float64)
    scores = instance.get("keypoint_scores")
    sure = np.ones(len(xy)) if scores is None else np.array(scores, np.float64)
    identity = instance.get("track_id", instance.get("instance_id"))
    return (None if identity is None else int(identity)), xy.reshape(-1, 2), sure


FORMAT = Format(
    name="mmpose",
    title="MMPose predictions",
    looks_like=".json with instances by frame_id, or with instance_info",
    recognize=recognize,
    open=open_mmpose,
    options=("labels", "skeleton", "fps", "image_size"),
)
