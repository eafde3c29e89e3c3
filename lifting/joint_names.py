"""Joints by the names that programs give them: RHip, right_hip, SpineBase and mid-hip in one vocabulary.

From such names a layout follows: the known one whose joints they are, else one of the named joints alone,
each hanging from the nearest joint above it that is there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lifting.skeleton import SKELETONS, Skeleton

__all__ = ["NamedLayout", "joint_name", "layout_of"]

# What programs call the same joint, once sides are taken off.
_SAME = {
    "chip": "hip", "midhip": "hip", "hips": "hip", "pelvis": "hip", "hipcenter": "hip", "hipscenter": "hip",
    "spinebase": "hip", "root": "hip", "basespine": "hip",
    "spinemid": "spine", "midspine": "spine", "torso": "spine", "spine": "spine",
    "spineshoulder": "thorax", "shouldercenter": "thorax", "thorax": "thorax", "chest": "thorax",
    "upperneck": "neck", "neck": "neck", "headtop": "head", "head": "head", "nose": "nose",
    "bigtoe": "big_toe", "smalltoe": "small_toe", "littletoe": "small_toe", "toe": "foot", "toes": "foot",
    "footindex": "foot_index", "handtip": "hand_tip", "eyeinner": "eye_inner", "eyeouter": "eye_outer",
    "mouthleft": "left_mouth", "mouthright": "right_mouth",
}  # fmt: skip
_SIDES = (("left", "left_"), ("right", "right_"), ("l", "left_"), ("r", "right_"))

# Each joint's ancestors, the nearest first.
_TRUNK = ("thorax", "neck", "spine", "hip", "head", "nose")
_ABOVE: dict[str, tuple[str, ...]] = {
    "hip": (), "spine": ("hip",), "thorax": ("spine", "hip"), "neck": ("thorax", "spine", "hip"),
    "head": ("neck", "thorax", "spine", "hip"), "nose": ("head", "neck", "thorax", "spine", "hip"),
}  # fmt: skip
_ABOVE_SIDED: dict[str, tuple[str, ...]] = {
    "shoulder": ("clavicle", *_TRUNK), "clavicle": _TRUNK, "elbow": ("shoulder",), "wrist": ("elbow",),
    "hand": ("wrist",), "hand_tip": ("hand", "wrist"), "thumb": ("hand", "wrist"), "index": ("hand", "wrist"),
    "pinky": ("hand", "wrist"),
    "hip": ("hip/", "spine", "shoulder", "neck", "thorax", "nose"), "knee": ("hip",), "ankle": ("knee",),
    "foot": ("ankle",), "heel": ("ankle",), "big_toe": ("ankle",), "small_toe": ("big_toe", "ankle"),
    "foot_index": ("ankle",), "eye": ("nose", "head", "neck"), "ear": ("eye", "nose", "head", "neck"),
    "eye_inner": ("nose", "head"), "eye_outer": ("eye", "nose"), "mouth": ("nose", "head"),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class NamedLayout:
    """A layout made of names.

    Attributes:
        skeleton: its joints.
        columns: for each joint the index of its name among those that were given.
        left_out: the other names.
    """

    skeleton: Skeleton
    columns: tuple[int, ...]
    left_out: tuple[str, ...]


def joint_name(name: str) -> str | None:
    """The joint that a program's name means, as `right_hip` or `neck`; None where it is not known."""
    plain = re.sub(r"[^a-z]", "", name.lower())
    if plain in ("lefthips", "righthips"):
        plain = plain.removesuffix("s")
    for word, side in _SIDES:
        for rest in (plain.removeprefix(word), plain.removesuffix(word)):
            if rest == plain or not rest:
                continue
            joint = _SAME.get(rest, rest)
            if joint in _ABOVE_SIDED and (joint != "hip" or rest == "hip"):
                return side + joint
    return _SAME.get(plain)


def layout_of(names: Sequence[str], source: str) -> NamedLayout:
    """The layout of joints that go by these names.

    Args:
        names: of joints or markers, in the order of the file; a subject's prefix ("anna:RHip") is dropped.
        source: a word for the name of a layout that is not known, as "trc".

    Raises:
        ValueError: fewer than five names are of joints, or they do not hang together.
    """
    bare = [name.rsplit(":", 1)[-1].strip() for name in names]
    exact = {name.lower().replace(" ", "_"): column for column, name in enumerate(bare)}
    for skeleton in SKELETONS.values():
        if set(skeleton.joints) <= set(exact) and len(exact) == len(skeleton.joints):
            return NamedLayout(
                skeleton=skeleton, columns=tuple(exact[joint] for joint in skeleton.joints), left_out=()
            )
    meant: dict[str, int] = {}
    left_out: list[str] = []
    for column, name in enumerate(bare):
        joint = joint_name(name)
        if joint is None or joint in meant:
            left_out.append(name)
        else:
            meant[joint] = column
    known = _known(meant)
    if known is not None:
        return NamedLayout(skeleton=known[0], columns=known[1], left_out=tuple(left_out))
    return NamedLayout(
        skeleton=_own(meant, names, source), columns=tuple(meant.values()), left_out=tuple(left_out)
    )


def _known(meant: dict[str, int]) -> tuple[Skeleton, tuple[int, ...]] | None:
    """The layout whose joints mean just these, with where each stands."""
    for skeleton in SKELETONS.values():
        joints = [joint_name(joint) for joint in skeleton.joints]
        if None not in joints and set(joints) == set(meant) and len(set(joints)) == len(joints):
            return skeleton, tuple(meant[str(joint)] for joint in joints)
    return None


def _own(meant: dict[str, int], names: Sequence[str], source: str) -> Skeleton:
    if len(meant) < 5:
        came = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        raise ValueError(
            f"the names {came} do not say which joints they are ({len(meant)} are known, at least 5 are "
            "needed); describe them in a YAML file and name it as the skeleton"
        )
    joints = tuple(meant)
    parents = [_parent(joint, meant) for joint in joints]
    roots = [joint for joint, parent in zip(joints, parents, strict=True) if parent is None]
    root = min(roots, key=lambda joint: (joint.startswith(("left_", "right_")), joints.index(joint)))
    return Skeleton(
        name=f"{source}_{len(joints)}",
        joints=joints,
        # A limb whose upper end is missing hangs from the root, so that the joints are one tree.
        parents=tuple(
            -1 if joint == root else joints.index(parent or root)
            for joint, parent in zip(joints, parents, strict=True)
        ),
        pairs=tuple(
            (joints.index(joint), joints.index(twin))
            for joint in joints
            if joint.startswith("left_") and (twin := "right_" + joint.removeprefix("left_")) in meant
        ),
    )


def _parent(joint: str, meant: dict[str, int]) -> str | None:
    """The nearest joint above that is there."""
    side, _, rest = joint.partition("_")
    if side not in ("left", "right"):
        return next((above for above in _ABOVE[joint] if above in meant), None)
    for above in _ABOVE_SIDED[rest]:
        middle = above.removesuffix("/")
        if not above.endswith("/") and f"{side}_{above}" in meant and above != rest:
            return f"{side}_{above}"
        if middle in _ABOVE and middle in meant:
            return middle
    return None
