"""A 3D pose as a picture: seen from a camera that walks around the person, on a floor that shows depth.

Poses are in camera axes (x right, y down, z away), millimeters; images are (height, width, 3), BGR.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from lifting.geometry import axis_rotation, project
from lifting.skeleton import Skeleton

__all__ = ["Turntable", "View", "draw_pose", "side_by_side"]

Image = NDArray[np.uint8]
Floats = NDArray[np.float64]

# Blue-green-red; left and right differ in lightness too.
_GROUND, _GRID, _TEXT = (250, 248, 246), (216, 208, 200), (90, 80, 70)
_LEFT, _RIGHT, _MIDDLE = (178, 114, 0), (0, 94, 213), (70, 60, 50)
_SQUARE = 250.0  # of the floor, millimeters
# Millimeters of the picture that one person with raised arms needs.
_ONE_PERSON = 2300.0
# In spans: how far the viewer stands, and half the side of the floor.
_DISTANCE, _FLOOR = 1.95, 0.36
_NEAREST = 0.1  # of the viewer's distance: nothing is drawn nearer than this
_SECONDS_AROUND = 12.0  # the viewer's way around the person
# How much of the way to the lowest joint the floor goes in a frame: one wild joint must not drop it, and who
# jumps must not lift it.
_SINKING, _RISING = 0.2, 0.02
_SHRINKING = 0.995  # of the span, which grows at once, so much is left a frame later


@dataclass(frozen=True, kw_only=True)
class View:
    """Where the pose is looked at from.

    Attributes:
        size: (width, height) of the picture, pixels.
        turn: the viewer's way around the person, radians; 0 is the camera's own side.
        tilt: how far the viewer looks down, radians.
        floor: height of the floor below the root, millimeters (y down).
        span: millimeters that fit into the shorter side of the picture.
    """

    size: tuple[int, int]
    turn: float = 0.0
    tilt: float = 0.2
    floor: float = 950.0
    span: float = _ONE_PERSON

    def pixels(self, xyz: NDArray[np.floating]) -> NDArray[np.int64]:
        """Pixels (..., 2) of points (..., 3) around the root."""
        rotation = axis_rotation("x", self.tilt) @ axis_rotation("y", self.turn)
        distance = _DISTANCE * self.span
        seen = np.asarray(xyz, np.float64) @ rotation.T + [0, 0, distance]
        # a lifter that errs wildly may put a joint behind the viewer: it is drawn just in front of the eye
        seen[..., 2] = np.maximum(seen[..., 2], _NEAREST * distance)
        width, height = self.size
        focal = min(width, height) * distance / self.span
        return np.rint(project(seen, (focal, focal), (width / 2, 0.48 * height))).astype(np.int64)


def draw_pose(pose: NDArray[np.float32], skeleton: Skeleton, view: View) -> Image:
    """The pose on its floor; the floor alone where the pose is not known.

    Args:
        pose: (J, 3) millimeters, root-relative, or (P, J, 3) of several people around one point; NaN for a
            missing joint.
        skeleton: its layout.
        view: where it is looked at from.
    """
    width, height = view.size
    canvas = np.full((height, width, 3), _GROUND, np.uint8)
    _draw_floor(canvas, view)
    J = skeleton.num_joints
    joints = np.asarray(pose).reshape(-1, 3)
    known = np.asarray(np.isfinite(joints).all(axis=1))
    places = view.pixels(np.where(known[:, None], joints, 0))
    thickness = max(2, height // 120)
    for parent, child in _far_to_near(joints, skeleton, view):
        if known[parent] and known[child]:
            _line(canvas, places[parent], places[child], _color(skeleton.joints[child % J]), thickness)
    for joint in np.flatnonzero(known):
        color = _color(skeleton.joints[joint % J])
        cv2.circle(canvas, _point(places[joint]), thickness, color, -1, cv2.LINE_AA)
    return canvas


class Turntable:
    """Poses of a video, one after the other, from a viewer who slowly walks around them.

    The floor is where the lowest joint was, and two people are seen from as far as their distance asks for.

    Args:
        skeleton: of the poses.
        size: (width, height) of the pictures, pixels.
    """

    def __init__(self, skeleton: Skeleton, size: tuple[int, int]) -> None:
        self._skeleton, self._size = skeleton, size
        self._floor = self._span = 0.0

    def picture(self, pose: NDArray[np.float32], seconds: float) -> Image:
        """The next pose, (height, width, 3) BGR.

        Args:
            pose: (J, 3) millimeters, or (P, J, 3) in one frame of reference; turned around the middle of
                the roots.
            seconds: since the beginning, which is when the viewer stands where the camera is.
        """
        people = np.asarray(pose, np.float64).reshape(-1, self._skeleton.num_joints, 3)
        roots = people[:, self._skeleton.root]
        known = np.isfinite(roots).all(axis=1)
        around = people - (roots[known].mean(axis=0) if known.any() else 0.0)
        self._notice(around)
        view = View(
            size=self._size,
            turn=2 * np.pi * seconds / _SECONDS_AROUND,
            floor=self._floor or View.floor,
            span=max(self._span, _ONE_PERSON),
        )
        return draw_pose(around.astype(np.float32), self._skeleton, view)

    def _notice(self, people: Floats) -> None:
        joints = people[np.isfinite(people).all(axis=-1)]
        if not len(joints):
            return
        lowest = float(joints[:, 1].max())
        if self._floor == 0:
            self._floor = lowest
        self._floor += (_SINKING if lowest > self._floor else _RISING) * (lowest - self._floor)
        if len(people) > 1:
            reach = float(np.hypot(joints[:, 0], joints[:, 2]).max())
            self._span = max(2.6 * reach, _SHRINKING * self._span)


def side_by_side(left: Image, right: Image, caption: str = "") -> Image:
    """Two pictures of one height beside each other, text in the right one's lower left corner."""
    canvas = np.hstack([left, right])
    if caption:
        height = canvas.shape[0]
        place = (left.shape[1] + height // 40, height - height // 40)
        cv2.putText(canvas, caption, place, cv2.FONT_HERSHEY_SIMPLEX, height / 900, _TEXT, 1, cv2.LINE_AA)
    return canvas


def _draw_floor(canvas: Image, view: View) -> None:
    edge = _SQUARE * round(_FLOOR * view.span / _SQUARE)
    steps = np.arange(-edge, edge + 1, _SQUARE)
    y, ends = np.full_like(steps, view.floor), [np.full_like(steps, end) for end in (-edge, edge)]
    across = np.stack([np.stack([end, y, steps], axis=1) for end in ends], axis=1)
    along = np.stack([np.stack([steps, y, end], axis=1) for end in ends], axis=1)
    for start, end in view.pixels(np.concatenate([across, along])):
        _line(canvas, start, end, _GRID, 1)


def _far_to_near(joints: NDArray[np.float32], skeleton: Skeleton, view: View) -> list[tuple[int, int]]:
    """Bones of everyone, as numbers of joints (P J, 3), in the order in which they are painted."""
    depth = (np.nan_to_num(joints) @ axis_rotation("y", view.turn).T)[:, 2]
    starts = range(0, len(joints), skeleton.num_joints)
    bones = [(start + parent, start + child) for start in starts for parent, child in skeleton.bones]
    return sorted(bones, key=lambda bone: -float(depth[list(bone)].mean()))


def _line(
    canvas: Image, start: NDArray[np.int64], end: NDArray[np.int64], color: tuple[int, int, int], width: int
) -> None:
    cv2.line(canvas, _point(start), _point(end), color, width, cv2.LINE_AA)


def _point(place: NDArray[np.int64]) -> tuple[int, int]:
    return int(place[0]), int(place[1])


def _color(joint: str) -> tuple[int, int, int]:
    return _LEFT if joint.startswith("left_") else _RIGHT if joint.startswith("right_") else _MIDDLE
