"""A folder of OpenPose JSON as a source of frames."""

import time
from collections.abc import Generator, Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from lifting.frame_numbers import pictures_before
from lifting.openpose import KeypointFolder, open_folder
from lifting.sources.frames import DEFAULT_FPS, Image, SourceFrame
from lifting.video import open_video

__all__ = ["KeypointSource"]

# Of a picture that no file describes, the longest side as a multiple of the shortest.
_MAX_ASPECT = 4.0


class KeypointSource:
    """A folder of OpenPose JSON, perhaps with the video behind it.

    Args:
        folder: the JSON files; a frame that has none shows no person.
        video: its pictures.
        layout: of the JSON, where "auto" should guess wrong.
        fps: frames per second, where the folder does not say.
        image_size: (width, height), pixels, of shares of a picture, where neither folder nor video says.

    Attributes:
        keypoints: the folder as it was read; `keypoints.frames()` gives the people without pictures.
        first: number of the first file's frame.

    Raises:
        FileNotFoundError: no such folder or video.
        ValueError: as `lifting.openpose.open_folder` and `lifting.video.open_video`.
    """

    live = False

    def __init__(
        self,
        folder: Path,
        video: Path | None = None,
        layout: str = "auto",
        fps: float | None = None,
        image_size: tuple[int, int] | None = None,
    ) -> None:
        film = None if video is None else open_video(video, fps)
        size = image_size or (film.image_size if film else None)
        self.keypoints = keypoints = open_folder(folder, layout, size)
        self._video, self.notes = film, keypoints.notes
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
        last = self.first + self.num_frames - 1
        before = pictures_before(self.first, last, self._video.num_frames)
        yield from islice(self._video.frames(), before, None)


def size_of_keypoints(keypoints: KeypointFolder) -> tuple[int, int]:
    """(width, height) of a picture that holds the keypoints, where no file says how large the video was.

    A wild keypoint does not make the picture large: where the farthest lies half as far again as those of 99
    frames in 100, these count. No side is more than `_MAX_ASPECT` times the other.
    """
    edges = [
        np.max([person.xy[person.seen].max(axis=0) for person in frame.people if person.seen.any()], axis=0)
        for frame in keypoints.frames()
        if any(person.seen.any() for person in frame.people)
    ]
    farthest = np.max(edges, axis=0) if edges else np.ones(2)
    usual = np.quantile(edges, 0.99, axis=0) if edges else np.ones(2)
    edge = np.ceil(np.maximum(np.where(farthest > 1.5 * usual, usual, farthest), 1) * 1.05)
    width, height = np.maximum(edge, np.ceil(edge.max() / _MAX_ASPECT)).astype(int)
    return int(width), int(height)
