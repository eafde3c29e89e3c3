"""BVH motion files: reading, joint positions, and writing poses so that animation programs open them.

No library that is kept up reads and writes them with joint positions. The file's length unit is its own:
CMU's conversions use inches / 0.45 or centimetres; what is written here is in centimetres, y up, facing +z.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

_POSITIONS = ("Xposition", "Yposition", "Zposition")
_ROTATIONS = ("Xrotation", "Yrotation", "Zrotation")


@dataclass(frozen=True, kw_only=True)
class BvhJoint:
    """One joint.

    Attributes:
        name: as in the file; an end site is called after its joint with " end".
        parent: index of the joint it hangs from, -1 for the root; always less than its own index.
        offset: from the parent, in the parent's axes, the file's length unit.
        channels: such as Xposition or Zrotation, in the order of the file; none for an end site.
    """

    name: str
    parent: int
    offset: tuple[float, float, float]
    channels: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Bvh:
    """A hierarchy and its motion.

    Attributes:
        joints: the root first, end sites included.
        values: (T, C), the channels of all joints in turn; degrees and the file's length unit.
        frame_time: seconds.

    Raises:
        ValueError: the values do not fit the channels, or the frame time is not positive.
    """

    joints: tuple[BvhJoint, ...]
    values: Floats
    frame_time: float

    def __post_init__(self) -> None:
        channels = sum(len(joint.channels) for joint in self.joints)
        if self.values.ndim != 2 or self.values.shape[1] != channels:
            raise ValueError(f"motion has shape {self.values.shape}; (frames, {channels}) is needed")
        if not self.frame_time > 0:
            raise ValueError(f"the frame time is {self.frame_time} s; a positive time is needed")

    def names(self) -> tuple[str, ...]:
        """Of all joints, end sites included."""
        return tuple(joint.name for joint in self.joints)

    def positions(self) -> Floats:
        """(T, joints, 3), in the file's length unit and world axes."""
        T = len(self.values)
        turned: list[Rotation] = []
        xyz = np.zeros((T, len(self.joints), 3))
        column = 0
        for number, joint in enumerate(self.joints):
            own = self.values[:, column : column + len(joint.channels)]
            column += len(joint.channels)
            local = np.tile(joint.offset, (T, 1))
            places = [name for name in joint.channels if name in _POSITIONS]
            for name in places:
                local[:, _POSITIONS.index(name)] += own[:, joint.channels.index(name)]
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
    names = [name for name in joint.channels if name in _ROTATIONS]
    if not names:
        return Rotation.from_quat(np.tile([0.0, 0.0, 0.0, 1.0], (len(own), 1)))
    angles = own[:, [joint.channels.index(name) for name in names]]
    return Rotation.from_euler("".join(name[0] for name in names), angles, degrees=True)


def read_bvh(path: Path) -> Bvh:
    """A BVH file.

    Raises:
        ValueError: no BVH, or it is cut off; says at which word.
    """
    try:
        words = iter(path.read_text(encoding="utf-8", errors="replace").split())
        _expect(words, "HIERARCHY")
        _expect(words, "ROOT")
        joints: list[BvhJoint] = []
        _read_joint(words, next(words), -1, joints)
        _expect(words, "MOTION")
        _expect(words, "Frames:")
        T = int(next(words))
        _expect(words, "Frame")
        _expect(words, "Time:")
        frame_time = float(next(words))
        values = np.array([float(word) for word in words])
        channels = sum(len(joint.channels) for joint in joints)
        if values.size != T * channels:
            raise ValueError(f"{T} frames of {channels} channels are announced, {values.size} numbers follow")
        return Bvh(joints=tuple(joints), values=values.reshape(T, channels), frame_time=frame_time)
    except StopIteration:
        raise ValueError(f"{path} is cut off: it ends in the middle of the hierarchy") from None
    except ValueError as error:
        raise ValueError(f"{path} is no BVH file, or cut off: {error}") from error


def _expect(words: Iterator[str], wanted: str) -> None:
    word = next(words)
    if word != wanted:
        raise ValueError(f"{word!r} came where {wanted!r} is needed")


def _read_joint(words: Iterator[str], name: str, parent: int, joints: list[BvhJoint]) -> None:
    """One joint and everything below it, the opening brace next."""
    _expect(words, "{")
    _expect(words, "OFFSET")
    offset = (float(next(words)), float(next(words)), float(next(words)))
    number = len(joints)
    channels: tuple[str, ...] = ()
    word = next(words)
    if word == "CHANNELS":
        channels = tuple(next(words) for _ in range(int(next(words))))
        unknown = set(channels) - {*_POSITIONS, *_ROTATIONS}
        if unknown:
            raise ValueError(
                f"joint {name} has the channels {', '.join(sorted(unknown))}, which are not known"
            )
        word = next(words)
    joints.append(BvhJoint(name=name, parent=parent, offset=offset, channels=channels))
    while word != "}":
        if word == "End":
            _expect(words, "Site")
            _read_joint(words, f"{name} end", number, joints)
        elif word == "JOINT":
            _read_joint(words, next(words), number, joints)
        else:
            raise ValueError(f"{word!r} came where JOINT, End or a brace is needed")
        word = next(words)


def write_bvh(motion: Bvh) -> str:
    """The text of a BVH file."""
    children: dict[int, list[int]] = {}
    for number, joint in enumerate(motion.joints):
        children.setdefault(joint.parent, []).append(number)
    lines = ["HIERARCHY", *_write_joint(motion.joints, children, 0, 0)]
    lines += ["MOTION", f"Frames: {len(motion.values)}", f"Frame Time: {motion.frame_time:.8f}"]
    lines += [" ".join(f"{value:.5f}" for value in row) for row in motion.values]
    return "\n".join(lines) + "\n"


def _write_joint(
    joints: tuple[BvhJoint, ...], children: dict[int, list[int]], number: int, depth: int
) -> Iterator[str]:
    joint, tab = joints[number], "\t" * depth
    end = not joint.channels
    yield f"{tab}End Site" if end else f"{tab}{'JOINT' if depth else 'ROOT'} {joint.name}"
    yield f"{tab}{{"
    yield f"{tab}\tOFFSET {' '.join(f'{value:.5f}' for value in joint.offset)}"
    if not end:
        yield f"{tab}\tCHANNELS {len(joint.channels)} {' '.join(joint.channels)}"
    for child in children.get(number, []):
        yield from _write_joint(joints, children, child, depth + 1)
    yield f"{tab}}}"
