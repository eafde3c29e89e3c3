"""TRC (Motion Analysis; OpenSim, Pose2Sim): markers over time as a table with five lines of header.

Line 3 holds rate, counts and unit, line 4 a name above every third column, line 5 X1 Y1 Z1; tabs or commas;
an empty line below the header in some files; an empty cell is a missing marker. The first frame is number 1.
"""

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

__all__ = ["FORMAT", "read_trc"]


def read_trc(path: Path) -> tuple[NDArray[np.float64], tuple[str, ...], float, str]:
    """Markers (T, N, 3) in the file's unit, NaN where missing; their names; frames per second; the unit.

    Raises:
        ValueError: it is no TRC, or a line is as wide as it should not be; says which.
    """
    with guarded(path, "a TRC file"):
        lines = read_text(path).splitlines()
        separator = "\t" if "\t" in lines[3] else "," if "," in lines[3] else None
        facts = dict(zip(lines[1].split(separator), lines[2].split(separator), strict=False))
        facts = {name.strip(): value.strip() for name, value in facts.items()}
        names = tuple(name.strip() for name in lines[3].split(separator)[2:] if name.strip())
        rows = [
            _row(path, number, line, separator, 2 + 3 * len(names))
            for number, line in enumerate(lines[5:], start=6)
            if line.strip()
        ]
        announced = int(float(facts["NumMarkers"]))
        if announced != len(names):
            raise ValueError(f"{path} announces {announced} markers and names {len(names)}")
        if not rows:
            raise ValueError(f"{path} has no frame; at least 1 is needed")
        values = np.array(rows)[:, 2:].reshape(len(rows), len(names), 3)
        return values, names, float(facts["DataRate"]), unit_of(facts["Units"], str(path))


def _row(path: Path, number: int, line: str, separator: str | None, width: int) -> list[float]:
    cells = line.split(separator)
    # Programs end a line with a separator, or leave out the empty cells at its end.
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    if separator is not None and width > len(cells) >= 5 and (len(cells) - 2) % 3 == 0:
        cells += [""] * (0 if any(cell.strip() for cell in cells[-3:]) else width - len(cells))
    if len(cells) != width:
        raise ValueError(f"{path}, line {number} has {len(cells)} columns; the header's markers need {width}")
    return [float(cell) if cell.strip() else float("nan") for cell in cells]


def recognize(path: Path) -> bool:
    """Whether a .trc begins as one."""
    first = next(iter(files_of(path, ".trc")), None)
    return first is not None and first.read_bytes()[:40].lstrip(b"\xef\xbb\xbf").startswith(b"PathFileType")


def open_trc(root: Path, options: ImportOptions) -> Recordings:
    """All .trc files of a folder, or one."""
    paths = files_of(root, ".trc")
    takes = plan_takes(root, paths, options.labels)
    _, names, fps, unit = read_trc(takes.files[0].path)
    choice = choose_joints(names, options.skeleton, "trc")
    up: Up = options.up or "y"
    return Recordings(
        items=takes.files,
        read=partial(read_takes, read=partial(_read, choice=choice, options=options, up=up)),
        skeleton=choice.skeleton,
        unit=UNIT_WORDS[options.unit or unit],
        axes=up_words(up),
        rate=f"{options.fps or fps:g} frames/s",
        protocols=takes.protocols,
        left_out=takes.left_out + choice.sentence(),
    )


def _read(path: Path, *, choice: JointChoice, options: ImportOptions, up: Up) -> Motion:
    points, names, fps, unit = read_trc(path)
    joints = pick_joints(points * MILLIMETERS[options.unit or unit], names, choice, path.name)
    return Motion(points=turned(joints, up)[:, None], fps=options.fps or fps)


FORMAT = Format(
    name="trc",
    title="TRC markers",
    looks_like=".trc files that begin with PathFileType",
    recognize=recognize,
    open=open_trc,
    options=("labels", "skeleton", "fps", "unit", "up"),
)
