"""2D points of a file, brought to pixels, and the people of a clip by how much they move."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.takes import Motion
from encoding.people import most_moving
from lifting.tracking import DetectedPerson, PeopleFrame, PersonTracker

__all__ = ["followed", "image_motion"]

# No person is 2 pixels large; of shares from -1 to 1 some lie well below 0.
_SHARE, _BELOW_ZERO = 2.0, -0.3

Floats = NDArray[np.floating[Any]]


def image_motion(
    points: Floats, confidence: Floats, fps: float, image_size: tuple[int, int] | None, file: str
) -> Motion:
    """A clip of 2D points; shares of the picture, in [0, 1] or [-1, 1], become pixels.

    Args:
        points: (T, P, J, 2).
        confidence: (T, P, J); where it is 0 the point is missing.
        fps: frames per second.
        image_size: (width, height) where it is known.
        file: for messages.

    Raises:
        ValueError: the points are shares of the picture, and its size is not known.
    """
    seen = (confidence > 0) & np.isfinite(points).all(axis=-1) & (np.abs(points) > 0).any(axis=-1)
    xy = np.where(seen[..., None], points, np.nan).astype(np.float32)
    if seen.any() and float(np.nanmax(np.abs(xy))) < _SHARE:
        if image_size is None:
            raise ValueError(
                f"{file}: the points are shares of the picture (none is beyond "
                f"{float(np.nanmax(np.abs(xy))):.2f}); its size in pixels (width x height) is needed"
            )
        if float(np.nanmin(xy)) < _BELOW_ZERO:  # from -1 to 1
            xy = ((xy + 1) / 2).astype(np.float32)
        xy = (xy * np.array(image_size)).astype(np.float32)
    return Motion(
        points=xy,
        fps=fps,
        confidence=np.where(seen, confidence, 0).clip(0, 1).astype(np.float32),
        image_size=image_size,
    )


def followed(
    frames: Sequence[tuple[int, Sequence[tuple[int | None, Floats, Floats]]]], joints: int, people: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Detections of frames as people over time: by their own identities, else by following them.

    Args:
        frames: (number, detections), rising; a detection is identity, (J, 2) and confidence (J,).
        joints: J.
        people: how many to keep; those with the most motion.

    Returns:
        (T, P, J, 2), NaN where missing, and confidence (T, P, J); frames that are not there count as empty.
    """
    first, T = frames[0][0], frames[-1][0] - frames[0][0] + 1
    known = all(identity is not None for _, own in frames for identity, _, _ in own)
    tracker = PersonTracker()
    tracks: dict[int, tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
    for number, detections in frames:
        seen = [(i, _person(xy, sure)) for i, xy, sure in detections]
        if known:
            named = {int(i): person for i, person in seen if i is not None}
        else:
            frame = PeopleFrame(index=number, people=tuple(person for _, person in seen))
            named = dict(tracker.update(frame).people)
        for identity, person in named.items():
            if identity not in tracks:
                tracks[identity] = (
                    np.full((T, joints, 2), np.nan, np.float32),
                    np.zeros((T, joints), np.float32),
                )
            tracks[identity][0][number - first] = person.xy
            tracks[identity][1][number - first] = person.confidence
    if not tracks:
        return np.full((T, 1, joints, 2), np.nan, np.float32), np.zeros((T, 1, joints), np.float32)
    points = np.stack([xy for xy, _ in tracks.values()], axis=1)
    sure = np.stack([confidence for _, confidence in tracks.values()], axis=1)
    chosen = most_moving(points, people)
    return points[:, chosen], sure[:, chosen]


def _person(xy: Floats, confidence: Floats) -> DetectedPerson:
    missing = (confidence <= 0) | ~np.isfinite(xy).all(axis=1) | (xy == 0).all(axis=1)
    return DetectedPerson(
        xy=np.where(missing[:, None], np.nan, xy).astype(np.float32),
        confidence=np.where(missing, 0, confidence).clip(0, 1).astype(np.float32),
    )
