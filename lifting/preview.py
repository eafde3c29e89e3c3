"""A few frames with the keypoints drawn in: to see at a glance whether detection went well."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson

Image = NDArray[np.uint8]

# Left, right and middle, blue-green-red; left and right differ in lightness too.
_LEFT, _RIGHT, _MIDDLE = (255, 180, 60), (40, 90, 255), (240, 240, 240)
_TILE_WIDTH, _COLUMNS = 480, 4


def draw_people(frame: Image, people: Sequence[DetectedPerson], skeleton: Skeleton) -> Image:
    """A copy of a frame (height, width, 3) BGR with bones and joints of everyone."""
    canvas = frame.copy()
    thickness = max(2, frame.shape[0] // 250)
    for person in people:
        for parent, child in skeleton.bones:
            if person.seen[[parent, child]].all():
                ends = [_pixel(person.xy[parent]), _pixel(person.xy[child])]
                cv2.line(canvas, ends[0], ends[1], _colour(skeleton.joints[child]), thickness, cv2.LINE_AA)
        for joint in np.flatnonzero(person.seen):
            cv2.circle(canvas, _pixel(person.xy[joint]), thickness + 1, _colour(skeleton.joints[joint]), -1)
    return canvas


def encode_sheet(frames: Sequence[Image]) -> bytes:
    """Frames of one size side by side, four a row, as PNG.

    Raises:
        ValueError: no frame.
    """
    if not frames:
        raise ValueError("there is no frame to show; at least 1 is needed")
    scale = _TILE_WIDTH / frames[0].shape[1]
    tiles = [cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for frame in frames]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % min(_COLUMNS, len(tiles)))
    columns = min(_COLUMNS, len(frames))
    rows = [np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)]
    _, data = cv2.imencode(".png", np.vstack(rows))
    return data.tobytes()


def _pixel(xy: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(xy[0])), round(float(xy[1]))


def _colour(joint: str) -> tuple[int, int, int]:
    return _LEFT if joint.startswith("left_") else _RIGHT if joint.startswith("right_") else _MIDDLE
