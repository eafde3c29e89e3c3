"""What is wrong or odd about labelled clips: every finding in one pass, for `posenas data check`."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.records import Split
from lifting.poses import MAX_COORDINATE_MM

Arrays = Mapping[str, NDArray[Any]]
PARTS = ("train", "validation", "test")

# A share of missing joints beyond which interpolation invents more than it repairs.
MANY_MISSING = 0.2
# Heights of a pose, millimetres, outside which the unit is more likely wrong than the person small or tall.
PLAUSIBLE_HEIGHT_MM = (300.0, 4000.0)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing found.

    Attributes:
        severity: "error" where the data cannot be used; "warning" where it can, perhaps not as meant.
        clip: the clip's name; None for the data set as a whole.
        message: one sentence.
    """

    severity: Literal["error", "warning"]
    message: str
    clip: str | None = None

    def __str__(self) -> str:
        where = "" if self.clip is None else f"clip {self.clip!r}: "
        return f"{self.severity}: {where}{self.message}"


@dataclass(frozen=True, kw_only=True)
class Report:
    """All findings about one data set."""

    source: str
    num_clips: int
    num_frames: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What must be mended before use."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is worth a look."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def ok(self) -> bool:
        """No errors."""
        return not self.errors

    def __str__(self) -> str:
        head = (
            f"{self.source}: {self.num_clips} clips, {self.num_frames} frames, "
            f"{len(self.errors)} errors, {len(self.warnings)} warnings"
        )
        return "\n".join([head, *map(str, self.errors), *map(str, self.warnings)])


def check_split(split: Split) -> Report:
    """Findings about a data set that has been loaded, whatever its source."""
    parts = [part for part in PARTS for _ in getattr(split, part)]
    findings = [
        finding
        for clip in split.clips
        for finding in clip_findings(clip.name, clip.poses.xyz, split.skeleton.joints)
    ]
    findings += part_findings(
        names=[clip.name for clip in split.clips],
        labels=[clip.label for clip in split.clips],
        subjects=[clip.subject for clip in split.clips],
        parts=parts,
        class_names=split.class_names,
    )
    findings += _twins([clip.name for clip in split.clips], [clip.poses.xyz for clip in split.clips], parts)
    frames = sum(clip.poses.num_frames for clip in split.clips)
    return Report(source=split.name, num_clips=len(parts), num_frames=frames, findings=tuple(findings))


def check_arrays(source: Path, arrays: Arrays) -> Report:
    """Findings about the arrays of a plain .npz (docs/datasets.md): their form first, then what they hold."""
    findings = list(form_findings(arrays))
    if findings:
        return Report(source=str(source), num_clips=0, num_frames=0, findings=tuple(findings))
    offsets = arrays["offsets"]
    N = len(offsets) - 1
    names = clip_names(arrays)
    clips = [arrays["xyz"][offsets[n] : offsets[n + 1]] for n in range(N)]
    joints = tuple(str(joint) for joint in arrays["joints"]) if "joints" in arrays else None
    parts = [str(part) for part in arrays["split"]] if "split" in arrays else ["train"] * N
    subjects = (
        [None if subject < 0 else int(subject) for subject in arrays["subjects"]]
        if "subjects" in arrays
        else []
    )
    findings += [
        finding
        for name, xyz in zip(names, clips, strict=True)
        for finding in clip_findings(name, xyz, joints)
    ]
    findings += part_findings(
        names=names,
        labels=arrays["labels"].tolist(),
        subjects=subjects or [None] * N,
        parts=parts,
        class_names=[str(name) for name in arrays["class_names"]],
    )
    findings += _twins(names, clips, parts)
    return Report(source=str(source), num_clips=N, num_frames=len(arrays["xyz"]), findings=tuple(findings))


def clip_names(arrays: Arrays) -> list[str]:
    """The names given, else clip_0000 and so on."""
    if "names" in arrays:
        return [str(name) for name in arrays["names"]]
    return [f"clip_{n:04}" for n in range(len(arrays["offsets"]) - 1)]


def form_findings(arrays: Arrays) -> Iterator[Finding]:
    """Missing arrays, wrong shapes and types: all that makes the rest unreadable."""
    needed = ("xyz", "offsets", "labels", "class_names", "skeleton", "fps", "unit")
    missing = [key for key in needed if key not in arrays]
    if missing:
        yield _error(f"no array {', '.join(missing)}; {', '.join(needed)} are needed")
        return
    xyz, offsets, labels = arrays["xyz"], arrays["offsets"], arrays["labels"]
    if xyz.ndim not in (3, 4) or xyz.shape[-1] != 3 or (xyz.ndim == 4 and xyz.shape[1] != 2):
        yield _error(
            f"xyz has shape {xyz.shape}; (frames, J, 3), or (frames, 2, J, 3) for two people, is needed"
        )
    if not np.issubdtype(xyz.dtype, np.floating):
        yield _error(f"xyz is of type {xyz.dtype}; float32 is needed")
    if str(arrays["unit"]) != "mm":
        yield _error(
            f"unit is {str(arrays['unit'])!r}; 'mm' is needed: convert the coordinates to millimetres"
        )
    if (
        offsets.ndim != 1
        or len(offsets) < 2
        or offsets[0] != 0
        or offsets[-1] != len(xyz)
        or (np.diff(offsets) < 0).any()
    ):
        yield _error(
            f"offsets must rise from 0 to the {len(xyz)} frames of xyz, one more than there are clips; "
            f"shape {offsets.shape} came"
        )
        return
    N = len(offsets) - 1
    for key in ("labels", "names", "subjects", "groups", "split"):
        if key in arrays and arrays[key].shape != (N,):
            yield _error(f"{key} has shape {arrays[key].shape}; ({N},) is needed, one a clip")
    if arrays["fps"].shape not in ((), (N,)) or not np.all(arrays["fps"] > 0):
        yield _error(f"fps must be one positive number or {N} of them, one a clip")
    K = len(np.atleast_1d(arrays["class_names"]))
    if not np.issubdtype(labels.dtype, np.integer) or (
        labels.size and not (labels.min() >= 0 and labels.max() < K)
    ):
        yield _error(f"labels must be integers in 0..{K - 1}, the indices of the {K} class_names")
    odd = sorted({str(part) for part in np.atleast_1d(arrays.get("split", np.array([])))} - set(PARTS))
    if odd:
        yield _error(f"split holds {odd[0]!r}; each clip needs one of {', '.join(PARTS)}")


def clip_findings(name: str, xyz: NDArray[Any], joints: Sequence[str] | None = None) -> Iterator[Finding]:
    """What is odd about the poses of one clip, (T, J, 3) or (T, 2, J, 3), millimetres."""
    T = len(xyz)
    if T == 0:
        yield _error("no frame; at least 1 is needed", name)
        return
    if T == 1:
        yield _warning("one frame; there is no motion to recognise", name)
    wild = np.argwhere(np.abs(xyz) > MAX_COORDINATE_MM)
    if wild.size:
        where = tuple(int(index) for index in wild[0])
        yield _error(
            f"a coordinate of {float(xyz[where]):g} mm at frame {where[0]}, joint {where[-2]}, and "
            f"{len(wild) - 1} more beyond {MAX_COORDINATE_MM:g} mm; mark missing joints as NaN",
            name,
        )
    zero = (xyz == 0).all(axis=(-1, -2))
    if zero.any():
        yield _warning(f"{int(zero.sum())} poses are all zero and taken for missing; mark them as NaN", name)
    seen = np.isfinite(xyz).all(axis=-1) & ~zero[..., None]
    never = np.argwhere(~seen.any(axis=0))
    if never.size:
        joint = int(never[0][-1])
        label = f"{joint} ({joints[joint]})" if joints else str(joint)
        yield _error(
            f"joint {label} is missing in every frame; each needs at least 1 to be interpolated from", name
        )
    elif (share := 1 - float(seen.mean())) > MANY_MISSING:
        yield _warning(f"{share:.0%} of the joints are missing and will be interpolated", name)
    yield from _height_finding(name, xyz, seen)


def _height_finding(name: str, xyz: NDArray[Any], seen: NDArray[np.bool_]) -> Iterator[Finding]:
    """A body a few units tall was probably written in metres."""
    complete = seen.all(axis=-1)
    if not complete.any():
        return
    poses = xyz[complete]
    height = float(np.median(np.ptp(poses, axis=-2).max(axis=-1)))
    low, high = PLAUSIBLE_HEIGHT_MM
    if not low <= height <= high:
        yield _warning(
            f"the body spans {height:.3g} mm, outside {low:g} to {high:g}: is the unit millimetres?", name
        )


def part_findings(
    *,
    names: Sequence[str],
    labels: Sequence[int],
    subjects: Sequence[int | None],
    parts: Sequence[str],
    class_names: Sequence[str],
) -> Iterator[Finding]:
    """What is odd about how the clips are named and divided."""
    for name, count in Counter(names).items():
        if count > 1:
            yield _error(f"{count} clips have this name; names must differ", name)
    in_part = {
        part: {label for label, own in zip(labels, parts, strict=True) if own == part} for part in PARTS
    }
    for label, class_name in enumerate(class_names):
        if label not in in_part["train"]:
            yield _error(f"class {class_name!r} has no training clip; at least 1 is needed")
        for part in ("validation", "test"):
            if in_part[part] and label not in in_part[part]:
                yield _warning(f"class {class_name!r} has no {part} clip")
    if not in_part["test"]:
        yield _warning("no clip is marked as test: there is nothing to score at the end")
    people = {
        part: {s for s, own in zip(subjects, parts, strict=True) if own == part and s is not None}
        for part in PARTS
    }
    both = sorted((people["train"] | people["validation"]) & people["test"])
    if both:
        yield _warning(
            f"subjects {', '.join(map(str, both))} are in training and test: accuracy will flatter"
        )


def _twins(names: Sequence[str], clips: Sequence[NDArray[Any]], parts: Sequence[str]) -> Iterator[Finding]:
    """The same poses in two clips."""
    first: dict[bytes, int] = {}
    for n, xyz in enumerate(clips):
        other = first.setdefault(np.ascontiguousarray(xyz).tobytes(), n)
        if other != n:
            yield _warning(
                f"the same poses as clip {names[other]!r} ({parts[other]} and {parts[n]})", names[n]
            )


def _error(message: str, clip: str | None = None) -> Finding:
    return Finding(severity="error", message=message, clip=clip)


def _warning(message: str, clip: str | None = None) -> Finding:
    return Finding(severity="warning", message=message, clip=clip)
