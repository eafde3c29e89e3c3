"""Which points of a body the motion image shows: head and trunk, arms, legs, named alike in every skeleton.

Layouts call a joint by different names, or lack it: a foot stands for an ankle, a hand for a wrist, and the
middle of both hips for a hip center.
"""

from dataclasses import dataclass
from functools import lru_cache

from lifting.skeleton import Skeleton

__all__ = ["Limbs", "limbs_of"]

Joints = tuple[int, ...]

# A point is the first of these joints that the skeleton has; the names of arms and legs follow a side.
_TRUNK = {
    "head": ("head", "head_top", "nose"),
    "neck": ("neck", "shoulder_center", "thorax", "upper_neck"),
    "spine": ("spine", "torso"),
}
_ARM = {
    "shoulder": ("shoulder",),
    "elbow": ("elbow",),
    "wrist": ("wrist", "hand"),
    "hand": ("hand", "index"),
}
_LEG = {"knee": ("knee",), "ankle": ("ankle", "foot")}
_BONES = (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
_HIP = ("hip_center", "mid_hip", "hip")
_FEWEST = 6
"""Points that a human layout has at least; with fewer, every joint of the tree is shown."""


@dataclass(frozen=True, kw_only=True)
class Limbs:
    """The points of one person.

    Attributes:
        names: of the points, in the order of the image's rows.
        points: the joints whose mean each point is.
        hip: the joints whose mean is the hip center, one of the points.
        across: (left, right) joints of hips and shoulders; none where the skeleton has neither.
        bones: (upper, lower) joints of upper arms, forearms, thighs and shanks; all bones of a tree without.
    """

    names: tuple[str, ...]
    points: tuple[Joints, ...]
    hip: Joints
    across: tuple[tuple[int, int], ...]
    bones: tuple[tuple[int, int], ...]


@lru_cache
def limbs_of(skeleton: Skeleton) -> Limbs:
    """The points of a skeleton, head and trunk first, then left arm, right arm, left leg, right leg."""
    hip = _hip(skeleton)
    named = {
        **_found(skeleton, _TRUNK, ""),
        "hip": hip,
        **_found(skeleton, _ARM, "left_"),
        **_found(skeleton, _ARM, "right_"),
        **_found(skeleton, _LEG, "left_"),
        **_found(skeleton, _LEG, "right_"),
    }
    if len(named) < _FEWEST:
        others = [joint for joint in range(skeleton.num_joints) if (joint,) != hip]
        named = {"hip": hip, **{skeleton.joints[joint]: (joint,) for joint in others}}
    return Limbs(
        names=tuple(skeleton.joints[one[0]] if len(one) == 1 else "hips" for one in named.values()),
        points=tuple(named.values()),
        hip=hip,
        across=tuple(
            (skeleton.joints.index(f"left_{name}"), skeleton.joints.index(f"right_{name}"))
            for name in ("hip", "shoulder")
            if {f"left_{name}", f"right_{name}"} <= set(skeleton.joints)
        ),
        bones=_limb_bones(skeleton) or skeleton.bones,
    )


def _found(skeleton: Skeleton, wanted: dict[str, tuple[str, ...]], side: str) -> dict[str, Joints]:
    """The points that the skeleton has; no joint stands for two of them."""
    found: dict[str, Joints] = {}
    for name, choices in wanted.items():
        joints = [side + choice for choice in choices if side + choice in skeleton.joints]
        if joints and (place := (skeleton.joints.index(joints[0]),)) not in found.values():
            found[side + name] = place
    return found


def _hip(skeleton: Skeleton) -> Joints:
    for name in _HIP:
        if name in skeleton.joints:
            return (skeleton.joints.index(name),)
    both = tuple(joint for joint, name in enumerate(skeleton.joints) if name in ("left_hip", "right_hip"))
    return both or (skeleton.root,)


def _limb_bones(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    """Both sides' upper arms, forearms, thighs and shanks; empty unless the skeleton has all eight."""
    bones = []
    for side in ("left_", "right_"):
        found = _found(skeleton, {**_ARM, "hip": ("hip",), **_LEG}, side)
        for upper, lower in _BONES:
            if side + upper not in found or side + lower not in found:
                return ()
            bones.append((found[side + upper][0], found[side + lower][0]))
    return tuple(bones)
