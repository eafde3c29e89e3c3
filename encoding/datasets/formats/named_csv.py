"""CSV with a column for each coordinate of each joint: MediaPipe dumps, Kinect 2 loggers, SLEAP.

Columns are named NAME_x, NAME.Y or landmark_0_x, with visibility or score where there is one. x
and y alone are 2D. MediaPipe's image landmarks are shares of the picture whose z is no length: they are
taken as 2D. Its world landmarks are meters about the hips, y down. A column of time gives the rate.
"""

import csv
import io
import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.axes import UNIT_WORDS, guess_unit, guess_up, turned, up_words
from encoding.datasets.formats.entry import MILLIMETERS, Format, ImportOptions, Recordings, Up
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.image_points import followed, image_motion
from encoding.datasets.formats.named_points import JointChoice, choose_joints, pick_joints
from encoding.datasets.formats.takes import Motion, plan_takes, read_takes
from lifting.reading import guarded, read_text
from lifting.skeleton import MEDIAPIPE_33

__all__ = ["FORMAT"]

FPS = 30.0
_COLUMN = re.compile(r"^(.+?)[ _.:/-]?(x|y|z|visibility|confidence|likelihood|score)$", re.IGNORECASE)
_NUMBERED = re.compile(r"^(?:landmark|lm|point|joint|keypoint|kp)?s?[ _.-]?\[?(\d+)\]?$", re.IGNORECASE)
_TIME = ("time", "timestamp", "time_s", "time_ms", "timestamp_ms", "seconds")


class _Table:
    """One file: its points by name."""

    def __init__(self, path: Path) -> None:
        with guarded(path, "a CSV with a column for each coordinate"):
            text = read_text(path)
            first = text.split("\n", 1)[0]
            rows = csv.reader(
                io.StringIO(text), delimiter=max(",;\t", key=first.count), skipinitialspace=True
            )
            header = [name.strip() for name in next(rows)]
            self.rows = [row for row in rows if any(cell.strip() for cell in row)]
            wrong = next((n for n, row in enumerate(self.rows, 2) if len(row) != len(header)), None)
            if wrong is not None:
                came = len(self.rows[wrong - 2])
                raise ValueError(f"{path}, line {wrong} has {came} columns; the header has {len(header)}")
        self.path, self.header = path, header
        self.columns: dict[str, dict[str, int]] = {}
        for number, name in enumerate(header):
            if (match := _COLUMN.match(name)) and name.lower() not in ("instance.score", "frame_idx"):
                self.columns.setdefault(_joint(match[1]), {})[match[2].lower()] = number
        self.columns = {joint: own for joint, own in self.columns.items() if {"x", "y"} <= set(own)}
        if len(self.columns) < 5:
            raise ValueError(
                f"{path} has the columns {', '.join(header[:6])}{', ...' if len(header) > 6 else ''}; of "
                f"{len(self.columns)} joints x and y are there, and at least 5 (as nose_x, nose_y) are needed"
            )

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.columns)

    @property
    def flat(self) -> bool:
        """Whether the points are 2D: no z, or one that is no length."""
        if not all("z" in own for own in self.columns.values()):
            return True
        return set(self.columns) == set(MEDIAPIPE_33.joints) and not self._about_hips()

    def _about_hips(self) -> bool:
        """Whether the middle of the hips is the origin, as of MediaPipe's world landmarks."""
        hips = self.values("left_hip")[:, :2] + self.values("right_hip")[:, :2]
        return bool(np.nanmedian(np.abs(hips)) < 0.1)

    def values(self, joint: str) -> NDArray[np.float64]:
        """(T, 4) x, y, z, confidence; NaN where a column or a number is not there."""
        own = self.columns[joint]
        sure = next(
            (own[word] for word in ("visibility", "confidence", "likelihood", "score") if word in own), None
        )
        places = [own["x"], own["y"], own.get("z"), sure]
        return np.array(
            [[_number(row[place]) if place is not None else np.nan for place in places] for row in self.rows]
        ).reshape(-1, 4)

    def points(self) -> NDArray[np.float64]:
        """(T, N, 4)."""
        return np.stack([self.values(joint) for joint in self.columns], axis=1)

    def rate(self) -> float | None:
        """Of a column of time, seconds or milliseconds; None where there is none."""
        place = next((n for n, name in enumerate(self.header) if name.lower() in _TIME), None)
        if place is None or len(self.rows) < 2:
            return None
        step = float(np.median(np.diff([_number(row[place]) for row in self.rows])))
        milliseconds = self.header[place].lower().endswith("ms") or step >= 1
        return (1000 if milliseconds else 1) / step if step > 0 else None

    def people(self) -> list[tuple[int, str]] | None:
        """(frame, track) of every row, where rows are people of frames, as SLEAP writes them."""
        names = [name.lower() for name in self.header]
        if "frame_idx" not in names or "track" not in names:
            return None
        frame, track = names.index("frame_idx"), names.index("track")
        return [(int(_number(row[frame])), row[track]) for row in self.rows]


def _joint(name: str) -> str:
    """MediaPipe's numbers as its names."""
    match = _NUMBERED.match(name)
    return MEDIAPIPE_33.joints[int(match[1])] if match and int(match[1]) < 33 else name.strip(" _.")


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def recognize(path: Path) -> bool:
    """Whether the header of a .csv has x and y of some joints."""
    first = next(iter(files_of(path, ".csv", ".tsv")), None)
    if first is None:
        return False
    with first.open(encoding="utf-8-sig", errors="replace") as file:
        names = re.split(r"[,;\t]", file.readline().strip())
    return sum(bool(_COLUMN.match(name.strip(' "'))) for name in names) >= 4


def open_named(root: Path, options: ImportOptions) -> Recordings:
    """All .csv files of a folder, or one."""
    takes = plan_takes(root, files_of(root, ".csv", ".tsv"), options.labels)
    table = _Table(takes.files[0].path)
    choice = choose_joints(table.names, options.skeleton, "csv")
    flat = table.flat
    fps = options.fps or table.rate()
    joints = pick_joints(table.points()[..., :3], table.names, choice, table.path.name)
    unit = None if flat else options.unit or guess_unit(joints)
    if not flat and unit is None:
        raise ValueError(
            f"{table.path}: in no unit (m, cm, mm, in) is the body as tall as a person: the unit must be "
            "given"
        )
    up: Up = "-y" if flat else options.up or guess_up(joints, choice.skeleton)
    scale = 1.0 if unit is None else MILLIMETERS[unit]
    read = partial(_read, choice=choice, options=options, flat=flat, scale=scale, up=up)
    guessed = " (guessed from the height of the body)"
    return Recordings(
        items=takes.files,
        read=partial(read_takes, read=read),
        skeleton=choice.skeleton,
        unit="pixels" if unit is None else UNIT_WORDS[unit] + ("" if options.unit else guessed),
        axes="y down" if flat else up_words(up, "" if options.up else " (as heads are above feet)"),
        rate=f"{fps:.4g} frames/s" if fps else f"{FPS:g} frames/s (assumed: the files do not say)",
        protocols=takes.protocols,
        left_out=takes.left_out + choice.sentence(),
        heavy=True,
    )


def _read(
    path: Path, *, choice: JointChoice, options: ImportOptions, flat: bool, scale: float, up: Up
) -> Motion:
    table = _Table(path)
    fps = options.fps or table.rate() or FPS
    points = pick_joints(table.points(), table.names, choice, path.name)
    if not flat:
        return Motion(points=turned(points[..., :3] * np.float32(scale), up)[:, None], fps=fps)
    xy, sure = points[..., :2], points[..., 3]
    if not np.isfinite(sure).any():
        sure = np.asarray(np.isfinite(xy).all(axis=-1), np.float32)
    sure = np.nan_to_num(sure)
    rows = table.people()
    if rows is None:
        return image_motion(xy[:, None], sure[:, None], fps, options.image_size, path.name)
    tracks = {name: number for number, name in enumerate(dict.fromkeys(track for _, track in rows))}
    frames: dict[int, list[tuple[int | None, NDArray[np.floating], NDArray[np.floating]]]] = {}
    for n, (frame, track) in enumerate(rows):
        frames.setdefault(frame, []).append((tracks[track] if track else None, xy[n], sure[n]))
    joined, confidence = followed(sorted(frames.items()), len(choice.markers), options.people or 1)
    return image_motion(joined, confidence, fps, options.image_size, path.name)


FORMAT = Format(
    name="csv",
    title="CSV with named columns",
    looks_like=".csv files with columns as nose_x, nose_y or SpineBase_X",
    recognize=recognize,
    open=open_named,
    options=("labels", "skeleton", "fps", "unit", "up", "image_size"),
)
