"""Motion capture as its makers give it: ASF and AMC files in folders, at 120 frames a second."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np

from lifting.asf_amc import AsfSkeleton, read_amc, read_asf
from lifting.datasets.mocap import Recording
from lifting.mapping import map_joints
from lifting.mocap_skeletons import ASF_31, ASF_NAMES
from lifting.skeleton import H36M_17

CAPTURED_FPS, FPS = 120.0, 30.0
UP = (0.0, 1.0, 0.0)


def find_clips(root: Path) -> Iterator[tuple[Path, Path]]:
    """(skeleton, motion) of every .amc below a folder, in the order of their names.

    A motion belongs to the skeleton in the same folder with whose name its own begins, as 02_05.amc to 02.asf
    and HDM_bd_squat_001_120.amc to HDM_bd.asf.
    """
    for skeleton in sorted(root.rglob("*.asf")):
        for motion in sorted(skeleton.parent.glob(f"{skeleton.stem}_*.amc")):
            yield skeleton, motion


def read_recording(skeleton: Path, motion: Path, *, name: str, subject: str, action: str) -> Recording:
    """One clip on the 17 joints of Human3.6M at 30 frames a second: every fourth of the file.

    Raises:
        ValueError: a file cannot be read, they do not belong together, or a bone that is needed is not there.
    """
    xyz = _skeleton(skeleton).positions(read_amc(motion))
    missing = [bone for bone in ASF_NAMES if bone not in xyz]
    if missing:
        raise ValueError(
            f"{skeleton} has no bone {', '.join(missing)}; the skeleton of CMU and HDM05 is needed"
        )
    joints = np.stack([xyz[bone] for bone in ASF_NAMES], axis=1)[:: round(CAPTURED_FPS / FPS)]
    return Recording(
        name=name,
        subject=subject,
        action=action,
        xyz=map_joints(joints, ASF_31, H36M_17).astype(np.float64),
        up=UP,
        fps=FPS,
        skeleton=H36M_17,
    )


@cache
def _skeleton(path: Path) -> AsfSkeleton:
    return read_asf(path)
