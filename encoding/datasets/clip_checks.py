"""What is wrong or odd about the poses of single clips."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.validation import Finding, error, warning
from encoding.posture import body_size
from lifting.poses import MAX_COORDINATE_MM

__all__ = ["clip_findings", "twin_findings"]

# A share of missing joints beyond which interpolation invents more than it repairs.
MANY_MISSING = 0.2
# Heights of a pose, millimeters, outside which the unit is more likely wrong than the person small or tall.
PLAUSIBLE_HEIGHT_MM = (300.0, 4000.0)
# What one unit is in millimeters, where a body is as tall as people are.
UNITS = {"meters": 1000, "centimeters": 10, "inches": 25.4}
PEOPLE_MM = (900.0, 2300.0)


def clip_findings(name: str, xyz: NDArray[Any], joints: Sequence[str] | None = None) -> Iterator[Finding]:
    """What is odd about the poses of one clip, (T, J, 3) or (T, 2, J, 3), millimeters."""
    T = len(xyz)
    if T == 0:
        yield error("no frame; at least 1 is needed", name, kind="no frame")
        return
    if T == 1:
        yield warning("one frame; there is no motion to recognize", name, kind="one frame")
    low, high = float(xyz.min()), float(xyz.max())  # NaN where anything is missing
    if not (low >= -MAX_COORDINATE_MM and high <= MAX_COORDINATE_MM):
        yield from _wild_finding(name, xyz)
    # A pose of zeros begins with one: no look at the rest is needed where there is none.
    whole = np.isfinite(low) and np.isfinite(high) and xyz[..., 0, 0].all()
    if not whole:
        yield from _missing_findings(name, xyz, joints)
    yield from _height_finding(name, xyz)


def _wild_finding(name: str, xyz: NDArray[Any]) -> Iterator[Finding]:
    wild = np.argwhere(np.abs(xyz) > MAX_COORDINATE_MM)
    if wild.size:
        where = tuple(int(index) for index in wild[0])
        yield error(
            f"a coordinate of {float(xyz[where]):g} mm at frame {where[0]}, joint {where[-2]}, and "
            f"{len(wild) - 1} more beyond {MAX_COORDINATE_MM:g} mm; mark missing joints as NaN",
            name,
            kind="wild",
        )


def _missing_findings(name: str, xyz: NDArray[Any], joints: Sequence[str] | None) -> Iterator[Finding]:
    """Poses of zeros, absent people, joints that no frame shows, and many gaps."""
    zero = (xyz == 0).all(axis=(-1, -2))
    seen = np.isfinite(xyz).all(axis=-1) & ~zero[..., None]
    present = seen.any(axis=(0, -1)).reshape(-1)  # by person
    if not present.any():
        yield error("no joint is seen in any frame", name, kind="nothing seen")
        return
    people = zero.reshape(len(zero), -1)[:, present]
    if people.any():
        yield warning(
            f"{int(people.sum())} poses are all zero and taken for missing; mark them as NaN",
            name,
            kind="zero poses",
        )
    if not present.all():
        yield warning(
            "one of the two people is absent; the clip is encoded with the other one alone",
            name,
            kind="absent",
        )
    persons = seen.reshape(len(seen), -1, seen.shape[-1])[:, present]
    never = np.argwhere(~persons.any(axis=0))
    if never.size:
        yield warning(
            f"joint {_joint_label(int(never[0][-1]), joints)} is missing in every frame; the clip is encoded "
            "without it (docs/datasets.md, missing joints)",
            name,
            kind=f"never seen {int(never[0][-1])}",
        )
    gaps = persons[:, persons.any(axis=0)]
    if (share := 1 - float(gaps.mean())) > MANY_MISSING:
        yield warning(
            f"{share:.0%} of the joints are missing and will be interpolated", name, kind="many missing"
        )


def _joint_label(joint: int, joints: Sequence[str] | None) -> str:
    return f"{joint} ({joints[joint]})" if joints and joint < len(joints) else str(joint)


def _height_finding(name: str, xyz: NDArray[Any]) -> Iterator[Finding]:
    """A body a few units tall was probably written in meters."""
    height = body_size(xyz)
    if height is None:
        return
    low, high = PLAUSIBLE_HEIGHT_MM
    if low <= height <= high:
        return
    likely = [
        f" In {unit} this would be {height * factor / 1000:.2f} m: multiply by {factor:g}, or name "
        "the unit (of an import, the option unit)"
        for unit, factor in UNITS.items()
        if PEOPLE_MM[0] <= height * factor <= PEOPLE_MM[1]
    ]
    yield warning(
        f"the body spans {height:.3g} mm, outside {low:g} to {high:g}: is the unit millimeters?"
        + (likely[0] if likely else ""),
        name,
        kind="height",
    )


def twin_findings(
    names: Sequence[str], clips: Sequence[NDArray[Any]], parts: Sequence[str]
) -> Iterator[Finding]:
    """The same poses in two clips."""
    # Clips that are equal have the same first frame: only those that share one are read whole.
    beginnings = [xyz[:1].tobytes() for xyz in clips]
    shared = {key for key, count in Counter(beginnings).items() if count > 1}
    first: dict[bytes, int] = {}
    for n, xyz in enumerate(clips):
        if beginnings[n] not in shared:
            continue
        digest = hashlib.sha256(np.ascontiguousarray(xyz).view(np.uint8).data).digest()
        other = first.setdefault(digest, n)
        if other != n:
            yield warning(
                f"the same poses as clip {names[other]!r} ({parts[other]} and {parts[n]})",
                names[n],
                kind=f"twins {parts[other]} {parts[n]}",
            )
