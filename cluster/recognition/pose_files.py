"""Files of poses to be recognized: one clip as `posenas lift run` writes it, or a data set of many."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encoding.datasets.npz import LAYOUT, load_clips, read_skeleton
from lifting.npz import read_npz
from lifting.poses import PoseSequence3D
from lifting.reading import guarded
from lifting.skeleton import Skeleton

__all__ = ["NamedClip", "read_pose_file"]

NEEDED = ("xyz", "skeleton", "fps")


@dataclass(frozen=True, eq=False, kw_only=True)
class NamedClip:
    """A clip of a file.

    Attributes:
        name: of the clip; of a single one the file's.
        poses: millimetres.
        action: what the file says that it shows; None where it does not.
    """

    name: str
    poses: PoseSequence3D
    action: str | None


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
    arrays = read_npz(path, kind, {"offsets", *NEEDED, *LAYOUT})
    if "offsets" in arrays:
        split = load_clips(path, validation_fraction=0)
        return [
            NamedClip(name=clip.name, poses=clip.poses, action=split.class_names[clip.label])
            for clip in split.clips
        ]
    missing = sorted(set(NEEDED) - set(arrays))
    if missing:
        raise ValueError(
            f"{path} lacks {', '.join(missing)}; a clip needs xyz (T, J, 3) in millimetres, skeleton and "
            "fps, as `posenas lift run` writes them"
        )
    with guarded(path, kind):
        skeleton = read_skeleton(path, arrays, known)
        xyz = np.asarray(arrays["xyz"], np.float32)
        poses = PoseSequence3D(xyz=xyz, fps=float(arrays["fps"]), skeleton=skeleton)
    return [NamedClip(name=path.stem, poses=poses, action=None)]
