"""Acclaim's ASF (skeleton) and AMC (motion), the original form of CMU's and HDM05's motion capture.

A bone of the ASF has a direction and a length in the rest pose and an axis, the rotation into its own
coordinates; an AMC frame gives its angles about them. With C the axis and M the angles' rotation, a bone
turns by C M inverse(C) within its parent. Every joint is the end of the bone of its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Floats = NDArray[np.float64]

# Lengths are in inches, divided by the unit that the file gives (0.45 in CMU's and HDM05's files).
MILLIMETRES_PER_INCH = 25.4


@dataclass(frozen=True, eq=False, kw_only=True)
class AsfBone:
    """One bone: what it is called, hangs from, and can do.

    Attributes:
        name: of the bone and of the joint at its end.
        parent: name of the bone above, "root" at the top.
        vector: (3,), from its parent's end to its own in the rest pose, millimetres, world axes.
        axis: rotation of its own coordinates.
        dof: the angles that an AMC frame gives, such as ("rx", "ry", "rz").
    """

    name: str
    parent: str
    vector: Floats
    axis: Rotation
    dof: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class AsfSkeleton:
    """The skeleton of one person.

    Attributes:
        bones: parents before their children, the root not among them.
        root_order: what the root's numbers in an AMC frame are, such as TX or RZ.
        scale: millimetres for one unit of the files.
        degrees: whether angles are degrees.
    """

    bones: tuple[AsfBone, ...]
    root_order: tuple[str, ...]
    scale: float
    degrees: bool

    def positions(self, motion: "AmcMotion") -> dict[str, Floats]:
        """(T, 3) of every joint by name, "root" included, millimetres, world axes.

        Raises:
            ValueError: a bone that can turn has no angles in the motion, or another number of them.
        """
        values = _values(motion, "root", len(self.root_order))
        columns = dict(zip(self.root_order, values.T, strict=True))
        place = self.scale * np.column_stack([columns[f"T{axis}"] for axis in "XYZ"])
        angles = [name for name in self.root_order if name.startswith("R")]
        turned = {"root": self._rotation(angles, np.column_stack([columns[name] for name in angles]))}
        xyz = {"root": place}
        for bone in self.bones:
            rotation = turned[bone.parent]
            if bone.dof:
                own = self._rotation(bone.dof, _values(motion, bone.name, len(bone.dof)))
                rotation = rotation * (bone.axis * own * bone.axis.inv())
            turned[bone.name] = rotation
            xyz[bone.name] = xyz[bone.parent] + rotation.apply(bone.vector)
        return xyz

    def _rotation(self, dof: Sequence[str], angles: Floats) -> Rotation:
        """About fixed axes, the first angle first."""
        return Rotation.from_euler("".join(name[1].lower() for name in dof), angles, degrees=self.degrees)


@dataclass(frozen=True, eq=False, kw_only=True)
class AmcMotion:
    """One clip: the numbers of every bone, (T, dof) by name."""

    path: Path
    values: dict[str, Floats]


def _values(motion: AmcMotion, name: str, width: int) -> Floats:
    values = motion.values.get(name)
    if values is None or values.shape[1] != width:
        came = "none" if values is None else values.shape[1]
        raise ValueError(f"{motion.path}: bone {name} has {came} numbers a frame; the skeleton needs {width}")
    return values


def read_asf(path: Path) -> AsfSkeleton:
    """A skeleton file.

    Raises:
        ValueError: no ASF, or a section is missing; says which.
    """
    sections = _sections(path)
    try:
        units = dict(line.split()[:2] for line in sections["units"])
        scale = MILLIMETRES_PER_INCH / float(units.get("length", 1.0))
        degrees = units.get("angle", "deg").startswith("deg")
        root = {line.split()[0]: line.split()[1:] for line in sections["root"]}
        bones = [_bone(block, scale, degrees) for block in _blocks(sections["bonedata"])]
        parents = _parents(sections["hierarchy"])
        return AsfSkeleton(
            bones=_in_order(bones, parents), root_order=tuple(root["order"]), scale=scale, degrees=degrees
        )
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(f"{path} is no ASF skeleton, or cut off: {error!r}") from error


def read_amc(path: Path) -> AmcMotion:
    """A motion file.

    Raises:
        ValueError: no AMC, or a frame lacks a bone that others have; says in which frame.
    """
    frames: list[dict[str, list[float]]] = []
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith(("#", ":")):
            continue
        if len(words) == 1 and words[0].isdigit():
            frames.append({})
            continue
        try:
            frames[-1][words[0]] = [float(word) for word in words[1:]]
        except (IndexError, ValueError) as error:
            raise ValueError(f"{path}, line {number} is no AMC motion: {line.strip()[:60]!r}") from error
    if not frames:
        raise ValueError(f"{path} holds no frame; at least 1 is needed")
    for number, frame in enumerate(frames, start=1):
        if {name: len(own) for name, own in frame.items()} != {
            name: len(own) for name, own in frames[0].items()
        }:
            raise ValueError(f"{path} is cut off: frame {number} has other bones than frame 1")
    return AmcMotion(
        path=path, values={name: np.array([frame[name] for frame in frames]) for name in frames[0]}
    )


def _sections(path: Path) -> dict[str, list[str]]:
    """The lines below each ":keyword", comments left out."""
    sections: dict[str, list[str]] = {}
    current: list[str] = []
    for line in path.read_text(encoding="latin-1").splitlines():
        text = line.split("#")[0].strip()
        if text.startswith(":"):
            current = sections.setdefault(text[1:].split()[0], [])
        elif text:
            current.append(text)
    return sections


def _blocks(lines: list[str]) -> list[list[str]]:
    """What stands between each begin and end."""
    blocks: list[list[str]] = []
    for line in lines:
        if line == "begin":
            blocks.append([])
        elif line != "end":
            blocks[-1].append(line)
    return blocks


def _bone(block: list[str], scale: float, degrees: bool) -> AsfBone:
    """The parent is filled in later, from the hierarchy."""
    fields = {line.split()[0]: line.split()[1:] for line in block}
    direction = np.array([float(word) for word in fields["direction"]])
    *angles, order = fields["axis"]
    return AsfBone(
        name=fields["name"][0],
        parent="",
        vector=scale * float(fields["length"][0]) * direction / np.linalg.norm(direction),
        axis=Rotation.from_euler(order.lower(), [float(angle) for angle in angles], degrees=degrees),
        dof=tuple(fields.get("dof", [])),
    )


def _parents(lines: list[str]) -> dict[str, str]:
    """Child -> parent, in the order of the file, which has parents first."""
    parents: dict[str, str] = {}
    for line in lines:
        if line not in ("begin", "end"):
            parent, *children = line.split()
            parents |= dict.fromkeys(children, parent)
    return parents


def _in_order(bones: list[AsfBone], parents: dict[str, str]) -> tuple[AsfBone, ...]:
    by_name = {bone.name: bone for bone in bones}
    return tuple(
        AsfBone(
            name=name,
            parent=parent,
            vector=by_name[name].vector,
            axis=by_name[name].axis,
            dof=by_name[name].dof,
        )
        for name, parent in parents.items()
    )
