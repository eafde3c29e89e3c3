"""Files of poses to be recognized: one clip as `posenas lift run` writes it, or a data set of many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from cluster.recognition.learned import LearnedPoses, common_axis
from encoding.datasets.npz import LAYOUT, read_clips, read_skeleton
from encoding.datasets.schema import AXES, MILLIMETERS
from encoding.people import keep_moving, with_people
from encoding.posture import Up, turned
from lifting.npz import read_npz
from lifting.poses import PoseSequence3D
from lifting.reading import guarded
from lifting.skeleton import Skeleton

__all__ = ["NamedClip", "PoseClaims", "claimed", "in_learned_axes", "read_pose_file", "read_pose_files"]

NEEDED = ("xyz", "skeleton", "fps")
UNITS = {**MILLIMETERS, "in": 25.4}
"""What a unit of the coordinates is in millimeters."""


@dataclass(frozen=True, eq=False, kw_only=True)
class NamedClip:
    """A clip of a file.

    Attributes:
        name: of the clip; of a single one the file's.
        poses: millimeters.
        action: what the file says that it shows; None where it does not.
        part: "train", "validation" or "test", as the file says; None where it does not.
        unit, up: of the coordinates in the file, as it says.
    """

    name: str
    poses: PoseSequence3D
    action: str | None
    part: str | None = None
    unit: str = "mm"
    up: Up = "y"


@dataclass(frozen=True, kw_only=True)
class PoseClaims:
    """What a user says of poses, whatever their file says.

    Attributes:
        up: the axis that points up.
        unit: of the coordinates: m, cm, mm or in.
        people: 1 or 2: those with the most motion are kept, or a second person is absent.
    """

    up: Up | None = None
    unit: str | None = None
    people: Literal[1, 2] | None = None


def claimed(clips: Sequence[NamedClip], claims: PoseClaims, learned: LearnedPoses | None) -> list[NamedClip]:
    """The clips of one file, read as it says, as they are by what the user says.

    With `up` they get the axis up that the model learned (y where it does not say).

    Raises:
        ValueError: `unit` is not known, or a claim is about depth and the clips are 2D.
    """
    if claims.unit is not None and claims.unit not in UNITS:
        raise ValueError(f"`unit` is {claims.unit!r}; one of {', '.join(UNITS)} is needed")
    return [replace(clip, poses=_claimed(clip, claims, learned)) for clip in clips]


def _claimed(clip: NamedClip, claims: PoseClaims, learned: LearnedPoses | None) -> PoseSequence3D:
    poses = clip.poses
    if poses.flat and (claims.up or claims.unit):
        raise ValueError(
            f"{clip.name!r} is a 2D clip, in pixels; `up` and `unit` are for 3D poses: leave them out"
        )
    if claims.unit is not None and claims.unit != clip.unit:
        factor = np.float32(UNITS[claims.unit] / UNITS[clip.unit])
        poses = PoseSequence3D(xyz=poses.xyz * factor, fps=poses.fps, skeleton=poses.skeleton)
    if claims.up is not None:
        if clip.up[-1] != "y":  # as the reader has turned it
            poses = turned(poses, "y", clip.up)
        poses = turned(poses, claims.up, (learned.up if learned else None) or "y")
    return poses if claims.people is None else with_people(poses, claims.people)


def in_learned_axes(
    clips: Sequence[NamedClip], learned: LearnedPoses | None
) -> tuple[list[NamedClip], str | None]:
    """The clips of one file with the axis up that a model learned, and a sentence where they were turned."""
    axes = common_axis([clip.poses for clip in clips], learned)
    if axes is None:
        return list(clips), None
    came, wanted = axes
    alike = [replace(clip, poses=turned(clip.poses, came, wanted)) for clip in clips]
    came_words, wanted_words = (f"{up[-1]} {'down' if up.startswith('-') else 'up'}" for up in axes)
    return alike, f"the poses have {came_words}; they are turned to {wanted_words}, as the model learned"


def read_pose_files(path: Path, known: Sequence[Skeleton] = ()) -> list[NamedClip]:
    """The clips of a .npz, or of every .npz in a folder; those of a folder bear the names of their files.

    Raises:
        FileNotFoundError: no such file, or the folder holds none.
        ValueError: as `read_pose_file`.
    """
    if not path.is_dir():
        return read_pose_file(path, known)
    files = sorted(file for file in path.rglob("*.npz") if not file.name.startswith("."))
    if not files:
        raise FileNotFoundError(f"{path} holds no .npz of poses")
    clips = []
    for file in files:
        found = read_pose_file(file, known)
        stem = file.relative_to(path).with_suffix("").as_posix()
        clips += [replace(clip, name=stem if len(found) == 1 else f"{stem}: {clip.name}") for clip in found]
    return clips


def read_pose_file(path: Path, known: Sequence[Skeleton] = ()) -> list[NamedClip]:
    """All clips of a .npz: arrays xyz, skeleton and fps of one clip, or a data set as docs/datasets.md says.

    Args:
        path: the file.
        known: layouts that the name in a file of one clip may mean, beside those that posenas has.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no .npz, is cut off, lacks an array, or holds what is no pose.
    """
    kind = "a readable .npz of poses"
    arrays = read_npz(path, kind, {"offsets", "unit", "axes", *NEEDED, *LAYOUT})
    if "offsets" in arrays:
        unit, axes = str(arrays.get("unit", "mm")), AXES.get(str(arrays.get("axes")), "y")
        return [
            NamedClip(name=clip.name, poses=clip.poses, action=action, part=part, unit=unit, up=axes)
            for clip, action, part in read_clips(path)
        ]
    missing = sorted(set(NEEDED) - set(arrays))
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}; a clip needs xyz (T, J, 3) in millimeters, skeleton and "
            "fps, as `posenas lift run` writes them"
        )
    with guarded(path, kind):
        unit, up = str(arrays.get("unit", "mm")), str(arrays.get("axes", "y up"))
        if unit not in MILLIMETERS or up not in AXES:
            raise ValueError(
                f"{path} has unit {unit!r} and axes {up!r}; one of {', '.join(MILLIMETERS)} and one of "
                f"{', '.join(AXES)} are needed"
            )
        skeleton = read_skeleton(path, arrays, known)
        xyz = np.asarray(arrays["xyz"], np.float32) * np.float32(MILLIMETERS[unit])
        if xyz.ndim == 4 and xyz.shape[1] > 2:
            xyz = keep_moving(xyz, 2)
        poses = PoseSequence3D(xyz=xyz, fps=float(arrays["fps"]), skeleton=skeleton)
    if up[0] != "y":  # as in a data set
        poses = turned(poses, AXES[up], "y")
    return [NamedClip(name=path.stem, poses=poses, action=None, unit=unit, up=AXES[up])]
