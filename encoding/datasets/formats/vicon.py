"""Vicon Nexus's CSV: a section `Trajectories` with rate, names above every third column, axes, units, frames.

Other sections (Devices, Model Outputs) may stand before or after. z points up.
"""

import csv
import io
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.axes import UNIT_WORDS, turned, unit_of, up_words
from encoding.datasets.formats.entry import MILLIMETERS, Format, ImportOptions, Recordings, Up
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.named_points import JointChoice, choose_joints, pick_joints
from encoding.datasets.formats.takes import Motion, plan_takes, read_takes
from lifting.reading import guarded, read_text

__all__ = ["FORMAT"]

_SECTION = "Trajectories"


def recognize(path: Path) -> bool:
    """Whether a line of a .csv is the section's name."""
    first = next(iter(files_of(path, ".csv")), None)
    if first is None:
        return False
    with first.open(encoding="utf-8-sig", errors="replace") as file:
        return any(line.strip(' ",\r\n') == _SECTION for line in file)


def _read_table(path: Path) -> tuple[NDArray[np.float64], tuple[str, ...], float, str]:
    """Markers (T, N, 3) in the file's unit, NaN where missing; names; frames per second; unit."""
    with guarded(path, "a CSV of Vicon Nexus"):
        rows = list(csv.reader(io.StringIO(read_text(path))))
        start = next(n for n, row in enumerate(rows) if row and row[0].strip() == _SECTION)
        fps = float(rows[start + 1][0])
        names = tuple(cell.strip() for cell in rows[start + 2][2:] if cell.strip())
        units = [cell.strip() for cell in rows[start + 4][2:] if cell.strip()]
        frames = []
        for number, row in enumerate(rows[start + 5 :], start=start + 6):
            if not any(cell.strip() for cell in row):
                break
            cells = row[2 : 2 + 3 * len(names)]
            if len(cells) < 3 * len(names):
                cells += [""] * (3 * len(names) - len(cells))  # empty cells at the end are left out
            if any(cell.strip() for cell in row[2 + 3 * len(names) :]):
                raise ValueError(f"{path}, line {number} is wider than its {len(names)} markers need")
            frames.append([float(cell) if cell.strip() else float("nan") for cell in cells])
        if not frames or not names:
            raise ValueError(f"{path} has {len(names)} markers and {len(frames)} frames in its {_SECTION}")
        values = np.array(frames).reshape(len(frames), len(names), 3)
        return values, names, fps, unit_of(units[0] if units else "mm", str(path))


def open_vicon(root: Path, options: ImportOptions) -> Recordings:
    """All .csv files of a folder, or one."""
    takes = plan_takes(root, files_of(root, ".csv"), options.labels)
    _, names, fps, unit = _read_table(takes.files[0].path)
    choice = choose_joints(names, options.skeleton, "vicon")
    up: Up = options.up or "z"
    return Recordings(
        items=takes.files,
        read=partial(read_takes, read=partial(_read, choice=choice, options=options, up=up)),
        skeleton=choice.skeleton,
        unit=UNIT_WORDS[options.unit or unit],
        axes=up_words(up),
        rate=f"{options.fps or fps:g} frames/s",
        protocols=takes.protocols,
        left_out=takes.left_out + choice.sentence(),
        heavy=True,
    )


def _read(path: Path, *, choice: JointChoice, options: ImportOptions, up: Up) -> Motion:
    points, names, fps, unit = _read_table(path)
    joints = pick_joints(points * MILLIMETERS[options.unit or unit], names, choice, path.name)
    return Motion(points=turned(joints, up)[:, None], fps=options.fps or fps)


FORMAT = Format(
    name="vicon",
    title="Vicon Nexus trajectories",
    looks_like=".csv files with a section Trajectories",
    recognize=recognize,
    open=open_vicon,
    options=("labels", "skeleton", "fps", "unit", "up"),
)
