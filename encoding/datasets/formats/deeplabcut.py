"""DeepLabCut's CSV, which SLEAP writes too: header rows scorer, (individuals,) bodyparts and coords.

Points are pixels with a likelihood; SLEAP leaves that column empty; a point is seen where it has a place.
"""

import csv
import io
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.entry import Format, ImportOptions, Recordings
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.image_points import image_motion
from encoding.datasets.formats.named_points import JointChoice, choose_joints, pick_joints
from encoding.datasets.formats.takes import Motion, plan_takes, read_takes
from encoding.people import most_moving
from lifting.reading import guarded, read_text

__all__ = ["FORMAT"]

FPS = 30.0


def recognize(path: Path) -> bool:
    """Whether the first cell of a .csv is `scorer`."""
    first = next(iter(files_of(path, ".csv")), None)
    return first is not None and first.read_bytes()[:20].removeprefix(b"\xef\xbb\xbf").startswith(b"scorer,")


def _read_table(path: Path) -> tuple[dict[str, dict[str, NDArray[np.float64]]], tuple[str, ...]]:
    """individual -> body part -> (T, 3) x, y, likelihood; and the body parts in the order of the file."""
    with guarded(path, "a CSV of DeepLabCut"):
        rows = list(csv.reader(io.StringIO(read_text(path))))
        header: dict[str, list[str]] = {}
        while rows and rows[0] and rows[0][0] in ("scorer", "individuals", "bodyparts", "coords"):
            row = rows.pop(0)
            header[row[0]] = row[1:]
        width = len(header["coords"])
        wrong = next(
            (n for n, row in enumerate(rows, len(header) + 1) if row and len(row) != width + 1), None
        )
        if wrong is not None:
            raise ValueError(
                f"{path}, line {wrong} has another number of columns than the header's {width + 1}"
            )
        values = np.array([[_number(cell) for cell in row[1:]] for row in rows if row]).reshape(-1, width)
        individuals = header.get("individuals", ["one"] * width)
        found: dict[str, dict[str, NDArray[np.float64]]] = {}
        axis = {"x": 0, "y": 1, "likelihood": 2}
        for column, (who, part, what) in enumerate(
            zip(individuals, header["bodyparts"], header["coords"], strict=True)
        ):
            own = found.setdefault(who, {}).setdefault(part, np.full((len(values), 3), np.nan))
            own[:, axis[what]] = values[:, column]
        return found, tuple(dict.fromkeys(header["bodyparts"]))


def _number(cell: str) -> float:
    return float(cell) if cell.strip() else float("nan")


def open_deeplabcut(root: Path, options: ImportOptions) -> Recordings:
    """All .csv files of a folder, or one."""
    takes = plan_takes(root, files_of(root, ".csv"), options.labels)
    _, parts = _read_table(takes.files[0].path)
    choice = choose_joints(parts, options.skeleton, "csv")
    fps = options.fps or FPS
    return Recordings(
        items=takes.files,
        read=partial(read_takes, read=partial(_read, choice=choice, options=options, fps=fps)),
        skeleton=choice.skeleton,
        unit="pixels",
        axes="y down",
        rate=f"{fps:g} frames/s" + ("" if options.fps else " (assumed: the files do not say)"),
        protocols=takes.protocols,
        left_out=takes.left_out + choice.sentence(),
        heavy=True,
    )


def _read(path: Path, *, choice: JointChoice, options: ImportOptions, fps: float) -> Motion:
    table, _ = _read_table(path)
    people = []
    for parts in table.values():
        points = np.stack(list(parts.values()), axis=1)
        # Without any likelihood a point is as sure as its place is there.
        if not np.isfinite(points[..., 2]).any():
            points[..., 2] = np.isfinite(points[..., :2]).all(axis=-1)
        people.append(pick_joints(points, list(parts), choice, path.name))
    values = np.stack(people, axis=1)
    sure = np.nan_to_num(values[..., 2])
    motion = image_motion(values[..., :2], sure, fps, options.image_size, path.name)
    chosen = most_moving(motion.points, options.people or 2)
    assert motion.confidence is not None
    return Motion(
        points=motion.points[:, chosen],
        fps=fps,
        confidence=motion.confidence[:, chosen],
        image_size=motion.image_size,
    )


FORMAT = Format(
    name="deeplabcut",
    title="DeepLabCut (or SLEAP's export of it)",
    looks_like=".csv files that begin with scorer, bodyparts, coords",
    recognize=recognize,
    open=open_deeplabcut,
    options=("labels", "skeleton", "fps", "image_size"),
)
