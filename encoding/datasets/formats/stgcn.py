"""Arrays of ST-GCN, 2s-AGCN and CTR-GCN: (N, C, T, V, M) with a pickle of names and labels, or one .npz.

A folder holds train_data*.npy with train_label.pkl and val_data*.npy with val_label.pkl (or a .npy alone).
The .npz of CTR-GCN holds x_train and x_test (N, T, 150) with y_train and y_test one-hot. Joints are 25 of
Kinect 2 in meters; frames and people beyond the clip are zeros.
"""

import re
import zipfile
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.entry import Format, ImportOptions, Part, RawClip, Recordings
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.ntu import place_of
from encoding.datasets.formats.takes import PROTOCOL
from encoding.datasets.formats.text_lists import read_class_names
from encoding.datasets.gaps import trim_missing_frames, zeros_to_nan
from encoding.datasets.ntu_protocols import ACTIONS
from encoding.people import most_moving
from lifting.pickles import read_pickle
from lifting.reading import guarded
from lifting.skeleton import KINECT2_25, Skeleton
from lifting.skeleton_file import find_skeleton

__all__ = ["FORMAT"]

FPS = 30.0
_CTRGCN = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One array of clips with names and labels."""

    path: Path
    array: str  # name in a .npz; "" for a .npy
    names: tuple[str, ...]
    labels: tuple[int, ...]
    part: Part


def _arrays(root: Path) -> list[Path]:
    return [path for path in files_of(root, ".npy") if "label" not in path.name]


def recognize(path: Path) -> bool:
    """Whether there is a .npy of five axes with people last, or a .npz of CTR-GCN."""
    if path.is_file() and path.suffix == ".npz" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return {f"{name}.npy" for name in _CTRGCN} <= set(archive.namelist())
    first = next(iter(_arrays(path)), None)
    if first is None:
        return False
    try:
        shape = _npy(first).shape
    except (ValueError, OSError):
        return False
    return len(shape) == 5 and shape[4] in (1, 2) and shape[1] in (2, 3)


@cache
def _npy(path: Path) -> NDArray[Any]:
    """Mapped, not read: these arrays have gigabytes."""
    with guarded(path, "a numpy array"):
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        return values


@cache
def _npz(path: Path, name: str) -> NDArray[Any]:
    with guarded(path, "an .npz of CTR-GCN"), np.load(path, allow_pickle=False) as file:
        values: NDArray[Any] = file[name]
        return values


def open_stgcn(root: Path, options: ImportOptions) -> Recordings:
    """Every array of a folder, or one file."""
    parts = _from_npz(root) if root.suffix == ".npz" else [_from_npy(path) for path in _arrays(root)]
    skeleton = KINECT2_25 if options.skeleton is None else find_skeleton(options.skeleton).skeleton
    _check_shape(root, parts[0], skeleton)
    names = _class_names(parts, options)
    items = [(number, clip) for number, part in enumerate(parts) for clip in range(len(part.names))]
    fps = options.fps or FPS
    split = len({part.part for part in parts}) > 1
    return Recordings(
        items=items,
        read=partial(_read, parts=parts, names=names, skeleton=skeleton, people=options.people or 2, fps=fps),
        skeleton=skeleton,
        unit="meters",
        axes="y up, z away from the sensor",
        rate=f"{fps:g} frames/s" + ("" if options.fps else " (assumed: the files do not say)"),
        class_names=names,
        protocols=(PROTOCOL,) if split else (),
    )


def _part_of(name: str) -> Part:
    words = re.split(r"[^a-z]+", name.lower())
    return "train" if "train" in words else "test" if {"val", "test"} & set(words) else ""


def _from_npy(path: Path) -> _Part:
    stem = re.sub(r"_?data.*$", "", path.stem)
    pickles = [
        file for end in (".pkl", ".npy") for file in (path.with_name(f"{stem}_label{end}"),) if file.is_file()
    ]
    if not pickles:
        raise ValueError(f"{path} has no labels beside it; {stem}_label.pkl is needed")
    content: Any = read_pickle(pickles[0]) if pickles[0].suffix == ".pkl" else np.load(pickles[0])
    with guarded(pickles[0], "a pickle of (names, labels)"):
        N = len(_npy(path))
        pair = isinstance(content, tuple | list) and len(content) == 2 and not np.isscalar(content[0])
        names = [str(name) for name in content[0]] if pair else [f"{stem or 'clip'}_{n:05}" for n in range(N)]
        labels = [int(label) for label in (content[1] if pair else content)]
        if not len(names) == len(labels) == N:
            raise ValueError(f"{pickles[0]} has {len(labels)} labels; {path.name} has {N} clips")
    bare = tuple(Path(name).stem for name in names)
    return _Part(path=path, array="", names=bare, labels=tuple(labels), part=_part_of(path.stem))


def _from_npz(path: Path) -> list[_Part]:
    parts = []
    for name, part in (("train", "train"), ("test", "test")):
        labels = _npz(path, f"y_{name}")
        parts.append(
            _Part(
                path=path,
                array=f"x_{name}",
                names=tuple(f"{name}_{n:05}" for n in range(len(labels))),
                labels=tuple(int(label) for label in (labels.argmax(axis=1) if labels.ndim == 2 else labels)),
                part=part,  # type: ignore[arg-type]
            )
        )
    return parts


def _clip(part: _Part, number: int, skeleton: Skeleton) -> NDArray[np.float32]:
    """(T, M, V, C)."""
    if not part.array:
        return np.array(_npy(part.path)[number], np.float32).transpose(1, 3, 2, 0)
    rows = _npz(part.path, part.array)[number]
    return np.array(rows, np.float32).reshape(len(rows), -1, skeleton.num_joints, 3)


def _check_shape(root: Path, part: _Part, skeleton: Skeleton) -> None:
    shape = _clip(part, 0, skeleton).shape
    if shape[2:] != (skeleton.num_joints, 3):
        raise ValueError(
            f"{root}: clips have {shape[2]} joints with {shape[3]} values; {skeleton.num_joints} joints with "
            f"x, y, z of {skeleton.name} are needed (name another layout as the skeleton)"
        )


def _class_names(parts: list[_Part], options: ImportOptions) -> tuple[str, ...]:
    highest = max(label for part in parts for label in part.labels)
    if options.class_names is not None:
        names = read_class_names(options.class_names)
        if highest >= len(names):
            raise ValueError(f"{options.class_names} has {len(names)} names; label {highest} has none")
        return names
    ntu = all(
        (place := place_of(name)) is not None and place.action == label + 1
        for part in parts
        for name, label in zip(part.names, part.labels, strict=True)
    )
    return ACTIONS[: highest + 1] if ntu else tuple(str(label) for label in range(highest + 1))


def _read(
    item: tuple[int, int],
    *,
    parts: list[_Part],
    names: tuple[str, ...],
    skeleton: Skeleton,
    people: int,
    fps: float,
) -> list[RawClip]:
    part, number = parts[item[0]], item[1]
    points = trim_missing_frames(zeros_to_nan(_clip(part, number, skeleton) * np.float32(1000)))
    if not len(points):
        raise ValueError(f"clip {part.names[number]} of {part.path.name} is all zeros")
    place = place_of(part.names[number])
    return [
        RawClip(
            name=part.names[number],
            points=points[:, most_moving(points, people)],
            fps=fps,
            label=names[part.labels[number]],
            subject=place.person if place else None,
            parts={PROTOCOL: part.part},
        )
    ]


FORMAT = Format(
    name="stgcn",
    title="ST-GCN arrays",
    looks_like=".npy of shape (N, C, T, V, M) with a _label.pkl, or .npz with x_train and y_train",
    recognize=recognize,
    open=open_stgcn,
    options=("skeleton", "fps"),
)
