"""A data set for other programs: pyskl's annotation file, or one CSV for each clip with a table of labels."""

import csv
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.files import LABELS
from encoding.datasets.records import Clip, Split
from encoding.datasets.validation import PARTS

__all__ = ["export_csv", "export_pyskl"]

# Protocol 2 is what every Python 3 reads.
_PROTOCOL = 2
# pyskl's names of the parts.
_NAMES = {"train": "train", "validation": "val", "test": "test"}


class _Buffer:
    """An array's bytes, on their way into a pickle."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = np.ascontiguousarray(array)


class _PlainPickler(pickle.Pickler):
    """Writes arrays as calls of `numpy.array` and `numpy.ndarray`.

    numpy 2 names a private module in its own pickles of arrays, which many an environment of pyskl (numpy
    1.23 and older) does not have.
    """

    def reducer_override(self, obj: Any) -> Any:
        """How an object is written."""
        if isinstance(obj, _Buffer):
            return np.ndarray, (obj.array.shape, obj.array.dtype.str, obj.array.tobytes())
        if isinstance(obj, np.ndarray):
            return np.array, (_Buffer(obj),)
        return NotImplemented


def export_pyskl(split: Split, path: Path) -> None:
    """Write pyskl's and mmaction2's annotation file: {split, annotations}.

    Coordinates are meters with y up, as 3D files of the field have them; a missing joint is 0 0 0.

    Args:
        split: of any data set; its parts become train, val and test.
        path: the .pkl; it appears complete or not at all.
    """
    splits = {_NAMES[part]: [clip.name for clip in getattr(split, part)] for part in PARTS}
    annotations = [
        {
            "frame_dir": clip.name,
            "label": int(clip.label),
            "total_frames": clip.poses.num_frames,
            "keypoint": np.nan_to_num(_people(clip) / np.float32(1000)),
        }
        for clip in split.clips
    ]
    content = {"split": {name: clips for name, clips in splits.items() if clips}, "annotations": annotations}
    _replaced(path, lambda temporary: _pickle(temporary, content))


def _people(clip: Clip) -> NDArray[np.float32]:
    """(M, T, V, 3)."""
    xyz = clip.poses.xyz
    return np.moveaxis(xyz, 1, 0) if xyz.ndim == 4 else xyz[None]


def _pickle(path: Path, content: Any) -> None:
    with path.open("wb") as file:
        _PlainPickler(file, protocol=_PROTOCOL).dump(content)


def export_csv(split: Split, folder: Path) -> None:
    """Write a folder: a CSV for each clip, and labels.csv with clip, label, subject, group and split.

    A clip's columns are time (seconds) and joint_x, joint_y, joint_z in millimeters; missing ones are empty.
    Of two people each has a line for each frame, distinguished by `frame_idx` and `track`.

    Args:
        split: of any data set.
        folder: new or empty; it appears complete or not at all.

    Raises:
        FileExistsError: there is something in the folder.
    """
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty; a new folder is needed")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as name:
        temporary = Path(name) / "clips"
        temporary.mkdir()
        for clip in split.clips:
            file = temporary / f"{clip.name}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            _write_rows(file, _rows(clip))
        _write_rows(temporary / LABELS, _labels(split))
        if folder.exists():
            folder.rmdir()
        shutil.move(temporary, folder)


def _write_rows(path: Path, rows: Iterator[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _rows(clip: Clip) -> Iterator[list[str]]:
    poses = clip.poses
    two = poses.num_people == 2
    columns = [f"{joint}_{axis}" for joint in poses.skeleton.joints for axis in "xyz"]
    yield ["time", *(["frame_idx", "track"] if two else []), *columns]
    for t, frame in enumerate(poses.xyz):
        time = f"{t / poses.fps:.6g}"
        for p, person in enumerate(frame if two else [frame]):
            cells = ["" if np.isnan(value) else f"{value:.3f}" for value in person.ravel().tolist()]
            yield [time, *([str(t), f"person_{p + 1}"] if two else []), *cells]


def _labels(split: Split) -> Iterator[list[str]]:
    yield ["clip", "label", "subject", "group", "split"]
    for part in PARTS:
        for clip in getattr(split, part):
            subject = "" if clip.subject is None else str(clip.subject)
            yield [clip.name, split.class_names[clip.label], subject, clip.group or "", part]


def _replaced(path: Path, write: Callable[[Path], None]) -> None:
    """Beside the file, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        temporary = Path(folder) / path.name
        write(temporary)
        temporary.replace(path)
