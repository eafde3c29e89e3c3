"""COCO keypoint JSON: images, annotations (keypoints flat x, y, v) and a category that names the joints.

The images of one folder of `file_name` (or of one `video_id`) are one clip, in the order of frame_id or of
the numbers in their names. `v` is 0 where a joint is not labeled.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from encoding.datasets.formats.detections import FPS, Detection, Frames, read_json, to_motion, trailing_number
from encoding.datasets.formats.entry import Format, ImportOptions, RawClip, Recordings
from encoding.datasets.formats.files import files_of
from encoding.datasets.formats.named_points import choose_joints
from encoding.datasets.formats.takes import TakeFile, Takes, plan_takes, read_takes
from lifting.reading import guarded
from lifting.skeleton import COCO_17, COCO_WHOLEBODY_133, Skeleton
from lifting.skeleton_file import find_skeleton

__all__ = ["FORMAT"]


def recognize(path: Path) -> bool:
    """Whether a .json has images, annotations and keypoints."""
    first = next(iter(files_of(path, ".json")), None)
    if first is None or first.stat().st_size < 20:
        return False
    with first.open("rb") as file:
        start = file.read(1 << 20)
        file.seek(-min(1 << 20, first.stat().st_size), 2)
        both = start + file.read()
    # Of a large file the keys themselves may lie in the middle, but not what stands below them.
    images = b'"images"' in both or b'"file_name"' in both
    annotations = b'"annotations"' in both or b'"image_id"' in both
    return start.lstrip()[:1] == b"{" and images and annotations and b'"keypoints"' in both


def open_coco(root: Path, options: ImportOptions) -> Recordings:
    """One .json of many clips.

    Raises:
        ValueError: a part is missing, or the joints are of no known layout.
    """
    path = files_of(root, ".json")[0]
    content = read_json(path)
    with guarded(path, "COCO keypoint JSON"):
        clips = _clips(content)
        skeleton = _skeleton(content, options)
    places = [root.parent / name for name in clips] if root.is_file() else [root / name for name in clips]
    base = root.parent if root.is_file() else root
    takes: Takes = plan_takes(base, places, options.labels)
    fps = options.fps or FPS
    return Recordings(
        items=takes.files,
        read=partial(_read, base=base, clips=clips, skeleton=skeleton, options=options),
        skeleton=skeleton,
        unit="pixels",
        axes="y down",
        rate=f"{fps:g} frames/s" + ("" if options.fps else " (assumed: the file does not say)"),
        protocols=takes.protocols,
        left_out=takes.left_out,
    )


def _clips(content: Mapping[str, Any]) -> dict[str, tuple[Frames, tuple[int, int] | None]]:
    """name -> frames and size of the picture."""
    people: dict[Any, list[Detection]] = {}
    for one in content["annotations"]:
        values = np.array(one.get("keypoints", ()), np.float64).reshape(-1, 3)
        if len(values):
            track = one.get("track_id", one.get("instance_id"))
            sure = np.minimum(values[:, 2], 1)
            people.setdefault(one["image_id"], []).append(
                (None if track is None else int(track), values[:, :2], sure)
            )
    clips: dict[str, tuple[list[tuple[int, list[Detection]]], tuple[int, int] | None]] = {}
    for order, image in enumerate(content["images"]):
        file = Path(str(image.get("file_name", image["id"])))
        name = str(image.get("video_id", "")) or (str(file.parent) if file.parent != Path() else "clip")
        number = image.get("frame_id", trailing_number(str(file)))
        size = (int(image["width"]), int(image["height"])) if {"width", "height"} <= set(image) else None
        own = clips.setdefault(name, ([], size))[0]
        own.append((order if number is None else int(number), people.get(image["id"], [])))
    return {
        name: (sorted(frames, key=lambda frame: frame[0]), size) for name, (frames, size) in clips.items()
    }


def _skeleton(content: Mapping[str, Any], options: ImportOptions) -> Skeleton:
    if options.skeleton is not None:
        return find_skeleton(options.skeleton).skeleton
    names = next((one["keypoints"] for one in content["categories"] if one.get("keypoints")), ())
    known = {skeleton.num_joints: skeleton for skeleton in (COCO_17, COCO_WHOLEBODY_133)}
    if len(names) in known:
        return known[len(names)]
    choice = choose_joints(list(map(str, names)), None, "coco")
    if choice.skeleton.num_joints != len(names) or [m[0] for m in choice.markers] != list(names):
        raise ValueError(f"its joints are {', '.join(map(str, names))}; name their layout as the skeleton")
    return choice.skeleton


def _read(
    file: TakeFile,
    *,
    base: Path,
    clips: Mapping[str, tuple[Frames, tuple[int, int] | None]],
    skeleton: Skeleton,
    options: ImportOptions,
) -> list[RawClip]:
    frames, size = clips[str(file.path.relative_to(base))]
    return read_takes(file, read=lambda path: to_motion(frames, skeleton, options, size, str(path.name)))


FORMAT = Format(
    name="coco",
    title="COCO keypoints",
    looks_like="a .json with images, annotations and categories",
    recognize=recognize,
    open=open_coco,
    options=("labels", "skeleton", "fps", "image_size"),
)
