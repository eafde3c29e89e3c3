"""The keypoints of one person as a source of frames."""

import time
from collections.abc import Generator

from lifting.poses import Keypoints2D
from lifting.sources.frames import SourceFrame
from lifting.tracking import DetectedPerson

__all__ = ["ClipSource"]


class ClipSource:
    """A clip that is in memory already, frame by frame and without pictures.

    Args:
        keypoints: of one person.
    """

    live = False
    notes: tuple[str, ...] = ()

    def __init__(self, keypoints: Keypoints2D) -> None:
        self._keypoints = keypoints
        self.skeleton, self.fps = keypoints.skeleton, keypoints.fps
        self.image_size, self.num_frames = keypoints.image_size, keypoints.num_frames

    def frames(self) -> Generator[SourceFrame]:
        """Every frame, each with this person."""
        values = zip(self._keypoints.xy, self._keypoints.confidence, strict=True)
        for number, (xy, confidence) in enumerate(values):
            yield SourceFrame(
                seconds=number / self.fps,
                arrived=time.perf_counter(),
                people=(DetectedPerson(xy=xy, confidence=confidence),),
                picture=None,
            )
