"""A BVH hierarchy with its motion, and the joint positions that it means."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

__all__ = ["POSITIONS", "ROTATIONS", "Bvh", "BvhJoint"]

Floats = NDArray[np.float64]

POSITIONS = ("Xposition", "Yposition", "Zposition")
ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")


@dataclass(frozen=True, kw_only=True)
class BvhJoint:
    """One joint.

    Attributes:
        name: as in the file, blanks included; an end site is called after its joint with " end".
        parent: index of the joint it hangs from, -1 for a root; always less than its own index.
        offset: from the parent, in the parent's axes, the file's length unit. A position channel replaces it
            on its axis.
        channels: such as Xposition or Zrotation, in the order of the file; a joint may have none.
        end_site: whether the file has it as `End Site`: the tip of the joint above.
    """

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]
    end_site: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Bvh:
    """A hierarchy and its motion.

    Attributes:
        joints: the root first, end sites included.
        values: (T, C), the channels of all joints in turn; degrees and the file's length unit.
        frame_time: seconds.

    Raises:
        ValueError: the values do not fit the channels, there is no frame, or the frame time is not positive.
    """

    joints: tuple[BvhJoint, ...]
    values: Floats
    frame_time: float

    def __post_init__(self) -> None:
        channels = sum(len(joint.channels) for joint in self.joints)
        if self.values.ndim != 2 or self.values.shape[1] != channels:
            raise ValueError(f"motion has shape {self.values.shape}; (frames, {channels}) is needed")
        if not len(self.values):
            raise ValueError("the motion has no frame; at least 1 is needed")
        if not (self.frame_time > 0 and math.isfinite(self.frame_time)):
            raise ValueError(f"the frame time is {self.frame_time} s; a positive time is needed")

    def names(self) -> tuple[str, ...]:
        """Of all joints, end sites included."""
        return tuple(joint.name for joint in self.joints)

    def positions(self) -> Floats:
        """(T, joints, 3), in the file's length unit and world axes.

        A position channel replaces the joint's offset on that axis, as in Blender, bvhio and pybvh: files
        that give every joint's position write the offset into the channels once more.
        """
        T = len(self.values)
        turned: list[Rotation] = []
        xyz = np.zeros((T, len(self.joints), 3))
        column = 0
        for number, joint in enumerate(self.joints):
            own = self.values[:, column : column + len(joint.channels)]
            column += len(joint.channels)
            local = np.tile(joint.offset, (T, 1))
            for name in POSITIONS:
                if name in joint.channels:
                    local[:, POSITIONS.index(name)] = own[:, joint.channels.index(name)]
            rotation = _rotation(joint, own)
            if joint.parent < 0:
                xyz[:, number], rotation_in_world = local, rotation
            else:
                above = turned[joint.parent]
                xyz[:, number] = xyz[:, joint.parent] + above.apply(local)
                rotation_in_world = above * rotation
            turned.append(rotation_in_world)
        return xyz


def _rotation(joint: BvhJoint, own: Floats) -> Rotation:
    """Of one joint in its parent's axes: the channels' rotations, the first in the file outermost."""
    names = [name for name in joint.channels if name in ROTATIONS]
    if not names:
        return Rotation.from_quat(np.tile([0.0, 0.0, 0.0, 1.0], (len(own), 1)))
    angles = own[:, [joint.channels.index(name) for name in names]]
    return Rotation.from_euler("".join(name[0] for name in names), angles, degrees=True)
