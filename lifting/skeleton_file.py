"""Joint layouts of one's own, in a YAML file.

    name: plug_in_gait
    joints:
      hip:                        # the joint without a parent is the root
        markers: [LASI, RASI]     # where it lies between markers; else the marker of its own name
      left_knee:
        parent: hip
        markers: LKNE

Joints called left_ and right_ are pairs; `pairs: [[arm_l, arm_r]]` says it for other names.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lifting.reading import guarded, read_text
from lifting.skeleton import SKELETONS, Skeleton, get_skeleton
from lifting.yaml_text import load_yaml

__all__ = ["MarkedSkeleton", "find_skeleton", "read_skeleton_file"]


@dataclass(frozen=True, kw_only=True)
class MarkedSkeleton:
    """A layout, and the markers whose middle each of its joints is.

    Attributes:
        skeleton: the layout.
        markers: names of markers, for each joint.
    """

    skeleton: Skeleton
    markers: tuple[tuple[str, ...], ...]


def find_skeleton(name: str) -> MarkedSkeleton:
    """A layout by its name, or from a YAML file.

    Raises:
        FileNotFoundError: the name ends as a YAML file does, and there is none.
        ValueError: no layout has the name, or the file holds none.
    """
    if name.endswith((".yaml", ".yml")):
        return read_skeleton_file(Path(name))
    if name not in SKELETONS and Path(name).exists():
        raise ValueError(f"{name} is no YAML file; a layout's name, or a .yaml file of one, is needed")
    skeleton = get_skeleton(name)
    return MarkedSkeleton(skeleton=skeleton, markers=tuple((joint,) for joint in skeleton.joints))


def read_skeleton_file(path: Path) -> MarkedSkeleton:
    """A layout of one's own.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no YAML, or holds no layout; says what is wrong.
    """
    with guarded(path, "a joint layout in YAML"):
        return _marked(load_yaml(read_text(path)), path.stem)


def _marked(content: Any, stem: str) -> MarkedSkeleton:
    joints = content.get("joints") if isinstance(content, dict) else None
    if not isinstance(joints, dict) or not joints:
        raise ValueError("joints by name (`joints: {hip: {}, left_knee: {parent: hip}}`) are needed")
    names = tuple(str(name) for name in joints)
    described = [_described(name, own) for name, own in zip(names, joints.values(), strict=True)]
    unknown = [
        (name, parent)
        for name, (parent, _) in zip(names, described, strict=True)
        if parent not in (None, *names)
    ]
    if unknown:
        raise ValueError(
            f"joint {unknown[0][0]!r} hangs from {unknown[0][1]!r}, which is no joint of the file"
        )
    parents = tuple(-1 if parent is None else names.index(parent) for parent, _ in described)
    skeleton = Skeleton(
        name=str(content.get("name", stem)),
        joints=names,
        parents=parents,
        pairs=_pairs(names, content.get("pairs")),
    )
    return MarkedSkeleton(skeleton=skeleton, markers=tuple(markers for _, markers in described))


def _described(name: str, own: Any) -> tuple[str | None, tuple[str, ...]]:
    """(parent, markers) of one joint."""
    own = {} if own is None else own
    if not isinstance(own, dict) or not set(own) <= {"parent", "markers"}:
        raise ValueError(f"joint {name!r} is {own!r}; `parent` and `markers` are what it can have")
    markers = own.get("markers", name)
    markers = [markers] if not isinstance(markers, list) else markers
    if not markers:
        raise ValueError(f"joint {name!r} has no markers; at least 1 is needed")
    return own.get("parent"), tuple(str(marker) for marker in markers)


def _pairs(names: tuple[str, ...], given: Any) -> tuple[tuple[int, int], ...]:
    if given is None:
        twins = ((name, "right_" + name.removeprefix("left_")) for name in names if name.startswith("left_"))
        found = [(left, right) for left, right in twins if right in names]
    else:
        found = [(str(pair[0]), str(pair[1])) for pair in given if isinstance(pair, list) and len(pair) == 2]
        missing = [name for pair in found for name in pair if name not in names]
        if missing or len(found) != len(given):
            raise ValueError("pairs must be lists of two joints each, the left one first")
    return tuple((names.index(left), names.index(right)) for left, right in found)
