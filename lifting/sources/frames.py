"""What a source of frames gives: pictures with everyone who was detected in them."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson

__all__ = ["DEFAULT_FPS", "Image", "Source", "SourceFrame"]

Image = NDArray[np.uint8]
"""(height, width, 3) BGR."""

DEFAULT_FPS = 30.0
"""Frames per second where neither the source nor the caller gives them."""


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
        live: frames come whether or not they are taken.
        notes: sentences for the user on what was made of unusual input.
    """

    skeleton: Skeleton
    image_size: tuple[int, int]
    fps: float
    num_frames: int
    live: bool
    notes: tuple[str, ...]

    def frames(self) -> Generator[SourceFrame]:
        """Every frame, in the order of time; closing it lets go of the file or the camera."""
