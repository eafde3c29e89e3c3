"""Lifted frames as an animation: the keypoints in their video, and the 3D pose beside it."""

from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from lifting.draw import Image, Turntable, side_by_side
from lifting.inference import LiftedFrame
from lifting.preview import picture_with_people
from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson
from lifting.writers.video_file import VideoFile

__all__ = ["AnimationWriter"]

_PANEL_HEIGHT = 480


class AnimationWriter:
    """An .mp4: the keypoints in their video on the left, the 3D pose slowly turning on the right.

    Args:
        path: of the .mp4; there only when all of it is written.
        skeletons: of the keypoints and of the poses.
        image_size: (width, height) in which the keypoints are pixels.
        fps: frames per second.

    Raises:
        OSError: the place cannot be written to.
    """

    def __init__(
        self, path: Path, skeletons: tuple[Skeleton, Skeleton], image_size: tuple[int, int], fps: float
    ) -> None:
        self.path, self._fps = path, fps
        self._keypoint_skeleton = skeletons[0]
        self._turntable = Turntable(skeletons[1], (_PANEL_HEIGHT, _PANEL_HEIGHT))
        self._scale = _PANEL_HEIGHT / image_size[1]
        self._left = (max(2, 2 * round(image_size[0] * self._scale / 2)), _PANEL_HEIGHT)
        self._video = VideoFile(path, (self._left[0] + _PANEL_HEIGHT, _PANEL_HEIGHT), fps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.__exit__(kind, error, trace)

    def append(self, frame: LiftedFrame, image: Image | None) -> None:
        """The next frame, on its picture from the video or on paper."""
        self._video.append(self.picture(frame, image))

    def picture(self, frame: LiftedFrame, image: Image | None) -> Image:
        """The picture of one frame, (height, width, 3) BGR."""
        person = DetectedPerson(xy=frame.keypoints.xy, confidence=np.clip(frame.keypoints.confidence, 0, 1))
        left = picture_with_people(image, self._left, [person], self._keypoint_skeleton, self._scale)
        right = self._turntable.picture(frame.pose, frame.number / self._fps)
        return side_by_side(left, right, f"frame {frame.number}")
