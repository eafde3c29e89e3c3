"""Parts of an import into one plain .npz, written clip by clip so that memory holds no more than a part."""

import os
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.import_parts import ClipFacts, Part
from lifting.skeleton import SKELETONS, Skeleton

__all__ = ["Imported", "write_clips"]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """Counts of what a file holds.

    Attributes:
        num_clips, num_frames: in all.
        people: of every clip, absent ones included.
        absent: whether the second person is absent in a clip.
        coordinates: 2 or 3.
        class_names: in the order of the labels.
        protocols: name -> part -> number of clips.
    """

    num_clips: int
    num_frames: int
    people: int
    absent: bool
    coordinates: int
    class_names: tuple[str, ...]
    protocols: dict[str, dict[str, int]]


def write_clips(
    out: Path,
    parts: Sequence[Part],
    skeleton: Skeleton,
    *,
    class_names: tuple[str, ...] | None,
    protocols: tuple[str, ...],
    protocol: str | None,
    source: str,
    unlabeled: bool = False,
) -> tuple[Imported, tuple[str, ...]]:
    """Write the file; it appears complete or not at all.

    With `unlabeled` clips may lack a label, and then the file holds none.

    Returns:
        What it holds, and a sentence for each thing that was left out.

    Raises:
        ValueError: a clip has no label, two have one name, or some are 2D and some 3D.
    """
    clips = [clip for part in parts for clip in part.clips]
    _check(clips, unlabeled)
    present = set() if any(clip.label is None for clip in clips) else {str(clip.label) for clip in clips}
    names = tuple(sorted(present)) if class_names is None else tuple(n for n in class_names if n in present)
    people = max(clip.shape[1] for clip in clips)
    arrays = _arrays(clips, names, skeleton, protocols, protocol, source)
    frames = sum(clip.shape[0] for clip in clips)
    shape = (frames, *([people] if people > 1 else []), *clips[0].shape[2:])
    _write(out, arrays, parts, shape, people, sure=all(clip.has_confidence for clip in clips))
    empty = len(class_names or ()) - len(names) if class_names is not None else 0
    imported = Imported(
        num_clips=len(clips),
        num_frames=frames,
        people=people,
        absent=any(clip.shape[1] < people for clip in clips),
        coordinates=clips[0].shape[3],
        class_names=names,
        protocols={name: dict(Counter(clip.parts.get(name, "") for clip in clips)) for name in protocols},
    )
    return imported, (f"{empty} classes have no clip",) if empty else ()


def _check(clips: Sequence[ClipFacts], unlabeled: bool) -> None:
    bare = [clip.name for clip in clips if clip.label is None]
    if bare and not unlabeled:
        raise ValueError(
            f"{len(bare)} of {len(clips)} clips have no label, the first of them {bare[0]!r}; put "
            "the files into a folder for each class, or give a table of labels with columns clip and label"
        )
    twice = [name for name, count in Counter(clip.name for clip in clips).items() if count > 1]
    if twice:
        raise ValueError(f"two clips are called {twice[0]!r}; names must differ")
    flat = next((clip.name for clip in clips if clip.shape[3] != clips[0].shape[3]), None)
    if flat is not None:
        raise ValueError(f"{clips[0].name!r} has {clips[0].shape[3]} coordinates and {flat!r} has not")


def _arrays(
    clips: Sequence[ClipFacts],
    class_names: tuple[str, ...],
    skeleton: Skeleton,
    protocols: tuple[str, ...],
    protocol: str | None,
    source: str,
) -> dict[str, NDArray[Any]]:
    """All but the points."""
    label = {name: number for number, name in enumerate(class_names)}
    flat = clips[0].shape[3] == 2
    arrays: dict[str, NDArray[Any]] = {
        "offsets": np.cumsum([0] + [clip.shape[0] for clip in clips]),
        "skeleton": np.array(skeleton.name),
        "fps": np.array([clip.fps for clip in clips]),
        "unit": np.array("px" if flat else "mm"),
        "axes": np.array("y down" if flat else "y up"),
        "names": np.array([clip.name for clip in clips]),
        "subjects": np.array([-1 if clip.subject is None else clip.subject for clip in clips]),
        "groups": np.array([clip.group for clip in clips]),
        "source": np.array(source),
    }
    if class_names:
        arrays["labels"] = np.array([label[str(clip.label)] for clip in clips])
        arrays["class_names"] = np.array(class_names)
    if flat and all(clip.image_size is not None for clip in clips):
        arrays["image_sizes"] = np.array([clip.image_size for clip in clips])
    if SKELETONS.get(skeleton.name) != skeleton:
        arrays["joints"] = np.array(skeleton.joints)
        arrays["parents"] = np.array(skeleton.parents)
        arrays["pairs"] = np.array(skeleton.pairs, dtype=np.int64).reshape(-1, 2)
    if protocols:
        arrays["protocols"] = np.array(protocols)
        arrays["protocol_parts"] = np.array(
            [[clip.parts.get(name, "") for clip in clips] for name in protocols]
        )
        arrays["split"] = arrays["protocol_parts"][protocols.index(protocol or protocols[0])]
    return arrays


def _write(
    out: Path,
    arrays: dict[str, NDArray[Any]],
    parts: Sequence[Part],
    shape: tuple[int, ...],
    people: int,
    *,
    sure: bool,
) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            # Stored, not deflated: sensor noise does not compress, and the file is read many times.
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w") as entry:
                        np.lib.format.write_array(entry, array, allow_pickle=False)
                _write_points(archive, "xyz", shape, _points(parts, people))
                if sure:
                    _write_points(archive, "confidence", shape[:-1], _confidence(parts, people))
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(out)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _write_points(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], clips: Iterator[NDArray[np.float32]]
) -> None:
    """One array, whose rows come clip by clip."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
        np.lib.format.write_array_header_1_0(entry, header)
        for clip in clips:
            entry.write(np.ascontiguousarray(clip, "<f4").tobytes())


def _points(parts: Sequence[Part], people: int) -> Iterator[NDArray[np.float32]]:
    for part in parts:
        for clip, points, _ in part.points():
            yield _with_people(points, people, np.float32(np.nan)) if people > 1 else points[:, 0]
            assert points.shape[0] == clip.shape[0]


def _confidence(parts: Sequence[Part], people: int) -> Iterator[NDArray[np.float32]]:
    for part in parts:
        for _, _, confidence in part.points():
            assert confidence is not None
            yield _with_people(confidence, people, np.float32(0)) if people > 1 else confidence[:, 0]


def _with_people(values: NDArray[np.float32], people: int, absent: np.float32) -> NDArray[np.float32]:
    """With persons who are absent added."""
    lacking = people - values.shape[1]
    if not lacking:
        return values
    nobody = np.full((values.shape[0], lacking, *values.shape[2:]), absent, np.float32)
    return np.concatenate([values, nobody], axis=1)
