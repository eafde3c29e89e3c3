"""The folder that detection fills: one OpenPose JSON a frame, each written whole or not at all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifting.files import read_json, write_atomically, write_json
from lifting.openpose import SOURCE_FILE, frame_file_name, write_people
from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson
from lifting.video import Video

__all__ = ["DetectionFolder"]


@dataclass(frozen=True, kw_only=True)
class DetectionFolder:
    """A folder that belongs to one video and one detector.

    Attributes:
        path: of the folder.
        source: what `source.json` says of the video and the detector.
    """

    path: Path
    source: dict[str, Any]

    @classmethod
    def open(
        cls, path: Path, video: Video, detector: str, skeleton: Skeleton, min_confidence: float
    ) -> "DetectionFolder":
        """A new folder, or the one that an earlier run of the same detection has begun.

        Raises:
            FileExistsError: the folder holds something else, or keypoints of another video or detector.
        """
        source: dict[str, Any] = {
            "video": video.path.name,
            "video_bytes": video.path.stat().st_size,
            "fps": video.fps,
            "image_size": list(video.image_size),
            "layout": skeleton.name,
            "detector": detector,
            "min_confidence": min_confidence,
        }
        if path.exists():
            if not path.is_dir() or (any(path.iterdir()) and not (path / SOURCE_FILE).exists()):
                raise FileExistsError(f"{path} is there already and is no folder of detections; name another")
            if (path / SOURCE_FILE).exists():
                _check_same(path, read_json(path / SOURCE_FILE), source)
                return cls(path=path, source=read_json(path / SOURCE_FILE))
        write_json(path / SOURCE_FILE, source)
        return cls(path=path, source=source)

    @property
    def is_complete(self) -> bool:
        """Whether the whole video has been gone through."""
        return "num_frames" in self.source

    def count_frames(self) -> int:
        """Frames that are there without a gap, from 0 on."""
        number = 0
        while (self.path / frame_file_name(number)).exists():
            number += 1
        return number

    def write(self, number: int, people: tuple[DetectedPerson, ...]) -> None:
        """One frame."""
        write_atomically(self.path / frame_file_name(number), write_people(people))

    def finish(self, num_frames: int) -> None:
        """Record the number of frames of the video: it is complete."""
        write_json(self.path / SOURCE_FILE, {**self.source, "num_frames": num_frames})


def _check_same(path: Path, there: dict[str, Any], wanted: dict[str, Any]) -> None:
    for key, value in wanted.items():
        if there.get(key) != value:
            raise FileExistsError(
                f"{path} holds keypoints of another run: its {key} is {there.get(key)!r}, this one's "
                f"{value!r}; name another folder"
            )
