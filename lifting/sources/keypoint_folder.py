"""A folder of OpenPose JSON as a source of frames."""

import time
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from lifting.openpose import KeypointFolder, open_folder
from lifting.sources.frames import DEFAULT_FPS, Image, SourceFrame
from lifting.video import open_video

__all__ = ["KeypointSource"]


class KeypointSource:
    """A folder of OpenPose JSON, perhaps with the video behind it.

    Args:
        folder: the JSON files; frames that have none show nobody.
        video: its pictures.
        layout: of the JSON, where "auto" should guess wrong.
        fps: frames per second, where nobody says.

    Attributes:
        keypoints: the folder as it was read; `keypoints.frames()` gives the people without pictures.
        first: number of the first file's frame.

    Raises:
        FileNotFoundError: no such folder or video.
        ValueError: as `lifting.openpose.open_folder` and `lifting.video.open_video`.
    """

    live = False

    def __init__(
        self, folder: Path, video: Path | None = None, layout: str = "auto", fps: float | None = None
    ) -> None:
        self.keypoints = keypoints = open_folder(folder, layout)
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
        pictures, expected = self.pictures(), self.first
        for frame in self.keypoints.frames():
            for number in range(expected, frame.index + 1):
                yield SourceFrame(
                    seconds=(number - self.first) / self.fps,
                    arrived=time.perf_counter(),
                    people=frame.people if number == frame.index else (),
                    picture=next(pictures, None),
                )
            expected = frame.index + 1

    def pictures(self) -> Iterator[Image]:
        """Those of the video, from the first file's frame on; none without a video."""
        if self._video is None:
            return
        yield from islice(self._video.frames(), self.first, None)


def size_of_keypoints(keypoints: KeypointFolder) -> tuple[int, int]:
    """(width, height) of a picture that holds every keypoint, where no file says how large the video was."""
    edge = np.ones(2)
    for frame in keypoints.frames():
        for person in frame.people:
            if person.seen.any():
                edge = np.maximum(edge, person.xy[person.seen].max(axis=0))
    width, height = np.ceil(edge * 1.05).astype(int)
    return int(width), int(height)
