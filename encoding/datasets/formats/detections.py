"""What readers of detectors' JSON share: people of frames into clips, layouts by their number of joints."""

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.entry import ImportOptions, RawClip, Recordings
from encoding.datasets.formats.image_points import followed, image_motion
from encoding.datasets.formats.takes import Motion, TakeFile, plan_takes, read_takes
from lifting.reading import guarded, read_text
from lifting.skeleton import BODY_25, COCO_17, COCO_18, COCO_WHOLEBODY_133, HALPE_26, Skeleton
from lifting.skeleton_file import find_skeleton

__all__ = ["Detection", "Frames", "detector_recordings", "read_json", "to_motion", "trailing_number"]

FPS = 30.0
Detection = tuple[int | None, NDArray[np.floating[Any]], NDArray[np.floating[Any]]]
Frames = list[tuple[int, list[Detection]]]

_BY_JOINTS = {
    skeleton.num_joints: skeleton for skeleton in (COCO_17, COCO_18, BODY_25, HALPE_26, COCO_WHOLEBODY_133)
}
# Halpe's 136 points: its 26 first, then face and hands, which no layout here has in that order.
_HALPE_136 = 136


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        ValueError: it is no JSON, or cut off.
    """
    with guarded(path, "JSON"):
        return json.loads(read_text(path), object_hook=_compact)


def _compact(entry: dict[str, Any]) -> dict[str, Any]:
    """Keypoints as arrays at once: lists of numbers would take several times the memory."""
    values = entry.get("keypoints")
    if isinstance(values, list) and values and isinstance(values[0], int | float | list):
        with suppress(ValueError, TypeError, OverflowError):  # what is no array is named where it is used
            entry["keypoints"] = np.array(values, np.float64)
    return entry


def trailing_number(text: str) -> int | None:
    """The last number in a name, as of "frame_0012.jpg"."""
    digits = re.findall(r"\d+", Path(str(text)).stem)
    return int(digits[-1]) if digits else None


def layout_of(joints: int, given: str | None, where: str) -> Skeleton:
    """The layout of a detector's people.

    Raises:
        ValueError: no layout has this number of joints, or the one given has another number.
    """
    if given is not None:
        skeleton = find_skeleton(given).skeleton
    elif joints == _HALPE_136:
        skeleton = HALPE_26
    elif joints in _BY_JOINTS:
        skeleton = _BY_JOINTS[joints]
    else:
        known = ", ".join(map(str, [*_BY_JOINTS, _HALPE_136]))
        raise ValueError(
            f"{where}: people have {joints} joints; {known} are known, any other must be "
            "named as the skeleton"
        )
    if skeleton.num_joints > joints:
        raise ValueError(f"{where}: people have {joints} joints; {skeleton.name} needs {skeleton.num_joints}")
    return skeleton


def to_motion(
    frames: Frames, skeleton: Skeleton, options: ImportOptions, image_size: tuple[int, int] | None, file: str
) -> Motion:
    """The people of one clip.

    Raises:
        ValueError: no frame shows a person, one has too few joints, or the size of the picture is needed.
    """
    J = skeleton.num_joints
    few = next((len(sure) for _, people in frames for _, _, sure in people if len(sure) < J), None)
    if few is not None:
        raise ValueError(f"{file}: a person has {few} joints; {skeleton.name} needs {J}")
    if not any(people for _, people in frames):
        raise ValueError(f"{file}: no frame shows a person")
    cut = [(number, [(i, xy[:J], sure[:J]) for i, xy, sure in people]) for number, people in sorted(frames)]
    last = cut[-1][0] - cut[0][0] + 1
    if last > 100 * len(cut) + 10_000:
        raise ValueError(
            f"{file}: frames are numbered {cut[0][0]} to {cut[-1][0]} and there are {len(cut)}; these are "
            "time stamps, and numbers of frames are needed"
        )
    points, confidence = followed(cut, J, options.people or 1)
    return image_motion(points, confidence, options.fps or FPS, options.image_size or image_size, file)


def detector_recordings(
    root: Path,
    paths: Sequence[Path],
    options: ImportOptions,
    read_frames: Callable[[Path], tuple[Frames, tuple[int, int] | None]],
) -> Recordings:
    """Recordings of files (or folders) that hold one clip each.

    Raises:
        ValueError: the first clip cannot be read, or its joints are of no known layout.
    """
    takes = plan_takes(root, paths, options.labels)
    skeleton = None
    for file in takes.files:
        frames, _ = read_frames(file.path)
        first = next((sure for _, people in frames for _, _, sure in people), None)
        if first is not None:
            skeleton = layout_of(len(first), options.skeleton, file.path.name)
            break
    if skeleton is None:
        raise ValueError(f"{root}: none of {len(takes.files)} files shows a person")
    read = partial(_read, read_frames=read_frames, skeleton=skeleton, options=options)
    fps = options.fps or FPS
    return Recordings(
        items=takes.files,
        read=read,
        skeleton=skeleton,
        unit="pixels",
        axes="y down",
        rate=f"{fps:g} frames/s" + ("" if options.fps else " (assumed: the files do not say)"),
        protocols=takes.protocols,
        left_out=takes.left_out,
        heavy=True,
    )


def _read(
    file: TakeFile,
    *,
    read_frames: Callable[[Path], tuple[Frames, tuple[int, int] | None]],
    skeleton: Skeleton,
    options: ImportOptions,
) -> list[RawClip]:
    def motion(path: Path) -> Motion:
        frames, size = read_frames(path)
        return to_motion(frames, skeleton, options, size, path.name)

    return read_takes(file, read=motion)
