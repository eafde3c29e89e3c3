"""Acclaim's ASF (skeleton) and AMC (motion), the original form of CMU's and HDM05's motion capture.

A bone of the ASF has a direction and a length in the rest pose and an axis, the rotation into its own
coordinates; an AMC frame gives its angles about them. With C the axis and M the angles' rotation, a bone
turns by C M inverse(C) within its parent. Every joint is the end of the bone of its name. Beside angles, a
bone may have shifts tx, ty, tz along its own axes, which move its beginning, and l, a shift along the bone
itself ("translation, not scaling data"), which moves its end.

Source: Acclaim Skeleton File Definition V1.10 (M. Schafer 1994) and Acclaim's notes on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lifting.reading import guarded, number, read_text

__all__ = ["AmcMotion", "AsfBone", "AsfSkeleton", "read_amc", "read_asf"]

Floats = NDArray[np.float64]

# Lengths are in inches, divided by the unit that the file gives (0.45 in CMU's and HDM05's files).
MILLIMETERS_PER_INCH = 25.4
_DOF = ("tx", "ty", "tz", "rx", "ry", "rz", "l")
# An AMC file says itself what its angles are; one that does not uses the skeleton's unit.
_ANGLES = {":DEGREES": True, ":RADIANS": False}
# The format's text treats these as blanks.
_BLANKS = str.maketrans("(),", "   ")


@dataclass(frozen=True, eq=False, kw_only=True)
class AsfBone:
    """One bone: what it is called, hangs from, and can do.

    Attributes:
        name: of the bone and of the joint at its end.
        parent: name of the bone above, "root" at the top.
        vector: (3,), from its parent's end to its own in the rest pose, millimeters, world axes.
        direction: (3,), that of the vector, of length 1; zeros for a bone without one.
        axis: rotation of its own coordinates.
        dof: the numbers that an AMC frame gives, such as ("rx", "ry", "rz").
    """

    name: str
    parent: str
    vector: Floats
    direction: Floats
    axis: Rotation
    dof: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class AsfSkeleton:
    """The skeleton of one person.

    Attributes:
        bones: parents before their children, the root not among them.
        root_order: what the root's numbers in an AMC frame are, such as tx or rz.
        scale: millimeters for one unit of the files.
        degrees: whether angles are degrees, where the motion does not say.
    """

    bones: tuple[AsfBone, ...]
    root_order: tuple[str, ...]
    scale: float
    degrees: bool

    def positions(self, motion: "AmcMotion") -> dict[str, Floats]:
        """(T, 3) of every joint by name, "root" included, millimeters, world axes.

        Raises:
            ValueError: a bone that can move has no numbers in the motion, or another number of them.
        """
        degrees = self.degrees if motion.degrees is None else motion.degrees
        root = _columns(motion, "root", self.root_order)
        T = motion.num_frames
        turned = {"root": _rotation(root, T, degrees)}
        xyz = {"root": self.scale * _shift(root, T)}
        for bone in self.bones:
            rotation, begin, vector = turned[bone.parent], xyz[bone.parent], bone.vector
            if bone.dof:
                own = _columns(motion, bone.name, bone.dof)
                begin = begin + rotation.apply(bone.axis.apply(self.scale * _shift(own, T)))
                rotation = rotation * (bone.axis * _rotation(own, T, degrees) * bone.axis.inv())
                vector = vector + self.scale * own.get("l", np.zeros(T))[:, None] * bone.direction
            turned[bone.name] = rotation
            xyz[bone.name] = begin + rotation.apply(vector)
        return xyz


@dataclass(frozen=True, eq=False, kw_only=True)
class AmcMotion:
    """One clip.

    Attributes:
        path: of the file.
        values: the numbers of every bone, (T, dof) by name.
        degrees: whether the file says that angles are degrees; None: it does not say.
    """

    path: Path
    values: dict[str, Floats]
    degrees: bool | None = None

    @property
    def num_frames(self) -> int:
        """T."""
        return len(next(iter(self.values.values())))


def _columns(motion: AmcMotion, name: str, dof: Sequence[str]) -> dict[str, Floats]:
    """(T,) of each degree of freedom, in the order of the skeleton."""
    values = motion.values.get(name)
    if values is None or values.shape[1] != len(dof):
        came = "none" if values is None else values.shape[1]
        raise ValueError(
            f"{motion.path}: bone {name} has {came} numbers a frame; the skeleton needs {len(dof)}"
        )
    return dict(zip(dof, values.T, strict=True))


def _rotation(columns: Mapping[str, Floats], num_frames: int, degrees: bool) -> Rotation:
    """(T,) about fixed axes, the first angle first."""
    names = [name for name in columns if name.startswith("r")]
    if not names:
        return Rotation.from_quat(np.tile([0.0, 0.0, 0.0, 1.0], (num_frames, 1)))
    angles = np.column_stack([columns[name] for name in names])
    return Rotation.from_euler("".join(name[1] for name in names), angles, degrees=degrees)


def _shift(columns: Mapping[str, Floats], num_frames: int) -> Floats:
    """(T, 3), units of the files; 0 along an axis that the bone cannot move along."""
    return np.column_stack([columns.get(f"t{axis}", np.zeros(num_frames)) for axis in "xyz"])


def read_asf(path: Path) -> AsfSkeleton:
    """A skeleton file.

    Raises:
        OSError: there is no such file.
        ValueError: no ASF, a section is missing or a bone does not fit; says which.
    """
    with guarded(path, "an ASF skeleton"):
        sections = _sections(read_text(path, legacy="latin-1"))
        for name in ("root", "bonedata", "hierarchy"):
            if name not in sections:
                raise ValueError(f"it has no section :{name}")
        units = {words[0]: words[1] for words in sections.get("units", []) if len(words) > 1}
        length = number(units.get("length", "1"))
        if length <= 0:
            raise ValueError(f"its unit of length is {length:g}; a positive number is needed")
        degrees = units.get("angle", "deg").lower().startswith("deg")
        root = {words[0].lower(): words[1:] for words in sections["root"]}
        if "order" not in root:
            raise ValueError("section :root has no line `order`, which says what the root's numbers are")
        scale = MILLIMETERS_PER_INCH / length
        bones = [_bone(block, scale, degrees) for block in _blocks(sections["bonedata"])]
        return AsfSkeleton(
            bones=_in_order(bones, _parents(sections["hierarchy"])),
            root_order=_degrees_of_freedom("root", root["order"]),
            scale=scale,
            degrees=degrees,
        )


def read_amc(path: Path) -> AmcMotion:
    """A motion file.

    Raises:
        OSError: there is no such file.
        ValueError: no AMC, or a frame lacks a bone that others have; says in which line or frame.
    """
    with guarded(path, "an AMC motion"):
        text = read_text(path, legacy="latin-1")
    frames: list[dict[str, list[float]]] = []
    degrees: bool | None = None
    for line_number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].translate(_BLANKS).split()
        if not words:
            continue
        if words[0].startswith(":"):
            degrees = _ANGLES.get(words[0].upper(), degrees)
        elif len(words) == 1 and words[0].isdigit():
            frames.append({})
        else:
            _add_numbers(frames, words, f"{path}, line {line_number}")
    return _motion(path, frames, degrees)


def _add_numbers(frames: list[dict[str, list[float]]], words: list[str], where: str) -> None:
    """One bone's numbers to the last frame."""
    if not frames:
        raise ValueError(f"{where} is no AMC motion: {' '.join(words)[:60]!r} came before the first frame")
    if words[0] in frames[-1]:
        raise ValueError(f"{where}: bone {words[0]} is in this frame already; each is needed once")
    try:
        frames[-1][words[0]] = [number(word) for word in words[1:]]
    except ValueError as error:
        raise ValueError(f"{where} is no AMC motion: {error}") from None


def _motion(path: Path, frames: list[dict[str, list[float]]], degrees: bool | None) -> AmcMotion:
    if not frames or not frames[0]:
        raise ValueError(f"{path} holds no frame with numbers; at least 1 is needed")
    widths = {name: len(own) for name, own in frames[0].items()}
    for frame_number, frame in enumerate(frames, start=1):
        if {name: len(own) for name, own in frame.items()} != widths:
            raise ValueError(f"{path} is cut off: frame {frame_number} has other bones than frame 1")
    values = {name: np.array([frame[name] for frame in frames]) for name in widths}
    return AmcMotion(path=path, values=values, degrees=degrees)


def _sections(text: str) -> dict[str, list[list[str]]]:
    """The words of each line below each ":keyword", comments left out."""
    sections: dict[str, list[list[str]]] = {}
    current: list[list[str]] = []
    for line in text.splitlines():
        words = line.split("#")[0].translate(_BLANKS).split()
        if words and words[0].startswith(":"):
            current = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            current.append(words)
    return sections


def _blocks(lines: list[list[str]]) -> list[list[list[str]]]:
    """What stands between each begin and end."""
    blocks: list[list[list[str]]] = []
    inside = False
    for words in lines:
        if words[0].lower() in ("begin", "end"):
            inside = words[0].lower() == "begin"
            if inside:
                blocks.append([])
        elif inside:
            blocks[-1].append(words)
        else:
            raise ValueError(f"{' '.join(words)[:60]!r} stands outside of a bone's begin and end")
    return blocks


def _bone(block: list[list[str]], scale: float, degrees: bool) -> AsfBone:
    """The parent is filled in later, from the hierarchy."""
    fields = {words[0].lower(): words[1:] for words in block}
    name = " ".join(fields.get("name", []))
    if not name:
        raise ValueError("a bone has no name")
    for field, count in (("direction", 3), ("length", 1), ("axis", 4)):
        if len(fields.get(field, [])) != count:
            raise ValueError(
                f"bone {name} has {len(fields.get(field, []))} words of {field}; {count} are needed"
            )
    direction = np.array([number(word) for word in fields["direction"]])
    length, size = number(fields["length"][0]), float(np.linalg.norm(direction))
    if length < 0 or (length > 0 and size == 0):
        raise ValueError(
            f"bone {name} has length {length:g} and direction {' '.join(fields['direction'])}; a length "
            "of at least 0 is needed, and a direction where it is not 0"
        )
    *angles, order = fields["axis"]
    if sorted(order.lower()) != ["x", "y", "z"]:
        raise ValueError(f"bone {name} has the axis order {order[:20]!r}; x, y and z, each once, are needed")
    return AsfBone(
        name=name,
        parent="",
        vector=scale * length * direction / (size or 1.0),
        direction=direction / (size or 1.0),
        axis=Rotation.from_euler(order.lower(), [number(angle) for angle in angles], degrees=degrees),
        dof=_degrees_of_freedom(name, fields.get("dof", [])),
    )


def _degrees_of_freedom(bone: str, words: list[str]) -> tuple[str, ...]:
    dof = tuple(word.lower() for word in words)
    unknown = sorted(set(dof) - set(_DOF))
    if unknown or len(set(dof)) < len(dof):
        raise ValueError(
            f"{bone} has the degrees of freedom {' '.join(words)[:60]}; each of {' '.join(_DOF)} "
            "at most once is needed"
        )
    return dof


def _parents(lines: list[list[str]]) -> dict[str, str]:
    """Child -> parent."""
    parents: dict[str, str] = {}
    for parent, *children in lines:
        if parent.lower() in ("begin", "end") and not children:
            continue
        for child in children:
            if child in parents:
                raise ValueError(f"bone {child} hangs from {parents[child]} and from {parent}; one is needed")
            parents[child] = parent
    return parents


def _in_order(bones: list[AsfBone], parents: dict[str, str]) -> tuple[AsfBone, ...]:
    """Parents before their children, whatever the order of the lines; the file's order where it fits."""
    by_name = {bone.name: bone for bone in bones}
    for name in parents:
        if name not in by_name:
            raise ValueError(f"bone {name} of the hierarchy is not among the bones")
    children: dict[str, list[str]] = {}
    for name, parent in parents.items():
        children.setdefault(parent, []).append(name)
    ordered, waiting = [], children.get("root", [])[::-1]
    while waiting:
        name = waiting.pop()
        ordered.append(replace(by_name[name], parent=parents[name]))
        waiting += children.get(name, [])[::-1]
    left = sorted(set(parents) - {bone.name for bone in ordered})
    if left:
        raise ValueError(f"bones {', '.join(left[:5])} do not hang from the root")
    return tuple(ordered)
