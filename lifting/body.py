"""An articulated body: from joint angles and bone lengths to the 20 joints of the MSR skeleton.

Every function works on N frames at once; frames of many clips are laid end to end. Axes are those of the MSR
files: y up, z away from the camera, and a body that faces the camera has its right side at +x.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import MSR_20

Floats = NDArray[np.float64]

# Joint angles, degrees, each with its value when standing at ease.
#   lean / tilt / twist: of the trunk, forward / to the right / to the left.
#   raise, plane: of upper arm and thigh; raise 0 hangs down, 90 is level, 180 points up, on a path that goes
#       forward (plane 0), outward (90) or across the body (negative).
#   elbow, turn: bend of the elbow; the forearm continues in the direction of the raise (turn 0), outward (90)
#       or inward (-90).
#   knee: bend of the knee, always backward.
REST: Mapping[str, float] = {
    "lean": 3.0, "tilt": 0.0, "twist": 0.0,
    "right_arm_raise": 8.0, "right_arm_plane": 70.0, "right_elbow": 14.0, "right_turn": -50.0,
    "left_arm_raise": 8.0, "left_arm_plane": 70.0, "left_elbow": 14.0, "left_turn": -50.0,
    "right_leg_raise": 4.0, "right_leg_plane": 60.0, "right_knee": 4.0,
    "left_leg_raise": 4.0, "left_leg_plane": 60.0, "left_knee": 4.0,
}  # fmt: skip
ANGLES = tuple(REST)

# Lengths of an adult of 1.75 m, millimeters, rounded from the medians of MSR Action3D.
BONES: Mapping[str, float] = {
    "hip_width": 80.0, "hip_drop": 70.0, "spine": 70.0, "chest": 340.0, "neck": 190.0,
    "shoulder_width": 170.0, "shoulder_drop": 70.0,
    "upper_arm": 260.0, "forearm": 240.0, "hand": 80.0, "thigh": 420.0, "shank": 390.0, "foot": 90.0,
}  # fmt: skip
BONE_NAMES = tuple(BONES)


def pose_body(angles: Floats, bones: Floats, facing: Floats, ground: Floats) -> Floats:
    """Joint positions from joint angles.

    Args:
        angles: (N, len(ANGLES)), degrees, in the order of ANGLES.
        bones: (N, len(BONE_NAMES)), millimeters, in the order of BONE_NAMES.
        facing: (N,), degrees; 0 faces the camera, 90 faces +x.
        ground: (N, 3), millimeters: x and z of the hip center, and the height on which the lower foot stands.

    Returns:
        (N, 20, 3), millimeters, joints as MSR_20.
    """
    angle = dict(zip(ANGLES, np.radians(angles.T), strict=True))
    bone = {name: column[:, None] for name, column in zip(BONE_NAMES, bones.T, strict=True)}
    pelvis = _facing_frame(np.radians(facing))
    chest = _bend_frame(pelvis, angle["lean"], angle["tilt"], angle["twist"])
    joints: dict[str, Floats] = {"hip_center": np.zeros((len(angles), 3))}
    joints["spine"] = joints["hip_center"] + bone["spine"] * chest[1]
    joints["shoulder_center"] = joints["spine"] + bone["chest"] * chest[1]
    joints["head"] = joints["shoulder_center"] + bone["neck"] * chest[1]
    for side, sign in (("left", -1.0), ("right", 1.0)):
        _add_arm(joints, side, sign, chest, angle, bone)
        _add_leg(joints, side, sign, pelvis, angle, bone)
    xyz = np.stack([joints[name] for name in MSR_20.joints], axis=1)
    xyz += ground[:, None]
    lowest = np.minimum(joints["left_ankle"][:, 1], joints["right_ankle"][:, 1])
    xyz[:, :, 1] -= lowest[:, None]
    return xyz


Frame = tuple[Floats, Floats, Floats]  # unit vectors to the right, up and forward, each (N, 3)


def _facing_frame(facing: Floats) -> Frame:
    zero = np.zeros_like(facing)
    right = np.stack([np.cos(facing), zero, np.sin(facing)], axis=1)
    up = np.stack([zero, zero + 1.0, zero], axis=1)
    return right, up, np.cross(up, right)


def _bend_frame(frame: Frame, lean: Floats, tilt: Floats, twist: Floats) -> Frame:
    """Twist about the upright, then tilt to the right, then lean forward."""
    right, up, forward = frame
    right, forward = _rotate(right, forward, twist)
    up, right = _rotate(up, right, tilt)
    up, forward = _rotate(up, forward, lean)
    return right, up, forward


def _rotate(a: Floats, b: Floats, angle: Floats) -> tuple[Floats, Floats]:
    """Turn a towards b, and b away from a, within their plane."""
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return cos * a + sin * b, cos * b - sin * a


def _limb_axes(frame: Frame, sign: float, raised: Floats, plane: Floats) -> tuple[Floats, Floats, Floats]:
    """Direction of the upper limb, the direction in which it rises, and the outward normal of both."""
    right, up, forward = frame
    path, normal = _rotate(forward, sign * right, plane)
    along, rising = _rotate(-up, path, raised)
    return along, rising, normal


def _add_arm(
    joints: dict[str, Floats],
    side: str,
    sign: float,
    chest: Frame,
    angle: Mapping[str, Floats],
    bone: Mapping[str, Floats],
) -> None:
    along, rising, outward = _limb_axes(chest, sign, angle[f"{side}_arm_raise"], angle[f"{side}_arm_plane"])
    bent, _ = _rotate(rising, outward, angle[f"{side}_turn"])
    forearm, _ = _rotate(along, bent, angle[f"{side}_elbow"])
    right, up, _ = chest
    shoulder = joints["shoulder_center"] + sign * bone["shoulder_width"] * right - bone["shoulder_drop"] * up
    joints[f"{side}_shoulder"] = shoulder
    joints[f"{side}_elbow"] = shoulder + bone["upper_arm"] * along
    joints[f"{side}_wrist"] = joints[f"{side}_elbow"] + bone["forearm"] * forearm
    joints[f"{side}_hand"] = joints[f"{side}_wrist"] + bone["hand"] * forearm


def _add_leg(
    joints: dict[str, Floats],
    side: str,
    sign: float,
    pelvis: Frame,
    angle: Mapping[str, Floats],
    bone: Mapping[str, Floats],
) -> None:
    along, rising, _ = _limb_axes(pelvis, sign, angle[f"{side}_leg_raise"], angle[f"{side}_leg_plane"])
    shank, toes = _rotate(along, rising, -angle[f"{side}_knee"])
    hip = joints["hip_center"] + sign * bone["hip_width"] * pelvis[0] - bone["hip_drop"] * pelvis[1]
    joints[f"{side}_hip"] = hip
    joints[f"{side}_knee"] = hip + bone["thigh"] * along
    joints[f"{side}_ankle"] = joints[f"{side}_knee"] + bone["shank"] * shank
    joints[f"{side}_foot"] = joints[f"{side}_ankle"] + bone["foot"] * toes
