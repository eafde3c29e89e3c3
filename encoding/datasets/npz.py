"""The plain .npz for anyone's clips: written, read and checked. docs/datasets.md describes it array by array.

No pickles: every array is numbers or fixed-width text, read with allow_pickle=False.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.body_checks import body_findings
from encoding.datasets.entry import DataSet
from encoding.datasets.gaps import marked, zero_joints
from encoding.datasets.records import Clip, Split
from encoding.datasets.schema import (
    MILLIMETERS,
    NUM_SHOWN,
    Arrays,
    check_arrays,
    class_names,
    clip_groups,
    clip_names,
    clip_parts,
    clip_subjects,
    clips_of,
    form_findings,
    is_flat,
    up_axis,
)
from encoding.datasets.set_checks import UNTRAINED
from encoding.datasets.splits import HoldOutBy, hold_out
from encoding.datasets.validation import PARTS, Finding, Report, grouped
from encoding.flat import from_pixels, without_depth
from encoding.people import keep_moving
from encoding.posture import Up, turned
from lifting.npz import read_npz
from lifting.poses import PoseSequence3D
from lifting.reading import guarded
from lifting.skeleton import SKELETONS, Skeleton, get_skeleton

HOW_TO_GET = (
    "name a .npz with arrays xyz, offsets, labels, class_names, skeleton, fps and unit (docs/datasets.md), "
    "as encoding.datasets.save_clips writes it"
)

LAYOUT = ("joints", "parents", "pairs")
"""Arrays of a joint layout that no name stands for."""


def save_clips(path: Path, split: Split) -> None:
    """Write a split to one .npz; the file appears complete or not at all.

    Args:
        path: the file; an existing one is replaced.
        split: whatever its source; its three parts are kept.
    """
    clips = split.clips
    skeleton = split.skeleton
    arrays: dict[str, Any] = {
        "xyz": np.concatenate([clip.poses.xyz for clip in clips]),
        "offsets": np.cumsum([0] + [clip.poses.num_frames for clip in clips]),
        "labels": np.array([clip.label for clip in clips]),
        "class_names": np.array(split.class_names),
        "skeleton": np.array(skeleton.name),
        "fps": np.array([clip.poses.fps for clip in clips]),
        "unit": np.array("mm"),
        "names": np.array([clip.name for clip in clips]),
        "subjects": np.array([-1 if clip.subject is None else clip.subject for clip in clips]),
        "groups": np.array([clip.group or "" for clip in clips]),
        "split": np.array([part for part in PARTS for _ in getattr(split, part)]),
    }
    if SKELETONS.get(skeleton.name) != skeleton:
        arrays |= layout_arrays(skeleton)
    _write(Path(path), arrays)


def layout_arrays(skeleton: Skeleton) -> dict[str, NDArray[Any]]:
    """The arrays by which `read_skeleton` reads a layout that no name stands for."""
    return {
        "joints": np.array(skeleton.joints),
        "parents": np.array(skeleton.parents),
        "pairs": np.array(skeleton.pairs, dtype=np.int64).reshape(-1, 2),
    }


def load_clips(
    path: Path,
    *,
    split: str | None = None,
    validation_fraction: float = 0.2,
    validation_by: HoldOutBy = "auto",
    seed: int = 0,
) -> Split:
    """Read a plain .npz.

    The array `split` divides the clips; without it all are for development and the test part is empty. Where
    no clip is marked validation, it is split off the training clips by `hold_out`. Poses that are all
    zero become NaN.

    Args:
        path: the file.
        split: name of one of the file's `protocols`, to divide the clips by it; None: as `split` says.
        validation_fraction, validation_by, seed: as in `hold_out`.

    Raises:
        FileNotFoundError: there is no such file; says what it must hold.
        ValueError: the first error that `check` finds, or the file has no such split.
    """
    path = Path(path)
    arrays = _read(path)
    with guarded(path, "a data set of clips"):
        return _split(path, arrays, validation_fraction, validation_by, seed, split)


def _split(
    path: Path,
    arrays: Arrays,
    validation_fraction: float,
    validation_by: HoldOutBy,
    seed: int,
    split: str | None,
) -> Split:
    report = check_arrays(path, arrays)
    if not report.ok:
        raise ValueError(
            f"{path}: {report.errors[0].text} ({len(report.errors)} errors in all; "
            "`posenas data check` lists them)"
        )
    clips = _clips(path, arrays)
    parts = clip_parts(arrays) if split is None else _named_split(path, arrays, split)
    chosen = {
        part: tuple(clip for clip, own in zip(clips, parts, strict=True) if own == part) for part in PARTS
    }
    names = class_names(arrays)
    train, validation, rule = chosen["train"], chosen["validation"], "as marked in the file"
    if not validation:
        held = hold_out(
            train, num_classes=len(names), fraction=validation_fraction, by=validation_by, seed=seed
        )
        train, validation, rule = held.train, held.validation, held.rule
    return Split(
        name=path.name,
        class_names=names,
        train=train,
        validation=validation,
        test=chosen["test"],
        validation_rule=rule,
    )


def _named_split(path: Path, arrays: Arrays, split: str) -> list[str]:
    names = [str(name) for name in arrays.get("protocols", ())]
    if split not in names:
        known = ", ".join(names) or "none"
        raise ValueError(f"{path} has no split {split!r}; its named splits are: {known}")
    return [str(part) for part in arrays["protocol_parts"][names.index(split)]]


def read_clips(path: Path) -> list[tuple[Clip, str | None, str | None]]:
    """The clips of a plain .npz that is not to be learned from: labels, and training clips, may lack.

    Returns:
        Each clip with the name of its class and its part, None where the file does not say.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the first error that `check` finds, but for classes that could not be learned.
    """
    arrays = dict(_read(Path(path)))
    labeled = {"labels", "class_names"} <= set(arrays)
    if not labeled and "offsets" in arrays:
        arrays["labels"] = np.zeros(max(arrays["offsets"].size - 1, 0), np.int64)
        arrays["class_names"] = np.array([""])
    report = check_arrays(Path(path), arrays)
    errors = [one for one in report.errors if not one.kind.startswith(UNTRAINED)]
    if errors:
        raise ValueError(f"{path}: {errors[0].text}")
    names, parts = class_names(arrays), clip_parts(arrays) if "split" in arrays else None
    return [
        (clip, names[clip.label] if labeled else None, (parts[n] or None) if parts else None)
        for n, clip in enumerate(_clips(Path(path), arrays))
    ]


def check(path: Path) -> Report:
    """Everything that is wrong or odd about a plain .npz.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = Path(path)
    try:
        arrays = _read(path)
        with guarded(path, "a data set of clips"):
            report = check_arrays(path, arrays)
            if report.num_clips:
                skeleton, up = _skeleton(path, arrays), up_axis(arrays)
                bodies = (
                    ()
                    if is_flat(arrays)
                    else body_findings(clip_names(arrays), clips_of(arrays), skeleton, up)
                )
                report = replace(report, findings=grouped([*report.findings, *bodies]))
    except ValueError as error:
        finding = Finding(severity="error", message=str(error))
        return Report(source=str(path), num_clips=0, num_frames=0, findings=(finding,))
    return report


def _read(path: Path) -> Arrays:
    if not path.is_file():
        raise FileNotFoundError(f"no clips at {path}: {HOW_TO_GET}")
    with guarded(path, "a data set of clips"):
        return _in_millimeters(read_npz(path, "a readable .npz without pickles"))


def _in_millimeters(arrays: dict[str, NDArray[Any]]) -> Arrays:
    """Coordinates in another unit that is known are converted; pixels lie in the plane z = 0, y up.

    Of more than two people the two with the most motion are kept.
    """
    if "xyz" in arrays and arrays["xyz"].ndim == 4 and not list(form_findings(arrays)):
        arrays[NUM_SHOWN] = np.array(arrays["xyz"].shape[1])
        if arrays["xyz"].shape[1] == 1:
            arrays["xyz"] = arrays["xyz"][:, 0]
        elif arrays["xyz"].shape[1] > 2:
            arrays["xyz"] = np.concatenate([keep_moving(clip, 2) for clip in clips_of(arrays)])
    if is_flat(arrays) and not list(form_findings(arrays)):
        arrays["xyz"] = np.concatenate([from_pixels(clip) for clip in clips_of(arrays)])
        return arrays
    factor = MILLIMETERS.get(str(arrays.get("unit")), 1)
    if factor != 1 and "xyz" in arrays and np.issubdtype(arrays["xyz"].dtype, np.floating):
        arrays["xyz"] *= factor
    return arrays


def _clips(path: Path, arrays: Arrays) -> list[Clip]:
    skeleton, up = _skeleton(path, arrays), up_axis(arrays)
    names, frames = clip_names(arrays), clips_of(arrays)
    N = len(names)
    fps = np.broadcast_to(arrays["fps"], (N,))
    subjects, groups = clip_subjects(arrays), clip_groups(arrays)
    flat = is_flat(arrays)
    gaps = () if flat else tuple(zero_joints(frames, skeleton))
    return [
        Clip(
            name=names[n],
            poses=_upright(_poses(path, names[n], frames[n], float(fps[n]), skeleton, gaps, flat), up),
            label=int(arrays["labels"][n]),
            subject=subjects[n],
            group=groups[n],
        )
        for n in range(N)
    ]


def _upright(poses: PoseSequence3D, up: Up) -> PoseSequence3D:
    """Poses whose bodies stand along x or z are turned to y up; y down, as a camera has it, stays."""
    return poses if up in ("y", "-y") else turned(poses, up, "y")


def _poses(
    path: Path,
    name: str,
    xyz: NDArray[Any],
    fps: float,
    skeleton: Skeleton,
    gaps: tuple[int, ...],
    flat: bool,
) -> PoseSequence3D:
    # A pose of nothing but zeros is missing, and so are the joints that the file marks by zeros.
    seen = marked(xyz, gaps).astype(np.float32)
    try:
        poses = PoseSequence3D(xyz=seen, fps=fps, skeleton=skeleton)
        return without_depth(poses) if flat else poses
    except ValueError as error:
        raise ValueError(f"{path}, clip {name!r}: {error}") from error


def _skeleton(path: Path, arrays: Arrays) -> Skeleton:
    skeleton = read_skeleton(path, arrays)
    if arrays["xyz"].shape[-2] != skeleton.num_joints:
        raise ValueError(
            f"{path}: xyz has {arrays['xyz'].shape[-2]} joints; skeleton {skeleton.name!r} needs "
            f"{skeleton.num_joints}"
        )
    return skeleton


def read_skeleton(path: Path, arrays: Arrays, known: Sequence[Skeleton] = ()) -> Skeleton:
    """The joint layout that a .npz gives: by its name, or by joints, parents and pairs beside it.

    Args:
        path: of the file, for messages.
        arrays: its `skeleton`, and `joints`, `parents` and `pairs` where it has them.
        known: further layouts that a name may mean.

    Raises:
        ValueError: no layout has the name, or what is given is no layout.
    """
    name = str(arrays["skeleton"])
    given = [key for key in LAYOUT if key in arrays]
    by_name = {skeleton.name: skeleton for skeleton in known}
    try:
        if given:
            return Skeleton.from_dict({"name": name, **{key: arrays[key] for key in given}})
        return by_name[name] if name in by_name else get_skeleton(name)
    except ValueError as error:
        raise ValueError(
            f"{path}: a known skeleton, or one given by joints, parents and pairs, is needed: {error}"
        ) from error


def _write(path: Path, arrays: dict[str, Any]) -> None:
    """Beside the file, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        temporary = Path(file.name)
        try:
            np.savez_compressed(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


DATA_SET = DataSet(name="npz", load=load_clips, options=("split",), how_to_get=HOW_TO_GET)
