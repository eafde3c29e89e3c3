"""A 3D pose as a picture: seen from a camera that walks around the person, on a floor that shows depth.

Poses are in camera axes (x right, y down, z away), millimetres; images are (height, width, 3), BGR.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lifting.geometry import axis_rotation, project
from lifting.skeleton import Skeleton

__all__ = ["View", "draw_pose", "side_by_side"]

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

# Blue-green-red; left and right differ in lightness too.
_GROUND, _GRID, _TEXT = (250, 248, 246), (216, 208, 200), (90, 80, 70)
_LEFT, _RIGHT, _MIDDLE = (178, 114, 0), (0, 94, 213), (70, 60, 50)
# Of the drawing, millimetres: how far the viewer stands, half the side of the floor and its squares.
_DISTANCE, _FLOOR, _SQUARE = 4500.0, 1000.0, 250.0
_TALLEST = 2300.0


@dataclass(frozen=True, kw_only=True)
class View:
    """Where the pose is looked at from.

    Attributes:
        size: (width, height) of the picture, pixels.
        turn: the viewer's way around the person, radians; 0 is the camera's own side.
        tilt: how far the viewer looks down, radians.
        floor: height of the floor below the root, millimetres (y down).
    """

    size: tuple[int, int]
    turn: float = 0.0
    tilt: float = 0.2
    floor: float = 950.0

    def pixels(self, xyz: NDArray[np.floating]) -> NDArray[np.int64]:
        """Pixels (..., 2) of points (..., 3) around the root."""
        rotation = axis_rotation("x", self.tilt) @ axis_rotation("y", self.turn)
        seen = np.asarray(xyz, np.float64) @ rotation.T + [0, 0, _DISTANCE]
        width, height = self.size
        focal = min(width, height) * _DISTANCE / _TALLEST
        return np.rint(project(seen, (focal, focal), (width / 2, 0.48 * height))).astype(np.int64)


def draw_pose(pose: NDArray[np.float32], skeleton: Skeleton, view: View) -> Image:
    """The pose on its floor; the floor alone where the pose is not known.

    Args:
        pose: (J, 3) millimetres, root-relative; NaN for a missing joint.
        skeleton: its layout.
        view: where it is looked at from.
    """
    width, height = view.size
    canvas = np.full((height, width, 3), _GROUND, np.uint8)
    _draw_floor(canvas, view)
    known = np.asarray(np.isfinite(pose).all(axis=1))
    places = view.pixels(np.where(known[:, None], pose, 0))
    thickness = max(2, height // 120)
    for parent, child in _far_to_near(pose, skeleton, view):
        if known[parent] and known[child]:
            _line(canvas, places[parent], places[child], _colour(skeleton.joints[child]), thickness)
    for joint in np.flatnonzero(known):
        cv2.circle(canvas, _point(places[joint]), thickness, _colour(skeleton.joints[joint]), -1, cv2.LINE_AA)
    return canvas


def side_by_side(left: Image, right: Image, caption: str = "") -> Image:
    """Two pictures of one height beside each other, text in the right one's lower left corner."""
    canvas = np.hstack([left, right])
    if caption:
        height = canvas.shape[0]
        place = (left.shape[1] + height // 40, height - height // 40)
        cv2.putText(canvas, caption, place, cv2.FONT_HERSHEY_SIMPLEX, height / 900, _TEXT, 1, cv2.LINE_AA)
    return canvas


def _draw_floor(canvas: Image, view: View) -> None:
    for step in np.arange(-_FLOOR, _FLOOR + 1, _SQUARE):
        for line in ([[step, -_FLOOR], [step, _FLOOR]], [[-_FLOOR, step], [_FLOOR, step]]):
            ends = view.pixels(np.array([[x, view.floor, z] for x, z in line]))
            _line(canvas, ends[0], ends[1], _GRID, 1)


def _far_to_near(pose: NDArray[np.float32], skeleton: Skeleton, view: View) -> list[tuple[int, int]]:
    """Bones in the order in which they are painted over one another."""
    depth = (np.nan_to_num(pose) @ axis_rotation("y", view.turn).T)[:, 2]
    return sorted(skeleton.bones, key=lambda bone: -float(depth[list(bone)].mean()))


def _line(
    canvas: Image, start: NDArray[np.int64], end: NDArray[np.int64], colour: tuple[int, int, int], width: int
) -> None:
    cv2.line(canvas, _point(start), _point(end), colour, width, cv2.LINE_AA)


def _point(place: NDArray[np.int64]) -> tuple[int, int]:
    return int(place[0]), int(place[1])


def _colour(joint: str) -> tuple[int, int, int]:
    return _LEFT if joint.startswith("left_") else _RIGHT if joint.startswith("right_") else _MIDDLE
