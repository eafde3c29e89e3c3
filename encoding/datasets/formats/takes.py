"""Files that hold one recording each, and what is known of them from folders or a table of labels.

A clip's class is the folder that its file lies in, and its part a folder called train, validation or test
above; a table of labels (CSV) says more: columns `clip` and `label`, and where wanted `subject`, `group`,
`split`, and `start` and `end` in seconds, with several lines for one file. A table called
labels.csv in the folder itself is used without being named.
"""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.entry import Part, RawClip
from encoding.datasets.formats.files import LABELS
from lifting.reading import guarded, read_text

__all__ = ["Motion", "Take", "TakeFile", "Takes", "plan_takes", "read_takes", "refuse_unlabeled"]

_PARTS: dict[str, Part] = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation",
    "validation": "validation", "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip
_COLUMNS = ("clip", "label", "subject", "group", "split", "start", "end")
PROTOCOL = "given"


@dataclass(frozen=True, kw_only=True)
class Take:
    """One clip of a file.

    Attributes:
        name, label, subject, group: as in `RawClip`.
        part: as the table or a folder says; "" where neither does.
        start, end: seconds within the recording; None: from its beginning, to its end.
    """

    name: str
    label: str | None = None
    subject: int | None = None
    group: str = ""
    part: Part = ""
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True, kw_only=True)
class TakeFile:
    """A file (or a folder of frames) and the clips to take from it."""

    path: Path
    takes: tuple[Take, ...]


@dataclass(frozen=True, kw_only=True)
class Takes:
    """All files of a source.

    Attributes:
        files: in the order of their names.
        protocols: one where parts are known, else none.
        left_out: a sentence where files are not in the table.
    """

    files: tuple[TakeFile, ...]
    protocols: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Motion:
    """What a reader makes of one file; shapes as in `RawClip`.

    Attributes:
        points: (T, P, J, C).
        fps: frames per second.
        confidence, image_size: of 2D points.
    """

    points: NDArray[np.float32]
    fps: float
    confidence: NDArray[np.float32] | None = None
    image_size: tuple[int, int] | None = None


def plan_takes(root: Path, paths: Sequence[Path], labels: Path | None) -> Takes:
    """What is known of each file.

    Raises:
        FileNotFoundError: there is no table of that name.
        ValueError: the table cannot be read, or names a clip that is not there.
    """
    if labels is None and (root / LABELS).is_file():
        labels = root / LABELS
    if labels is not None:
        return _from_table(root, sorted(paths), labels)
    files = tuple(TakeFile(path=path, takes=(_from_folders(root, path),)) for path in sorted(paths))
    split = any(take.part for file in files for take in file.takes)
    return Takes(files=files, protocols=(PROTOCOL,) if split else (), left_out=())


def refuse_unlabeled(root: Path, items: Sequence[object]) -> None:
    """Whether every clip has a label, as far as that is known before anything is read.

    Raises:
        ValueError: there is no table, and a clip lies in no folder of a class.
    """
    takes = [take for item in items if isinstance(item, TakeFile) for take in item.takes]
    unlabeled = [take.name for take in takes if take.label is None]
    if unlabeled:
        raise ValueError(
            f"{root}: {len(unlabeled)} of {len(takes)} clips have no label, the first of them "
            f"{unlabeled[0]!r}; put the files into a folder for each class, or give a table of labels with "
            "columns clip and label; or import them to be recognized alone, with `unlabeled`"
        )


def read_takes(file: TakeFile, *, read: Callable[[Path], Motion]) -> list[RawClip]:
    """The clips of one file.

    Raises:
        ValueError: the file is damaged, or a clip lies outside the recording.
    """
    motion = read(file.path)
    return [_cut(file.path, take, motion) for take in file.takes]


def _cut(path: Path, take: Take, motion: Motion) -> RawClip:
    T = len(motion.points)
    start = 0 if take.start is None else round(take.start * motion.fps)
    end = T if take.end is None else min(round(take.end * motion.fps), T)
    if not 0 <= start < end:
        raise ValueError(
            f"clip {take.name!r} is from {take.start} to {take.end} s of {path.name}, which lasts "
            f"{T / motion.fps:.2f} s; at least one frame of it is needed"
        )
    return RawClip(
        name=take.name,
        points=motion.points[start:end],
        fps=motion.fps,
        label=take.label,
        subject=take.subject,
        group=take.group,
        confidence=None if motion.confidence is None else motion.confidence[start:end],
        image_size=motion.image_size,
        parts={PROTOCOL: take.part},
    )


def _relative(root: Path, path: Path) -> Path:
    return path.relative_to(root) if path != root else Path(path.name)


def _name(root: Path, path: Path) -> str:
    """Folders and file name without its ending."""
    relative = _relative(root, path)
    bare = relative if path.is_dir() else relative.with_suffix("")
    return "/".join(bare.parts)


def _from_folders(root: Path, path: Path) -> Take:
    above = _relative(root, path).parts[:-1]
    part = _PARTS.get(above[0].lower(), "") if above else ""
    classes = above[1:] if part else above
    return Take(name=_name(root, path), label=classes[-1] if classes else None, part=part)


def _from_table(root: Path, paths: Sequence[Path], labels: Path) -> Takes:
    rows = _rows(labels)
    files = _lookup(root, paths)
    taken: dict[Path, list[dict[str, str]]] = {}
    for number, row in rows:
        path = files.get(row["clip"].strip())
        if path is None:
            known = ", ".join(_name(root, path) for path in paths[:4])
            raise ValueError(
                f"{labels}, line {number}: there is no clip {row['clip']!r} in {root}; there are {known}"
                + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")
            )
        taken.setdefault(path, []).append({**row, "line": str(number)})
    numbered = all(_whole(row.get("subject", "")) is not None for _, row in rows)
    planned = tuple(
        TakeFile(path=path, takes=tuple(_take(root, path, row, labels, own, numbered) for row in own))
        for path, own in sorted(taken.items())
    )
    rest = len(paths) - len(planned)
    split = any(take.part for file in planned for take in file.takes)
    return Takes(
        files=planned,
        protocols=(PROTOCOL,) if split else (),
        left_out=(f"{rest} of {len(paths)} files are not in {labels.name}",) if rest else (),
    )


def _lookup(root: Path, paths: Sequence[Path]) -> dict[str, Path]:
    """Files by path, by path without ending, and by bare name where it is the only one."""
    found: dict[str, Path] = {}
    bare: dict[str, list[Path]] = {}
    for path in paths:
        found[str(_relative(root, path))] = found[_name(root, path)] = path
        for name in {path.name, path.stem}:
            bare.setdefault(name, []).append(path)
    return {**{name: those[0] for name, those in bare.items() if len(those) == 1}, **found}


def _rows(labels: Path) -> list[tuple[int, dict[str, str]]]:
    """(line, row) of a table; any of comma, semicolon and tab parts its columns."""
    with guarded(labels, "a table of labels"):
        text = read_text(labels)
        first = text.split("\n", 1)[0]
        separator = max(",;\t", key=first.count)
        reader = csv.DictReader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
        columns = [str(name).strip().lower() for name in reader.fieldnames or ()]
        reader.fieldnames = columns
        unknown = [name for name in columns if name not in _COLUMNS]
        if not {"clip", "label"} <= set(columns) or unknown:
            raise ValueError(
                f"{labels} has the columns {', '.join(columns)}; clip and label are needed, and "
                f"{', '.join(_COLUMNS[2:])} can be there"
            )
        rows = [(reader.line_num, row) for row in reader if row.get("clip")]
    if not rows:
        raise ValueError(f"{labels} names no clip; at least 1 is needed")
    return rows


def _take(
    root: Path, path: Path, row: dict[str, str], labels: Path, own: list[dict[str, str]], numbered: bool
) -> Take:
    where = f"{labels}, line {row['line']}"
    word = (row.get("split") or "").strip().lower()
    if word and word not in _PARTS:
        raise ValueError(f"{where}: split is {word!r}; one of train, validation, test is needed")
    label, subject = (row.get("label") or "").strip(), (row.get("subject") or "").strip()
    if not label:
        raise ValueError(f"{where}: the label is empty; the name of a class is needed")
    name = _name(root, path)
    return Take(
        name=f"{name}#{own.index(row) + 1}" if len(own) > 1 else name,
        label=label,
        subject=_whole(subject) if numbered else None,
        group=(row.get("group") or "").strip() or ("" if numbered or not subject else f"subject {subject}"),
        part=_PARTS[word] if word else "",
        start=_seconds(row.get("start"), where),
        end=_seconds(row.get("end"), where),
    )


def _whole(word: str | None) -> int | None:
    """A subject's number; None for one who has a name, or none."""
    return int(word) if word and word.strip().isdigit() else None


def _seconds(word: str | None, where: str) -> float | None:
    if not word or not word.strip():
        return None
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"{where}: {word!r} is no time; seconds, as 2.5, are needed") from None
