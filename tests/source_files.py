"""Small sources of frames: a folder of OpenPose JSON, and a video."""

from pathlib import Path

import cv2
import numpy as np

from lifting.openpose import frame_file_name, write_people
from lifting.tracking import DetectedPerson


def keypoint_folder(at: Path, frames: int = 24, lost: tuple[int, ...] = ()) -> Path:
    at.mkdir()
    draw = np.random.default_rng(1)
    body = draw.normal(0, 50, (25, 2)) + np.array([300, 240])
    body[8] = (body[9] + body[12]) / 2  # the middle of the hips, as in BODY_25
    for frame in range(frames):
        xy = (body + np.array([2 * frame, 0])).astype(np.float32)
        people = [] if frame in lost else [DetectedPerson(xy=xy, confidence=np.full(25, 0.9, np.float32))]
        if people or frame % 2:
            (at / frame_file_name(frame)).write_text(write_people(people))
    return at


def video(at: Path, frames: int = 20, fps: float = 25.0, size: tuple[int, int] = (64, 48)) -> Path:
    writer = cv2.VideoWriter(str(at), cv2.VideoWriter.fourcc(*"MJPG"), fps, size)
    for _ in range(frames):
        writer.write(np.full((size[1], size[0], 3), 100, np.uint8))
    writer.release()
    return at
