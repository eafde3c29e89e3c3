"""AlphaPose's results: one list, an entry for each person and image, as its default form has them.

`image_id` "12.jpg" counts the frames, `keypoints` is flat x, y, confidence of 17, 26 or 136 joints, `idx` is
there only with tracking. Images without people have no entry.
"""

from pathlib import Path
from typing import Any

import numpy as np

from encoding.datasets.formats.detections import (
    Detection,
    Frames,
    detector_recordings,
    read_json,
    trailing_number,
)
from encoding.datasets.formats.entry import Format, ImportOptions, Recordings
from encoding.datasets.formats.files import files_of
from lifting.reading import guarded

__all__ = ["FORMAT"]


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return b"".join(file.read(4000).removeprefix(b"\xef\xbb\xbf").split())


def recognize(path: Path) -> bool:
    """Whether a .json is a list whose entries have image_id and keypoints."""
    first = next(iter(files_of(path, ".json")), None)
    if first is None:
        return False
    start = _begins(first)
    return start.startswith(b"[{") and b'"image_id"' in start and b'"keypoints"' in start


def open_alphapose(root: Path, options: ImportOptions) -> Recordings:
    """All .json files of a folder, or one; each is one video."""
    return detector_recordings(root, files_of(root, ".json"), options, _frames)


def _frames(path: Path) -> tuple[Frames, None]:
    content: Any = read_json(path)
    frames: dict[int, list[Detection]] = {}
    with guarded(path, "AlphaPose's results"):
        for entry in content:
            number = trailing_number(entry["image_id"])
            if number is None:
                raise ValueError(
                    f"image_id {entry['image_id']!r} has no number; the frame's number is needed"
                )
            values = np.array(entry["keypoints"], np.float64).reshape(-1, 3)
            idx = entry.get("idx")
            identity = int(np.ravel(idx)[0]) if idx is not None and np.size(idx) == 1 else None
            frames.setdefault(number, []).append((identity, values[:, :2], values[:, 2]))
    return sorted(frames.items()), None


FORMAT = Format(
    name="alphapose",
    title="AlphaPose results",
    looks_like=".json lists of image_id and keypoints",
    recognize=recognize,
    open=open_alphapose,
    options=("labels", "skeleton", "fps", "image_size"),
)
