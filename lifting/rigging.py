"""From joint positions to a BVH hierarchy with rotations: what an animation program needs.

Positions do not say how a bone is turned about itself; each bone takes the smallest turn from its parent.
Where several bones leave one joint (hip, thorax), each gets a joint of its own at the same place, as motion
capture files have it, so that every bone can point where it does. Bone lengths are fixed to their medians.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lifting.bvh import Bvh, BvhJoint
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton

Floats = NDArray[np.float64]

_CHANNELS = ("Zrotation", "Yrotation", "Xrotation")
_ROOT_CHANNELS = ("Xposition", "Yposition", "Zposition", *_CHANNELS)
_CENTIMETERS = 0.1
# Camera axes (y down, z away) to BVH's (y up, z towards the viewer).
_UPRIGHT = np.array([1.0, -1.0, -1.0])
# The rest pose is a T: legs hang, arms are stretched out, the rest stands upright.
_HANGING = ("knee", "ankle", "foot", "toe", "heel")
_SIDEWAYS = ("hip", "shoulder", "elbow", "wrist", "hand")
# Length of what a program draws beyond the last joint, as a share of the last bone.
_END = 0.2


def to_bvh(poses: PoseSequence3D, root_path: NDArray[np.floating[Any]] | None = None) -> Bvh:
    """One person's poses as a BVH motion in centimeters, y up.

    Args:
        poses: (T, J, 3), millimeters, camera axes (x right, y down, z away).
        root_path: (T, 3), millimeters, camera axes: where the root is; None leaves it where the poses have
            it.

    Raises:
        ValueError: two people, a missing joint, or a path of another length.
    """
    if poses.num_people != 1:
        raise ValueError("the poses show two people; a BVH file holds one")
    missing = np.argwhere(~np.isfinite(poses.xyz))
    if missing.size:
        frame, joint, _ = (int(index) for index in missing[0])
        raise ValueError(
            f"frame {frame} has no {poses.skeleton.joints[joint]}; fill the gaps before writing BVH"
        )
    xyz = poses.xyz.astype(np.float64) * _UPRIGHT * _CENTIMETERS
    path = xyz[:, poses.skeleton.root]
    if root_path is not None:
        if root_path.shape != path.shape:
            raise ValueError(f"the root's path has shape {root_path.shape}; {path.shape} is needed")
        path = np.asarray(root_path, np.float64) * _UPRIGHT * _CENTIMETERS
    return _Rig(poses.skeleton, xyz).motion(path, 1 / poses.fps)


def _triple(offset: Floats) -> tuple[float, float, float]:
    return float(offset[0]), float(offset[1]), float(offset[2])


class _Rig:
    """The hierarchy as it grows, with each joint's angles."""

    def __init__(self, skeleton: Skeleton, xyz: Floats) -> None:
        self.skeleton = skeleton
        self.bones = {child: xyz[:, child] - xyz[:, parent] for parent, child in skeleton.bones}
        self.rest = {child: self._rest_offset(child) for child in self.bones}
        self.children = {
            joint: [child for parent, child in skeleton.bones if parent == joint]
            for joint in range(skeleton.num_joints)
        }
        self.joints: list[BvhJoint] = []
        self.angles: list[Floats] = []

    def motion(self, path: Floats, frame_time: float) -> Bvh:
        root, upright = self.skeleton.root, Rotation.identity(len(path))
        self.joints.append(
            BvhJoint(
                name=self.skeleton.joints[root], parent=-1, offset=(0.0, 0.0, 0.0), channels=_ROOT_CHANNELS
            )
        )
        turned = self._facing(root, upright)
        self.angles.append(np.column_stack([path, turned.as_euler("ZYX", degrees=True)]))
        for child in self.children[root]:
            self._add_branch(root, child, 0, turned)
        return Bvh(joints=tuple(self.joints), values=np.column_stack(self.angles), frame_time=frame_time)

    def _add_branch(self, joint: int, child: int, above: int, turned: Rotation) -> None:
        """A joint in the place of `joint` that turns the bone to `child`, then the child and all below."""
        name = f"{self.skeleton.joints[joint]}_to_{self.skeleton.joints[child]}"
        number, rotation = self._add(name, above, np.zeros(3), turned, child)
        self._add_child(child, number, rotation)

    def _add_child(self, child: int, above: int, turned: Rotation) -> None:
        """The joint at the end of a bone whose direction `turned` already has."""
        below = self.children[child]
        name, offset = self.skeleton.joints[child], self.rest[child]
        if not below:
            number, _ = self._add(name, above, offset, turned, None)
            self.joints.append(
                BvhJoint(
                    name=f"{name} end",
                    parent=number,
                    offset=_triple(_END * offset),
                    channels=(),
                    end_site=True,
                )
            )
        elif len(below) == 1:
            number, rotation = self._add(name, above, offset, turned, below[0])
            self._add_child(below[0], number, rotation)
        else:
            number, rotation = self._add(name, above, offset, turned, None)
            for grandchild in below:
                self._add_branch(child, grandchild, number, rotation)

    def _add(
        self, name: str, above: int, offset: Floats, turned: Rotation, child: int | None
    ) -> tuple[int, Rotation]:
        """A joint that turns the bone to `child` to where it points; its number and rotation."""
        identity = Rotation.identity(len(self.angles[0]))
        own = identity if child is None else self._turn_bone(child, turned)
        self.joints.append(
            BvhJoint(
                name=name,
                parent=above,
                offset=_triple(offset),
                channels=_CHANNELS,
            )
        )
        self.angles.append(own.as_euler("ZYX", degrees=True))
        return len(self.joints) - 1, turned * own

    def _turn_bone(self, child: int, turned: Rotation) -> Rotation:
        """The smallest turn from the bone's rest direction to where it points, in the parent's axes."""
        rest = self.rest[child] / max(float(np.linalg.norm(self.rest[child])), 1e-9)
        wanted = turned.inv().apply(self.bones[child])
        wanted /= np.linalg.norm(wanted, axis=1, keepdims=True).clip(1e-9)
        axis = np.cross(rest, wanted)
        sine, cosine = np.linalg.norm(axis, axis=1, keepdims=True), wanted @ rest
        aside = np.cross(rest, np.eye(3)[np.abs(rest).argmin()])
        axis = np.where(sine > 1e-9, axis / sine.clip(1e-12), aside / np.linalg.norm(aside))
        return Rotation.from_rotvec(axis * np.arctan2(sine[:, 0], cosine)[:, None])

    def _facing(self, root: int, upright: Rotation) -> Rotation:
        """The root's rotation: upright, turned about y so that its left side is at +x of its own axes."""
        pairs = [pair for pair in self.skeleton.pairs if set(pair) <= set(self.children[root])]
        if not pairs:
            return upright
        left, right = pairs[0]
        across = self.bones[left] - self.bones[right]
        angle = np.arctan2(-across[:, 2], across[:, 0])
        return Rotation.from_rotvec(np.column_stack([np.zeros_like(angle), angle, np.zeros_like(angle)]))

    def _rest_offset(self, child: int) -> Floats:
        name = self.skeleton.joints[child]
        length = float(np.median(np.linalg.norm(self.bones[child], axis=1)))
        side = 1.0 if name.startswith("left_") else -1.0 if name.startswith("right_") else 0.0
        if any(word in name for word in _HANGING):
            return np.array([0.0, -length, 0.0])
        if side and any(word in name for word in _SIDEWAYS):
            return np.array([side * length, 0.0, 0.0])
        return np.array([0.0, length, 0.0])
