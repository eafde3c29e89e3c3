"""BVH: joint angles of a hierarchy, which the file itself names; its length unit is its own.

The unit is guessed from the height of the body where it is not given. Rates: mostly 30 to 120.
"""

import re
from functools import partial
from pathlib import Path

from encoding.datasets.formats.axes import UNIT_WORDS, guess_unit, turned, up_words
from encoding.datasets.formats.entry import MILLIMETERS, Format, ImportOptions, Recordings, Up
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.named_points import JointChoice, LayoutError, pick_joints
from encoding.datasets.formats.takes import Motion, plan_takes, read_takes
from lifting.bvh import Bvh, read_bvh
from lifting.skeleton import Skeleton
from lifting.skeleton_file import find_skeleton

__all__ = ["FORMAT", "hierarchy_layout"]

# cgspeed's conversion of CMU's motion capture: inches times 0.45.
_CMU_UNIT_MM = 25.4 / 0.45


def recognize(path: Path) -> bool:
    """Whether a .bvh begins with its keyword."""
    first = next(iter(files_of(path, ".bvh")), None)
    return first is not None and b"HIERARCHY" in first.read_bytes()[:200].upper()


def open_bvh(root: Path, options: ImportOptions) -> Recordings:
    """All .bvh files of a folder, or one; the first says the hierarchy that all must have."""
    takes = plan_takes(root, files_of(root, ".bvh"), options.labels)
    first = takes.files[0].path
    motion = read_bvh(first)
    choice = _choice(motion, options.skeleton)
    scale, words = _scale(motion, options.unit, first)
    up: Up = options.up or "y"
    read = partial(_read, choice=choice, scale=scale, up=up, fps=options.fps)
    return Recordings(
        items=takes.files,
        read=partial(read_takes, read=read),
        skeleton=choice.skeleton,
        unit=words,
        axes=up_words(up),
        rate=f"{options.fps or 1 / motion.frame_time:.4g} frames/s",
        protocols=takes.protocols,
        left_out=takes.left_out,
        heavy=True,
    )


def _scale(motion: Bvh, unit: str | None, path: Path) -> tuple[float, str]:
    """Millimeters of one unit of the file, and words for it."""
    if unit is not None:
        return MILLIMETERS[unit], UNIT_WORDS[unit]
    points = motion.positions()[:200]
    guessed = guess_unit(points)
    if guessed is not None:
        return MILLIMETERS[guessed], f"{UNIT_WORDS[guessed]} (guessed from the height of the body)"
    if guess_unit(points * _CMU_UNIT_MM) == "mm":
        return _CMU_UNIT_MM, "inches x 0.45, as in CMU's files (guessed from the height of the body)"
    raise ValueError(
        f"{path}: in no unit (m, cm, mm, in) is the body as tall as a person; the unit must be given"
    )


def _choice(motion: Bvh, skeleton: str | None) -> JointChoice:
    if skeleton is not None:
        marked = find_skeleton(skeleton)
        return JointChoice(skeleton=marked.skeleton, markers=marked.markers, left_out=())
    kept = [n for n, joint in enumerate(motion.joints) if not joint.name.endswith(" end")]
    names = [motion.joints[n].name for n in kept]
    parents = [kept.index(p) if (p := motion.joints[n].parent) >= 0 else -1 for n in kept]
    return JointChoice(
        skeleton=hierarchy_layout(f"bvh_{len(kept)}", names, parents),
        markers=tuple((name.rsplit(":", 1)[-1].strip(),) for name in names),
        left_out=(),
    )


def hierarchy_layout(name: str, joints: list[str], parents: list[int]) -> Skeleton:
    """A layout of joints that a file itself names and joins; left and right in the names make the pairs."""
    plain = [_plain(joint) for joint in joints]
    if len(set(plain)) < len(plain):
        plain = [f"{joint}_{number}" for number, joint in enumerate(plain)]
    pairs = tuple(
        (number, plain.index(twin))
        for number, joint in enumerate(plain)
        if joint.startswith("left_") and (twin := "right_" + joint.removeprefix("left_")) in plain
    )
    return Skeleton(name=name, joints=tuple(plain), parents=tuple(parents), pairs=pairs)


def _plain(name: str) -> str:
    """LeftUpLeg, L_Thigh, lThigh, mixamorig:LeftLeg as left_up_leg, left_thigh, left_thigh, left_leg."""
    bare = name.rsplit(":", 1)[-1].strip()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\s._-]+", "_", bare).strip("_").lower()
    for short, side in (("l_", "left_"), ("r_", "right_")):
        if words.startswith(short):
            return side + words.removeprefix(short)
        if words.endswith("_" + short[0]):
            return side + words.removesuffix("_" + short[0])
    for side in ("left", "right"):
        if words.startswith(side) and not words.startswith(side + "_") and words != side:
            return f"{side}_{words.removeprefix(side)}"
    return words or "joint"


def _read(path: Path, *, choice: JointChoice, scale: float, up: Up, fps: float | None) -> Motion:
    motion = read_bvh(path)
    names = [joint.name for joint in motion.joints]
    joints = pick_joints(motion.positions() * scale, names, choice, path.name)
    if len(joints) == 0:
        raise LayoutError(f"{path} has no frame; at least 1 is needed")
    return Motion(points=turned(joints, up)[:, None], fps=fps or 1 / motion.frame_time)


FORMAT = Format(
    name="bvh",
    title="BVH motion",
    looks_like=".bvh files that begin with HIERARCHY",
    recognize=recognize,
    open=open_bvh,
    options=("labels", "skeleton", "fps", "unit", "up"),
)
