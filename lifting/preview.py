"""A few frames with the keypoints drawn in: to see at a glance whether detection went well."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson

Image = NDArray[np.uint8]

Palette = tuple[tuple[int, int, int], ...]

# Left, right and middle, blue-green-red; left and right differ in lightness too.
_ON_VIDEO: Palette = (255, 180, 60), (40, 90, 255), (240, 240, 240)
_ON_PAPER: Palette = (178, 114, 0), (0, 94, 213), (70, 60, 50)
_TILE_WIDTH, _COLUMNS = 480, 4
_PAPER = 245


def draw_people(frame: Image, people: Sequence[DetectedPerson], skeleton: Skeleton) -> Image:
    """A copy of a frame (height, width, 3) BGR with bones and joints of everyone."""
    canvas = frame.copy()
    _draw(canvas, people, skeleton, _ON_VIDEO)
    return canvas


def picture_with_people(
    picture: Image | None,
    size: tuple[int, int],
    people: Sequence[DetectedPerson],
    skeleton: Skeleton,
    scale: float,
) -> Image:
    """A frame of a video, resized, with everyone's skeleton on it; on paper where there is no video.

    Args:
        picture: (height, width, 3) BGR, or None.
        size: (width, height) of the result, pixels.
        people: keypoints in the pixels of the video.
        skeleton: of the keypoints.
        scale: pixels of the result for one of the video.
    """
    width, height = size
    if picture is None:
        canvas = np.full((height, width, 3), _PAPER, np.uint8)
    else:
        # down to a half, four neighbors are all there is; it takes a tenth of the time
        kind = cv2.INTER_LINEAR if 2 * width >= picture.shape[1] else cv2.INTER_AREA
        canvas = np.asarray(cv2.resize(picture, size, interpolation=kind), np.uint8)
    scaled = [DetectedPerson(xy=one.xy * np.float32(scale), confidence=one.confidence) for one in people]
    _draw(canvas, scaled, skeleton, _ON_PAPER if picture is None else _ON_VIDEO)
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


def _draw(canvas: Image, people: Sequence[DetectedPerson], skeleton: Skeleton, palette: Palette) -> None:
    thickness = max(2, canvas.shape[0] // 250)
    for person in people:
        for parent, child in skeleton.bones:
            if person.seen[[parent, child]].all():
                ends = [_pixel(person.xy[parent]), _pixel(person.xy[child])]
                color = _color(skeleton.joints[child], palette)
                cv2.line(canvas, ends[0], ends[1], color, thickness, cv2.LINE_AA)
        for joint in np.flatnonzero(person.seen):
            color = _color(skeleton.joints[joint], palette)
            cv2.circle(canvas, _pixel(person.xy[joint]), thickness + 1, color, -1, cv2.LINE_AA)


def _pixel(xy: NDArray[np.float32]) -> tuple[int, int]:
    return round(float(xy[0])), round(float(xy[1]))


def _color(joint: str, palette: Palette) -> tuple[int, int, int]:
    left, right, middle = palette
    return left if joint.startswith("left_") else right if joint.startswith("right_") else middle
