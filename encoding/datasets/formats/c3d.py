"""C3D: markers of motion capture systems, read by the package c3d (`pip install 'posenas[c3d]'`).

POINT:UNITS and POINT:RATE say unit and rate, POINT:Y_SCREEN which axis points up on the screen (mostly +Z).
Markers are named by the laboratory, often with the subject before a colon; a missing one has residual -1.
"""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.axes import UNIT_WORDS, turned, unit_of, up_words
from encoding.datasets.formats.entry import MILLIMETERS, Format, ImportOptions, Recordings, Up
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.named_points import JointChoice, choose_joints, pick_joints
from encoding.datasets.formats.takes import Motion, plan_takes, read_takes
from lifting.reading import guarded

__all__ = ["FORMAT", "read_c3d"]


def recognize(path: Path) -> bool:
    """Whether a .c3d has 0x50 as its second byte, which all have."""
    first = next(iter(files_of(path, ".c3d")), None)
    return first is not None and first.read_bytes()[1:2] == b"\x50"


def read_c3d(path: Path) -> tuple[NDArray[np.float32], tuple[str, ...], float, str, Up]:
    """Markers (T, N, 3) in the file's unit, NaN where missing; names; frames per second; unit; up.

    Raises:
        ImportError: the package is not installed; says how.
        ValueError: it is no C3D, is cut off, or holds no marker.
    """
    try:
        import c3d
    except ImportError as error:
        raise ImportError("C3D files need the package c3d: pip install 'posenas[c3d]'") from error
    with guarded(path, "a C3D file"), path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns of headers that differ from parameters
        reader: Any = c3d.Reader(file)
        names = tuple(str(label).strip() for label in reader.point_labels) if reader.point_used else ()
        if not names:
            raise ValueError(f"{path} has no markers (analog channels alone); at least 5 are needed")
        frames = [points[: len(names), :4] for _, points, _ in reader.read_frames(copy=True)]
        if not frames:
            raise ValueError(f"{path} has no frame; at least 1 is needed")
        values = np.stack(frames).astype(np.float32)
        points = np.where(values[..., 3:] < 0, np.float32(np.nan), values[..., :3])
        unit = unit_of(_text(reader, "POINT:UNITS") or "mm", str(path))
        return points, names, float(reader.point_rate), unit, _up(_text(reader, "POINT:Y_SCREEN"))


def _text(reader: Any, name: str) -> str:
    parameter = reader.get(name)
    return "" if parameter is None else str(parameter.string_value).strip()


def _up(screen: str) -> Up:
    """Z where the file does not say: it is so in nearly every laboratory."""
    known: dict[str, Up] = {"+Y": "y", "Y": "y", "-Y": "-y", "+X": "x", "X": "x"}
    return known.get(screen.upper(), "z")


def open_c3d(root: Path, options: ImportOptions) -> Recordings:
    """All .c3d files of a folder, or one."""
    takes = plan_takes(root, files_of(root, ".c3d"), options.labels)
    _, names, fps, unit, up = read_c3d(takes.files[0].path)
    choice = choose_joints(names, options.skeleton, "c3d")
    return Recordings(
        items=takes.files,
        read=partial(read_takes, read=partial(_read, choice=choice, options=options)),
        skeleton=choice.skeleton,
        unit=UNIT_WORDS[options.unit or unit],
        axes=up_words(options.up or up),
        rate=f"{options.fps or fps:g} frames/s",
        protocols=takes.protocols,
        left_out=takes.left_out + choice.sentence(),
        heavy=True,
    )


def _read(path: Path, *, choice: JointChoice, options: ImportOptions) -> Motion:
    points, names, fps, unit, up = read_c3d(path)
    joints = pick_joints(points * MILLIMETERS[options.unit or unit], names, choice, path.name)
    return Motion(points=turned(joints, options.up or up)[:, None], fps=options.fps or fps)


FORMAT = Format(
    name="c3d",
    title="C3D markers",
    looks_like=".c3d files",
    recognize=recognize,
    open=open_c3d,
    options=("labels", "skeleton", "fps", "unit", "up"),
)
