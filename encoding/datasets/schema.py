"""The form of the plain .npz, array by array, and the findings about one."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.clip_checks import clip_findings, twin_findings
from encoding.datasets.set_checks import part_findings, rate_findings
from encoding.datasets.validation import PARTS, Finding, Report, error, grouped, warning
from encoding.posture import UPS, Up
from lifting.skeleton import SKELETONS

Arrays = Mapping[str, NDArray[Any]]
PIXELS = "px"
NEEDED = ("xyz", "offsets", "labels", "class_names", "skeleton", "fps", "unit")
ONE_A_CLIP = ("labels", "names", "subjects", "groups", "split")
KINDS = (
    ("xyz", np.floating, "float32 numbers"),
    ("fps", np.number, "numbers"),
    ("offsets", np.integer, "integers"),
    ("labels", np.integer, "integers"),
)
NUM_SHOWN = "num_shown"
"""Where the reader notes how many people a file shows, of whom two at most are kept."""
MILLIMETERS = {"mm": 1, "cm": 10, "m": 1000}
"""What a unit of the coordinates is in millimeters."""
AXES: Mapping[str, Up] = {f"{up[-1]} {'down' if up.startswith('-') else 'up'}": up for up in UPS}
"""What the array `axes` may say of the axis that points up."""


def check_arrays(source: Path, arrays: Arrays) -> Report:
    """Findings about the arrays of a plain .npz (docs/datasets.md): their form first, then what they hold.

    The coordinates are in millimeters here, whatever `unit` says.
    """
    findings = list(form_findings(arrays))
    if findings:
        return Report(source=str(source), num_clips=0, num_frames=0, findings=tuple(findings))
    names, clips = clip_names(arrays), clips_of(arrays)
    known = SKELETONS.get(str(arrays["skeleton"]))
    joints = tuple(map(str, arrays["joints"])) if "joints" in arrays else known.joints if known else None
    parts = clip_parts(arrays)
    findings += [
        finding
        for name, xyz in zip(names, clips, strict=True)
        for finding in clip_findings(name, xyz, joints)
    ]
    findings += part_findings(
        names=names,
        labels=arrays["labels"].tolist(),
        subjects=clip_subjects(arrays),
        parts=parts,
        class_names=class_names(arrays),
    )
    if (shown := int(arrays.get(NUM_SHOWN, np.array(0)))) > 2:
        findings.append(
            warning(f"the file shows {shown} people; the two with the most motion are kept in each clip")
        )
    findings += rate_findings(names, np.broadcast_to(arrays["fps"], (len(names),)).tolist())
    findings += twin_findings(names, clips, parts)
    return Report(
        source=str(source), num_clips=len(names), num_frames=len(arrays["xyz"]), findings=grouped(findings)
    )


def clips_of(arrays: Arrays) -> list[NDArray[Any]]:
    """The frames of each clip, views."""
    offsets = arrays["offsets"]
    return [arrays["xyz"][begin:end] for begin, end in pairwise(offsets.tolist())]


def texts(values: NDArray[Any]) -> list[str]:
    """Text, also where it was written as bytes."""
    return [
        value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        for value in values.tolist()
    ]


def class_names(arrays: Arrays) -> tuple[str, ...]:
    """The names of the classes."""
    return tuple(texts(arrays["class_names"]))


def is_flat(arrays: Arrays) -> bool:
    """Whether the clips are 2D, in pixels."""
    return str(arrays.get("unit")) == PIXELS


def up_axis(arrays: Arrays) -> Up:
    """The axis that points up, as the array `axes` says; y without it, and of 2D clips, which are turned."""
    if is_flat(arrays):
        return "y"
    return AXES[str(arrays["axes"])] if "axes" in arrays else "y"


def clip_names(arrays: Arrays) -> list[str]:
    """The names given, else clip_0000 and so on."""
    if "names" in arrays:
        return texts(arrays["names"])
    return [f"clip_{n:04}" for n in range(len(arrays["offsets"]) - 1)]


def clip_parts(arrays: Arrays) -> list[str]:
    """The parts given, else train."""
    if "split" in arrays:
        return [str(part) for part in arrays["split"]]
    return ["train"] * (len(arrays["offsets"]) - 1)


def clip_subjects(arrays: Arrays) -> list[int | None]:
    """The subjects given, None for a negative one, an empty name, or where there are none.

    Names such as "P003" are numbered in their order, from 1.
    """
    if "subjects" not in arrays:
        return [None] * (len(arrays["offsets"]) - 1)
    given = arrays["subjects"]
    if given.dtype.kind in "iu":
        return [None if subject < 0 else int(subject) for subject in given]
    named = texts(given)
    number = {name: n for n, name in enumerate(sorted(set(named) - {""}), start=1)}
    return [number.get(name) for name in named]


def clip_groups(arrays: Arrays) -> list[str | None]:
    """The groups given, else the subjects' names where they have some."""
    if "groups" in arrays:
        return [group or None for group in texts(arrays["groups"])]
    if "subjects" in arrays and arrays["subjects"].dtype.kind in "SU":
        return [name or None for name in texts(arrays["subjects"])]
    return [None] * (len(arrays["offsets"]) - 1)


def form_findings(arrays: Arrays) -> Iterator[Finding]:
    """Missing arrays, wrong shapes and types: all that makes the rest unreadable."""
    missing = [key for key in NEEDED if key not in arrays]
    if missing:
        yield error(f"no array {', '.join(missing)}; {', '.join(NEEDED)} are needed")
        return
    wrong_type = list(_type_findings(arrays))
    yield from wrong_type
    yield from _pose_findings(arrays)
    xyz, offsets = arrays["xyz"], arrays["offsets"]
    if wrong_type:
        return
    if (
        offsets.ndim != 1
        or len(offsets) < 2
        or (offsets[0], offsets[-1]) != (0, len(xyz))
        or (np.diff(offsets) < 0).any()
    ):
        yield error(
            f"offsets must rise from 0 to the {len(xyz)} frames of xyz, one more than there are clips; "
            f"shape {offsets.shape} came"
        )
        return
    N = len(offsets) - 1
    for key in ONE_A_CLIP:
        if key in arrays and arrays[key].shape != (N,):
            yield error(f"{key} has shape {arrays[key].shape}; ({N},) is needed, one a clip")
    if arrays["fps"].shape not in ((), (N,)) or not np.all(arrays["fps"] > 0):
        yield error(f"fps must be one positive number or {N} of them, one a clip")
    if ("protocols" in arrays) != ("protocol_parts" in arrays) or (
        "protocols" in arrays and arrays["protocol_parts"].shape != (arrays["protocols"].size, N)
    ):
        yield error(f"protocols and protocol_parts must be names (P,) and parts (P, {N}), one a clip")
    yield from _value_findings(arrays)


def _type_findings(arrays: Arrays) -> Iterator[Finding]:
    for key, kind, name in KINDS:
        if key in arrays and not np.issubdtype(arrays[key].dtype, kind):
            yield error(f"{key} is of type {arrays[key].dtype}; {name} are needed")
    if "subjects" in arrays and arrays["subjects"].dtype.kind not in "iuSU":
        yield error(f"subjects is of type {arrays['subjects'].dtype}; integers or names are needed")
    if arrays["class_names"].ndim != 1:
        yield error(f"class_names has shape {arrays['class_names'].shape}; one name a class is needed")


def _pose_findings(arrays: Arrays) -> Iterator[Finding]:
    xyz = arrays["xyz"]
    flat = is_flat(arrays)
    if (
        xyz.ndim not in (3, 4)
        or xyz.shape[-1] not in ((2, 3) if flat else (3,))
        or (xyz.ndim == 4 and xyz.shape[1] == 0)
    ):
        hint = "; of 2D clips (frames, J, 2), with the unit px" if xyz.shape[-1:] == (2,) else ""
        yield error(f"xyz has shape {xyz.shape}; (frames, J, 3), or (frames, people, J, 3), is needed{hint}")
    if str(arrays["unit"]) not in MILLIMETERS and not flat:
        yield error(
            f"unit is {str(arrays['unit'])!r}; one of {', '.join(MILLIMETERS)} is needed, or px for 2D"
        )
    if "axes" in arrays and str(arrays["axes"]) not in AXES:
        yield error(f"axes is {str(arrays['axes'])!r}; one of {', '.join(AXES)} is needed")


def _value_findings(arrays: Arrays) -> Iterator[Finding]:
    labels = arrays["labels"]
    K = arrays["class_names"].size
    if ((labels < 0) | (labels >= K)).any():
        yield error(f"labels must be in 0..{K - 1}, the indices of the {K} class_names")
    # A clip that a protocol leaves out has an empty part, and is not used.
    given = {str(part) for part in arrays["split"].ravel()} if "split" in arrays else set()
    odd = sorted(given - {*PARTS, ""})
    if odd:
        yield error(
            f"split holds {odd[0]!r}; each clip needs one of {', '.join(PARTS)}, or nothing "
            "where it is not used"
        )
