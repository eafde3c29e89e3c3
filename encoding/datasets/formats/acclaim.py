"""ASF/AMC folders (CMU, HDM05): a skeleton, and motions whose names begin with its own."""

from functools import cache, partial
from pathlib import Path

import numpy as np

from encoding.datasets.formats.axes import turned, up_words
from encoding.datasets.formats.bvh import hierarchy_layout
from encoding.datasets.formats.entry import Format, ImportOptions, Recordings, Up
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.named_points import JointChoice, pick_joints
from encoding.datasets.formats.takes import Motion, plan_takes, read_takes
from lifting.asf_amc import AsfSkeleton, read_amc, read_asf
from lifting.mocap_skeletons import ASF_31, ASF_NAMES
from lifting.skeleton_file import find_skeleton

__all__ = ["FORMAT"]

# Neither file says the rate; this is that of CMU and HDM05.
FPS = 120.0


def recognize(path: Path) -> bool:
    """Whether there is an .amc, and an .asf with the keyword of one."""
    skeletons = files_of(path if path.is_dir() else path.parent, ".asf")
    return bool(files_of(path, ".amc")) and any(b":root" in one.read_bytes() for one in skeletons[:1])


def open_acclaim(root: Path, options: ImportOptions) -> Recordings:
    """All .amc files of a folder, each with the .asf that its name begins with."""
    takes = plan_takes(root, files_of(root, ".amc"), options.labels)
    choice = _choice(_skeleton(_skeleton_of(takes.files[0].path)), options.skeleton)
    up: Up = options.up or "y"
    fps = options.fps or FPS
    return Recordings(
        items=takes.files,
        read=partial(read_takes, read=partial(_read, choice=choice, up=up, fps=fps)),
        skeleton=choice.skeleton,
        unit="inches divided by the file's length unit",
        axes=up_words(up),
        rate=f"{fps:g} frames/s" + ("" if options.fps else " (assumed: the files do not say)"),
        protocols=takes.protocols,
        left_out=takes.left_out,
        heavy=True,
    )


def _skeleton_of(motion: Path) -> Path:
    """The .asf beside it whose name is the longest beginning of its own; else the only one.

    Raises:
        ValueError: there is none.
    """
    beside = files_of(motion.parent, ".asf")
    fitting = [one for one in beside if motion.stem.startswith(one.stem)] or (
        beside if len(beside) == 1 else []
    )
    if not fitting:
        raise ValueError(f"{motion} has no skeleton beside it; {motion.stem.rsplit('_', 1)[0]}.asf is needed")
    return max(fitting, key=lambda path: len(path.stem))


@cache
def _skeleton(path: Path) -> AsfSkeleton:
    return read_asf(path)


def _choice(skeleton: AsfSkeleton, given: str | None) -> JointChoice:
    if given is not None:
        marked = find_skeleton(given)
        return JointChoice(skeleton=marked.skeleton, markers=marked.markers, left_out=())
    names = ["root", *(bone.name for bone in skeleton.bones)]
    if set(names) == set(ASF_NAMES):
        return JointChoice(skeleton=ASF_31, markers=tuple((name,) for name in ASF_NAMES), left_out=())
    parents = [-1, *(names.index(bone.parent) for bone in skeleton.bones)]
    layout = hierarchy_layout(f"asf_{len(names)}", names, parents)
    return JointChoice(skeleton=layout, markers=tuple((name,) for name in names), left_out=())


def _read(path: Path, *, choice: JointChoice, up: Up, fps: float) -> Motion:
    xyz = _skeleton(_skeleton_of(path)).positions(read_amc(path))
    joints = pick_joints(np.stack(list(xyz.values()), axis=1), list(xyz), choice, path.name)
    return Motion(points=turned(joints, up)[:, None], fps=fps)


FORMAT = Format(
    name="amc",
    title="ASF/AMC motion",
    looks_like=".amc files with an .asf beside them",
    recognize=recognize,
    open=open_acclaim,
    options=("labels", "skeleton", "fps", "up"),
)
