"""Motion capture kept as joint positions in one .npz: many clips end to end, with what each of them is.

Arrays: `positions` (N, J, 3) meters, y up; `offsets` (clips + 1,), where each clip begins; `joint_names`
(J,); and one
entry a clip of what tells them apart, such as `subject` and `description`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.datasets.mocap import Recording
from lifting.mapping import map_joints
from lifting.skeleton import H36M_17, Skeleton

UP = (0.0, 1.0, 0.0)
MILLIMETERS = 1000.0


class PositionFile:
    """One file of positions, checked.

    Args:
        path: the .npz file.
        joint_names: that the file must have, in this order.
        skeleton: the layout they make.
        per_clip: arrays of one entry a clip that the file must have.
        fps: frames per second; the files do not say.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no .npz, an array is missing or of another form, or a coordinate is not finite; says in
        which
            clip, at which frame and joint.
    """

    def __init__(
        self,
        path: Path,
        *,
        joint_names: Sequence[str],
        skeleton: Skeleton,
        per_clip: Sequence[str],
        fps: float,
    ) -> None:
        self.path, self.skeleton, self.fps = path, skeleton, fps
        self.arrays = _load(path, ("positions", "offsets", "joint_names", *per_clip))
        _check_form(path, self.arrays, joint_names, per_clip)
        _check_finite(path, self.arrays)

    @property
    def num_clips(self) -> int:
        """Of the file."""
        return len(self.arrays["offsets"]) - 1

    def recording(self, clip: int, *, name: str, subject: str, action: str) -> Recording:
        """One clip on the 17 joints of Human3.6M, millimeters."""
        start, stop = self.arrays["offsets"][clip : clip + 2]
        xyz = MILLIMETERS * self.arrays["positions"][start:stop].astype(np.float64)
        return Recording(
            name=name,
            subject=subject,
            action=action,
            xyz=map_joints(xyz, self.skeleton, H36M_17).astype(np.float64),
            up=UP,
            fps=self.fps,
            skeleton=H36M_17,
        )


def _load(path: Path, needed: Sequence[str]) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in needed if name not in file.files]
            if missing:
                raise ValueError(f"no array {', '.join(missing)}; {', '.join(needed)} are needed")
            return {name: file[name] for name in needed}
    except FileNotFoundError:
        raise
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f"{path} is no file of motion capture positions: {error}") from error


def _check_form(
    path: Path, arrays: dict[str, NDArray[Any]], joint_names: Sequence[str], per_clip: Sequence[str]
) -> None:
    positions, offsets = arrays["positions"], arrays["offsets"]
    names = tuple(str(name) for name in arrays["joint_names"])
    if names != tuple(joint_names):
        raise ValueError(f"{path} has the joints {', '.join(names)}; {', '.join(joint_names)} are needed")
    if positions.shape[1:] != (len(names), 3):
        raise ValueError(f"{path}: positions have shape {positions.shape}; (N, {len(names)}, 3) is needed")
    if len(offsets) < 2 or (offsets[0], offsets[-1]) != (0, len(positions)) or (np.diff(offsets) < 1).any():
        raise ValueError(f"{path}: offsets must rise from 0 to the {len(positions)} frames of positions")
    for name in per_clip:
        if arrays[name].shape != (len(offsets) - 1,):
            raise ValueError(
                f"{path}: {name} has shape {arrays[name].shape}; ({len(offsets) - 1},), one a clip, is needed"
            )


def _check_finite(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    bad = np.argwhere(~np.isfinite(arrays["positions"]))
    if bad.size:
        frame, joint, axis = (int(index) for index in bad[0])
        clip = int(np.searchsorted(arrays["offsets"], frame, side="right")) - 1
        raise ValueError(
            f"{path}: clip {clip}, frame {frame - int(arrays['offsets'][clip])}, joint "
            f"{arrays['joint_names'][joint]} is {arrays['positions'][frame, joint, axis]}; a finite position "
            "is needed: leave such frames out of the file"
        )
