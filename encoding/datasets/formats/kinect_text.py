"""Kinect 1 as text in the form of UTKinect-Action3D (Xia et al., CVPRW 2012).

A line a frame: its number, then x y z of 20 joints in meters. Where actionLabel.txt lies beside the folder of
joints, it cuts each recording into clips: a line "s01_e01", then "walk: 252 390" with first and last frame.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.axes import UNIT_WORDS, turned, up_words
from encoding.datasets.formats.entry import MILLIMETERS, Format, ImportOptions, RawClip, Recordings, Up
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.takes import Motion, Take, TakeFile, Takes, plan_takes, read_takes
from encoding.datasets.gaps import zeros_to_nan
from lifting.reading import guarded, read_text
from lifting.skeleton import KINECT_20

__all__ = ["FORMAT"]

FPS = 30.0
_WIDTH = 1 + 3 * KINECT_20.num_joints
_RECORDING = re.compile(r"s(\d+)_e(\d+)")
_ACTION = re.compile(r"(\w+):\s+(\d+)\s+(\d+)")
LABELS = "actionLabel.txt"


def _rows(path: Path) -> NDArray[np.float64]:
    """(T, 61); a frame that stands twice is taken once."""
    with guarded(path, "Kinect text of 20 joints"):
        rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
        wrong = next((n for n, row in enumerate(rows, start=1) if len(row) != _WIDTH), None)
        if wrong is not None or not rows:
            came = len(rows[wrong - 1]) if wrong else 0
            raise ValueError(
                f"{path}, line {wrong or 1} has {came} numbers; {_WIDTH} are needed "
                "(frame, x y z of 20 joints)"
            )
        values = np.array(rows, np.float64)
    return values[np.unique(values[:, 0], return_index=True)[1]]


def _texts(root: Path) -> list[Path]:
    return [path for path in files_of(root, ".txt") if path.name != LABELS]


def recognize(path: Path) -> bool:
    """Whether the first .txt has a first line of 61 numbers."""
    first = next(iter(_texts(path)), None)
    if first is None:
        return False
    with first.open(encoding="ascii", errors="replace") as file:
        words = file.readline().split()
    try:
        return len(words) == _WIDTH and all(float(word) is not None for word in words)
    except ValueError:
        return False


def open_kinect(root: Path, options: ImportOptions) -> Recordings:
    """The texts of a folder, cut as actionLabel.txt says where it is there and no table is given."""
    table = next((path for path in files_of(root, LABELS.lower()) if path.name == LABELS), None)
    paths = _texts(root)
    cut = table is not None and options.labels is None
    takes = _cut_by(table, paths) if cut and table else plan_takes(root, paths, options.labels)
    up: Up = options.up or "y"
    unit, fps = options.unit or "m", options.fps or FPS
    read = partial(_motion, up=up, scale=MILLIMETERS[unit], fps=fps)
    by_number = partial(_read_numbered, up=up, scale=MILLIMETERS[unit], fps=fps)
    return Recordings(
        items=takes.files,
        read=by_number if cut else partial(read_takes, read=read),
        skeleton=KINECT_20,
        unit=UNIT_WORDS[unit],
        axes=up_words(up),
        rate=f"{fps:g} frames/s" + ("" if options.fps else " (assumed: the files do not say)"),
        protocols=takes.protocols,
        left_out=takes.left_out,
    )


def _cut_by(table: Path, paths: list[Path]) -> Takes:
    """Takes whose start and end are numbers of frames."""
    recordings = {match[0]: path for path in paths if (match := _RECORDING.search(path.stem))}
    takes: dict[Path, list[Take]] = {}
    path, subject, name, lost = None, None, "", 0
    for line in read_text(table).splitlines():
        if (start := _RECORDING.search(line)) and ":" not in line:
            name, subject = start[0], int(start[1])
            path = recordings.get(name)
            continue
        action = _ACTION.match(line.strip())
        if action is None or path is None:
            lost += bool(line.strip())
            continue
        take = Take(
            name=f"{name}_{action[1]}",
            label=action[1],
            subject=subject,
            start=float(action[2]),
            end=float(action[3]),
        )
        takes.setdefault(path, []).append(take)
    if not takes:
        raise ValueError(f"{table} names no action of the recordings beside it, such as {paths[0].name}")
    files = tuple(TakeFile(path=one, takes=tuple(own)) for one, own in sorted(takes.items()))
    return Takes(
        files=files,
        protocols=(),
        left_out=(f"{lost} lines of {table.name} have no frames or no recording",) if lost else (),
    )


def _points(rows: NDArray[np.float64], up: Up, scale: float) -> NDArray[np.float32]:
    xyz = zeros_to_nan(rows[:, 1:].reshape(len(rows), -1, 3).astype(np.float32))
    return turned(xyz * np.float32(scale), up)[:, None]


def _motion(path: Path, *, up: Up, scale: float, fps: float) -> Motion:
    return Motion(points=_points(_rows(path), up, scale), fps=fps)


def _read_numbered(file: TakeFile, *, up: Up, scale: float, fps: float) -> list[RawClip]:
    rows = _rows(file.path)
    clips = []
    for take in file.takes:
        inside = (rows[:, 0] >= (take.start or 0)) & (rows[:, 0] <= (take.end or 0))
        if not inside.any():
            raise ValueError(f"{file.path.name} has no frame {take.start:g} to {take.end:g} of {take.label}")
        points = _points(rows[inside], up, scale)
        clips.append(RawClip(name=take.name, points=points, fps=fps, label=take.label, subject=take.subject))
    return clips


FORMAT = Format(
    name="kinect",
    title="Kinect 1 text, as of UTKinect",
    looks_like=".txt with lines of 61 numbers",
    recognize=recognize,
    open=open_kinect,
    options=("labels", "fps", "unit", "up"),
)
