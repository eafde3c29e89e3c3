"""What is wrong or odd about labelled clips: every finding in one pass, for `posenas data check`."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.records import Split
from lifting.poses import MAX_COORDINATE_MM

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
    findings += twin_findings(
        [clip.name for clip in split.clips], [clip.poses.xyz for clip in split.clips], parts
    )
    frames = sum(clip.poses.num_frames for clip in split.clips)
    return Report(source=split.name, num_clips=len(parts), num_frames=frames, findings=tuple(findings))


def clip_findings(name: str, xyz: NDArray[Any], joints: Sequence[str] | None = None) -> Iterator[Finding]:
    """What is odd about the poses of one clip, (T, J, 3) or (T, 2, J, 3), millimetres."""
    T = len(xyz)
    if T == 0:
        yield error("no frame; at least 1 is needed", name)
        return
    if T == 1:
        yield warning("one frame; there is no motion to recognise", name)
    wild = np.argwhere(np.abs(xyz) > MAX_COORDINATE_MM)
    if wild.size:
        where = tuple(int(index) for index in wild[0])
        yield error(
            f"a coordinate of {float(xyz[where]):g} mm at frame {where[0]}, joint {where[-2]}, and "
            f"{len(wild) - 1} more beyond {MAX_COORDINATE_MM:g} mm; mark missing joints as NaN",
            name,
        )
    zero = (xyz == 0).all(axis=(-1, -2))
    if zero.any():
        yield warning(f"{int(zero.sum())} poses are all zero and taken for missing; mark them as NaN", name)
    seen = np.isfinite(xyz).all(axis=-1) & ~zero[..., None]
    never = np.argwhere(~seen.any(axis=0))
    if never.size:
        joint = int(never[0][-1])
        label = f"{joint} ({joints[joint]})" if joints and joint < len(joints) else str(joint)
        yield error(
            f"joint {label} is missing in every frame; each needs at least 1 to be interpolated from", name
        )
    elif (share := 1 - float(seen.mean())) > MANY_MISSING:
        yield warning(f"{share:.0%} of the joints are missing and will be interpolated", name)
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
        yield warning(
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
            yield error(f"{count} clips have this name; names must differ", name)
    in_part = {
        part: {label for label, own in zip(labels, parts, strict=True) if own == part} for part in PARTS
    }
    for label, class_name in enumerate(class_names):
        if label not in in_part["train"]:
            yield error(f"class {class_name!r} has no training clip; at least 1 is needed")
        for part in ("validation", "test"):
            if in_part[part] and label not in in_part[part]:
                yield warning(f"class {class_name!r} has no {part} clip")
    if not in_part["test"]:
        yield warning("no clip is marked as test: there is nothing to score at the end")
    people = {
        part: {s for s, own in zip(subjects, parts, strict=True) if own == part and s is not None}
        for part in PARTS
    }
    both = sorted((people["train"] | people["validation"]) & people["test"])
    if both:
        yield warning(f"subjects {', '.join(map(str, both))} are in training and test: accuracy will flatter")


def twin_findings(
    names: Sequence[str], clips: Sequence[NDArray[Any]], parts: Sequence[str]
) -> Iterator[Finding]:
    """The same poses in two clips."""
    first: dict[bytes, int] = {}
    for n, xyz in enumerate(clips):
        other = first.setdefault(np.ascontiguousarray(xyz).tobytes(), n)
        if other != n:
            yield warning(
                f"the same poses as clip {names[other]!r} ({parts[other]} and {parts[n]})", names[n]
            )


def error(message: str, clip: str | None = None) -> Finding:
    """The data cannot be used."""
    return Finding(severity="error", message=message, clip=clip)


def warning(message: str, clip: str | None = None) -> Finding:
    """The data can be used, perhaps not as meant."""
    return Finding(severity="warning", message=message, clip=clip)
