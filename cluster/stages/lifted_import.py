"""2D recordings lifted while they are imported: keypoints in, a data set of 3D poses out."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from cluster.stages.lifted_data import as_sensed
from encoding.datasets.formats.entry import RawClip
from encoding.datasets.importing import Conversion
from lifting.gaps import GapConfig
from lifting.lifter_folder import lifter_folder
from lifting.poses import Keypoints2D
from lifting.skeleton import Skeleton
from lifting.trained_lifter import TwoStreamLifter

__all__ = ["lifting_conversion"]

LOOKAHEAD = 15
"""Frames that a gap of keypoints may last to be filled."""


def lifting_conversion(lifter: Path) -> Conversion:
    """What an import does with each clip: lift one person to 3D, millimeters about the root, y up.

    Args:
        lifter: folder of a trained lifter, or of its run.

    Raises:
        FileNotFoundError: there is no lifter.
        ValueError: it is damaged.
    """
    folder = lifter_folder(lifter)
    trained = TwoStreamLifter.load(folder)

    def change(source: Skeleton, clip: RawClip) -> RawClip:
        return lift_raw(clip, source, trained)

    return Conversion(skeleton=trained.skeleton, change=change, name=f"lifted by {folder}", people=1)


def lift_raw(clip: RawClip, source: Skeleton, lifter: TwoStreamLifter) -> RawClip:
    """The clip's first person in 3D, from the first frame that can be lifted to the last.

    Raises:
        ValueError: the clip is 3D, the size of its picture is not known, or too few frames show the person.
    """
    if clip.points.shape[-1] != 2:
        raise ValueError(f"clip {clip.name!r} is 3D already; a lifter needs 2D points")
    if clip.image_size is None or clip.confidence is None:
        raise ValueError(f"clip {clip.name!r}: the size of the picture is needed to lift it")
    keypoints = Keypoints2D(
        xy=clip.points[:, 0],
        confidence=clip.confidence[:, 0],
        image_size=clip.image_size,
        fps=clip.fps,
        skeleton=source,
    )
    poses = as_sensed(lifter.lift(keypoints, gaps=GapConfig(lookahead=LOOKAHEAD)))
    known = np.flatnonzero(np.isfinite(poses.xyz).all(axis=(1, 2)))
    if len(known) < 2:
        raise ValueError(f"clip {clip.name!r} shows too little of a person to be lifted")
    xyz = poses.xyz[known[0] : known[-1] + 1]
    return replace(clip, points=xyz[:, None], confidence=None, image_size=None)
