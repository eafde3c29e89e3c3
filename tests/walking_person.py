"""Somebody who walks to the right, as a folder of OpenPose JSON."""

from pathlib import Path

import numpy as np

from lifting.openpose import frame_file_name, write_people
from lifting.tracking import DetectedPerson

FRAMES = 12


def person(frame: int, x: float = 300, size: float = 100) -> DetectedPerson:
    draw = np.random.default_rng(1)
    xy = draw.normal(0, 0.5, (25, 2)) * size + [x + 2 * frame, 240]
    xy[8] = (xy[9] + xy[12]) / 2  # the middle of the hips, as in BODY_25
    return DetectedPerson(xy=xy.astype(np.float32), confidence=np.full(25, 0.9, np.float32))


def folder(at: Path, lost: tuple[int, ...] = (), others: bool = False, frames: int = FRAMES) -> Path:
    """Somebody who walks to the right; lost in some frames; with a smaller person beside, if asked for."""
    at.mkdir()
    for frame in range(frames):
        people = [] if frame in lost else [person(frame)]
        people += [person(frame, x=700, size=40)] if others else []
        (at / frame_file_name(frame)).write_text(write_people(people))
    return at
