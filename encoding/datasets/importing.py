"""From recordings of any known format to one plain .npz: read in parts, then written clip by clip.

Memory is that of one part a process, whatever the number of files. A stopped import continues.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from encoding.datasets.formats.entry import ImportOptions, RawClip, Recordings
from encoding.datasets.formats.table import open_recordings
from encoding.datasets.formats.takes import refuse_unlabeled
from encoding.datasets.import_parts import Part, PartFolder, write_part
from encoding.datasets.import_writer import Imported, write_clips
from lifting.mapping import joint_means, map_confidence, map_joints
from lifting.skeleton import Skeleton

__all__ = ["Conversion", "ImportReport", "import_clips"]

# Items of one part: about 2 MB of NTU files, a second or two of work.
PART_ITEMS = 200
# Another process takes a second to start.
_MIN_ITEMS_FOR_PROCESSES = 4 * PART_ITEMS

OnProgress = Callable[[int, int], None]
Change = Callable[[RawClip], RawClip]


def _silent(_done: int, _total: int) -> None:
    """No progress is shown."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What is done with every clip on its way, in the process of the import.

    Attributes:
        skeleton: of the clips that come out.
        change: a clip's skeleton and the clip -> the clip that is kept. A ValueError leaves the clip out.
        name: says what is done; an import begun with another is not continued.
        people: how many it keeps; None: all.
    """

    skeleton: Skeleton
    change: Callable[[Skeleton, RawClip], RawClip]
    name: str
    people: Literal[1, 2] | None = None


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What was read.

    Attributes:
        source, format: where from, and what it is.
        imported: counts of what the file holds.
        unit, axes, rate: of the source, in words.
        skeleton: of the file's clips.
        left_out: what was left out and why, one sentence each.
    """

    source: Path
    format: str
    imported: Imported
    unit: str
    axes: str
    rate: str
    skeleton: Skeleton
    left_out: tuple[str, ...]

    def lines(self) -> list[tuple[str, str]]:
        """(what, how much) for a person."""
        found = self.imported
        coordinates = "2D" if found.coordinates == 2 else "3D"
        kept = "pixels" if found.coordinates == 2 else "millimeters"
        lines = [
            ("format", self.format),
            (
                "clips",
                f"{found.num_clips} clips, {found.num_frames} frames, "
                + (f"{len(found.class_names)} classes" if found.class_names else "no labels"),
            ),
            ("people", f"{found.people} a clip" + (", the second absent in some" if found.absent else "")),
            ("joints", f"{self.skeleton.num_joints} of {self.skeleton.name} ({coordinates})"),
            ("rate", self.rate),
            ("unit", self.unit if self.unit == kept else f"{self.unit}, kept as {kept}"),
            ("axes", self.axes),
        ]
        lines += [
            (
                f"split {name}",
                ", ".join(f"{count} {part or 'unused'}" for part, count in sorted(counts.items())),
            )
            for name, counts in found.protocols.items()
        ]
        return lines + [("left out", reason) for reason in _shortened(self.left_out)]


def import_clips(
    source: Path,
    out: Path,
    options: ImportOptions | None = None,
    *,
    format_name: str | None = None,
    layout: Skeleton | None = None,
    conversion: Conversion | None = None,
    protocol: str | None = None,
    unlabeled: bool = False,
    processes: int = 1,
    on_progress: OnProgress = _silent,
) -> ImportReport:
    """Read recordings of any known format and write them as one plain .npz (docs/datasets.md).

    Args:
        source: a file or folder.
        out: the .npz; it appears complete or not at all.
        options: what the files do not say.
        format_name: a format of `FORMATS`; None recognizes it by content.
        layout: joint layout to map to; None keeps the source's.
        conversion: in place of a layout, what else is done with every clip, as lifting it.
        protocol: name of the split that is the file's default; None takes the first.
        unlabeled: clips without a label are taken too; the file then holds no labels, and is to be
            recognized, not learned from.
        processes: that read at the same time, where it pays.
        on_progress: called with items done and items in all.

    Raises:
        FileNotFoundError: no such source.
        ValueError: the format is not known, an option does not fit it, or no clip could be read.
    """
    wanted = options or ImportOptions()
    if conversion is not None and conversion.people is not None:
        wanted = replace(wanted, people=conversion.people)
    chosen, recordings = open_recordings(source, wanted, format_name)
    if protocol is not None and protocol not in recordings.protocols:
        known = ", ".join(recordings.protocols) or "none"
        raise ValueError(f"{source} has no split {protocol!r}; the splits of this source are: {known}")
    if not unlabeled:
        refuse_unlabeled(source, recordings.items)
    if conversion is None:
        skeleton = layout or recordings.skeleton
        joint_means(recordings.skeleton, skeleton)  # no mapping: refused before anything is read
        change: Change = partial(_mapped, source=recordings.skeleton, target=skeleton)
    else:
        skeleton = conversion.skeleton
        change = partial(conversion.change, recordings.skeleton)
        processes = 1
    note = "" if conversion is None else conversion.name
    folder = PartFolder(out, _plan(source, chosen.name, wanted, skeleton, recordings.items, note))
    parts = _read_parts(recordings, folder, change, processes, on_progress)
    damaged = tuple(reason for part in parts for reason in part.left_out)
    if not any(part.clips for part in parts):
        folder.remove()
        raise ValueError(damaged[0] if damaged else f"{source} holds no clip")
    imported, dropped = write_clips(
        out,
        parts,
        skeleton,
        class_names=recordings.class_names,
        protocols=recordings.protocols,
        protocol=protocol,
        source=f"{source.name} ({chosen.name})",
        unlabeled=unlabeled,
    )
    folder.remove()
    return ImportReport(
        source=source,
        format=chosen.title,
        imported=imported,
        unit=recordings.unit,
        axes=recordings.axes,
        rate=recordings.rate,
        skeleton=skeleton,
        left_out=recordings.left_out + damaged + dropped,
    )


def _plan(
    source: Path,
    format_name: str,
    options: ImportOptions,
    skeleton: Skeleton,
    items: Sequence[Any],
    note: str,
) -> str:
    """What the parts depend on: names, sizes and times of the files among it."""
    digest = hashlib.sha256()
    for item in items:
        path = item if isinstance(item, Path) else getattr(item, "path", None)
        if isinstance(path, Path) and path.is_file():
            status = path.stat()
            digest.update(f"{status.st_size} {status.st_mtime_ns} ".encode())
        digest.update(f"{item!r}\n".encode())
    content = [str(source.absolute()), format_name, repr(options), repr(skeleton), note, digest.hexdigest()]
    return json.dumps(content)


def _mapped(clip: RawClip, *, source: Skeleton, target: Skeleton) -> RawClip:
    if source == target:
        return clip
    return replace(
        clip,
        points=map_joints(clip.points, source, target),
        confidence=None if clip.confidence is None else map_confidence(clip.confidence, source, target),
    )


def _read_parts(
    recordings: Recordings,
    folder: PartFolder,
    change: Callable[[RawClip], RawClip],
    processes: int,
    on_progress: OnProgress,
) -> list[Part]:
    items = recordings.items
    starts = range(0, len(items), PART_ITEMS)
    chunks: dict[int, Sequence[Any]] = {
        number: items[start : start + PART_ITEMS] for number, start in enumerate(starts)
    }
    missing = {number: chunk for number, chunk in chunks.items() if not folder.path(number).exists()}
    done = len(items) - sum(map(len, missing.values()))
    on_progress(done, len(items))
    if recordings.heavy and processes > 1 and len(items) >= _MIN_ITEMS_FOR_PROCESSES:
        _in_processes(recordings, folder, change, missing, processes, lambda n: on_progress(n, len(items)))
    else:
        for number, chunk in missing.items():
            write_part(folder.path(number), chunk, recordings.read, change)
            done += len(chunk)
            on_progress(done, len(items))
    return [folder.read(number) for number in chunks]


def _in_processes(
    recordings: Recordings,
    folder: PartFolder,
    change: Callable[[RawClip], RawClip],
    missing: dict[int, Sequence[Any]],
    processes: int,
    on_progress: Callable[[int], None],
) -> None:
    """Parts in any order; a process that dies ends the import, with the parts that are there kept."""
    done = len(recordings.items) - sum(map(len, missing.values()))
    # Spawned, not forked: a fork would copy locks that other threads hold.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running: dict[Future[None], int] = {}
        todo = list(missing.items())
        try:
            while todo or running:
                while todo and len(running) < 2 * processes:
                    number, chunk = todo.pop(0)
                    job = pool.submit(write_part, folder.path(number), chunk, recordings.read, change)
                    running[job] = len(chunk)
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for job in finished:
                    job.result()
                    done += running.pop(job)
                on_progress(done)
        except BaseException:
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _shortened(reasons: Sequence[str], limit: int = 5) -> list[str]:
    """The first few, and how many more."""
    counted = [
        f"{reason} ({count} times)" if count > 1 else reason for reason, count in Counter(reasons).items()
    ]
    more = len(counted) - limit
    return counted[:limit] + ([f"and {more} more"] if more > 0 else [])
