"""FreeMoCap's .npy: (frames, 33 or 553, 3), millimeters, in MediaPipe's order.

The first 33 of 553 points are the body.
The file says neither rate nor axes. The upright axis is the one along which heads are above feet.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.axes import UNIT_WORDS, guess_up, turned, up_words
from encoding.datasets.formats.entry import MILLIMETERS, Format, ImportOptions, Recordings, Up
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.takes import Motion, plan_takes, read_takes
from lifting.reading import guarded
from lifting.skeleton import MEDIAPIPE_33

__all__ = ["FORMAT"]

FPS = 30.0
_POINTS = (33, 553)


def _load(path: Path) -> NDArray[Any]:
    with guarded(path, "a numpy array of FreeMoCap"):
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        if values.ndim != 3 or values.shape[1] not in _POINTS or values.shape[2] != 3:
            raise ValueError(f"{path} has shape {values.shape}; (frames, 33 or 553, 3) is needed")
        return values


def recognize(path: Path) -> bool:
    """Whether a .npy has the shape of one."""
    first = next(iter(files_of(path, ".npy")), None)
    if first is None:
        return False
    try:
        _load(first)
    except ValueError:
        return False
    return True


def open_freemocap(root: Path, options: ImportOptions) -> Recordings:
    """All .npy files of a folder, or one."""
    takes = plan_takes(root, files_of(root, ".npy"), options.labels)
    first = np.asarray(_load(takes.files[0].path)[:, :33], np.float64)
    up: Up = options.up or guess_up(first, MEDIAPIPE_33)
    fps, unit = options.fps or FPS, options.unit or "mm"
    return Recordings(
        items=takes.files,
        read=partial(read_takes, read=partial(_read, up=up, fps=fps, scale=MILLIMETERS[unit])),
        skeleton=MEDIAPIPE_33,
        unit=UNIT_WORDS[unit],
        axes=up_words(up, "" if options.up else " (as heads are above feet)"),
        rate=f"{fps:g} frames/s" + ("" if options.fps else " (assumed: the files do not say)"),
        protocols=takes.protocols,
        left_out=takes.left_out,
    )


def _read(path: Path, *, up: Up, fps: float, scale: float) -> Motion:
    points = np.array(_load(path)[:, :33], np.float64) * scale
    return Motion(points=turned(points, up)[:, None], fps=fps)


FORMAT = Format(
    name="freemocap",
    title="FreeMoCap",
    looks_like=".npy of shape (frames, 33 or 553, 3)",
    recognize=recognize,
    open=open_freemocap,
    options=("labels", "fps", "unit", "up"),
)
