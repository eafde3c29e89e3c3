"""Poses without a picture as the film shows them: from the front in place of a video, and all around."""

import numpy as np
from numpy.typing import NDArray

from cluster.recognition.person_window import PersonWindow
from cluster.recognition.records import PersonView, RecognizedFrame
from encoding.flat import in_plane
from encoding.posture import Up, posture_of, turned
from lifting.poses import PoseSequence3D

__all__ = ["FRONT_SIZE", "PoseViews"]

FRONT_SIZE = (640, 480)
"""(width, height) of the view from the front, pixels."""

_FILLED = 0.8  # of it, by everything that the clip shows


class PoseViews:
    """What the film draws of a clip of poses, frame by frame.

    Args:
        poses: as the classifier takes them.
        up: the axis that points up in them; None: as the bodies stand, y where they do not say.
    """

    def __init__(self, poses: PoseSequence3D, up: Up | None) -> None:
        solid = in_plane(poses)
        stands = up or posture_of([solid.xyz], solid.skeleton).up or "y"
        self._xyz = turned(solid, stands, "-y").xyz  # as a camera's axes
        self._keypoints = _from_the_front(self._xyz[..., :2])
        self._fps = poses.fps

    def frame(self, number: int, window: PersonWindow) -> RecognizedFrame:
        """A frame with the person or pair, or without where none is seen; and what is thought of them."""
        seen = np.asarray(np.isfinite(self._xyz[number]).all(axis=-1))
        person = PersonView(
            track=window.who[0],
            keypoints=self._keypoints[number],
            confidence=seen.astype(np.float32),
            pose=self._xyz[number],
            image=window.image,
            filled=window.filled,
            probabilities=window.probabilities,
            label=window.label,
        )
        return RecognizedFrame(
            number=number,
            seconds=number / self._fps,
            picture=None,
            people=(person,) if seen.any() else (),
            num_detected=int(seen.any(axis=-1).sum()),
        )


def _from_the_front(xy: NDArray[np.float32]) -> NDArray[np.float32]:
    """Places (..., 2), y down, in the picture: all that the clip shows fits into it."""
    points = xy.reshape(-1, 2)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return np.full_like(xy, np.nan)
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.array(FRONT_SIZE, np.float32)
    scale = _FILLED * float((size / np.maximum(high - low, 1)).min())
    return np.asarray((xy - (low + high) / 2) * np.float32(scale) + size / 2, np.float32)
