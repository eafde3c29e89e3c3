"""A contact sheet: images of many clips on one page, in rows by class, for a person to look at."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

_MARGIN = 12  # pixels
_GAP = 4  # between images
_LABEL_WIDTH = 200  # a longer name is broken into lines
_MIN_SIDE = 96  # of an enlarged image
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_NAME_SCALE, _COUNT_SCALE = 0.55, 0.45
_LINE = 20  # pixels from one line of text to the next
_PAPER, _INK, _GREY = (255, 255, 255), (25, 25, 25), (110, 110, 110)


def contact_sheet(
    images: NDArray[np.uint8],
    labels: ArrayLike,
    class_names: Sequence[str],
    per_class: int = 12,
) -> NDArray[np.uint8]:
    """One row for each class: its name, how many clips it has, and up to `per_class` of their images.

    The images of a row are taken at equal steps through the class, so that clips of all subjects show, and
    enlarged by a whole factor without interpolation, to 96 pixels at least. A class without clips says so.

    Args:
        images: uint8 (N, S, S, 3), RGB.
        labels: (N,), each in 0 .. number of classes - 1.
        class_names: a name for each class, of any length.
        per_class: most images in a row.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ValueError: shapes or labels do not fit.
    """
    labels = np.asarray(labels)
    _check(images, labels, class_names, per_class)
    side = images.shape[1] * max(1, -(-_MIN_SIDE // images.shape[1]))
    rows = []
    for label, name in enumerate(class_names):
        members = np.flatnonzero(labels == label)
        shown = members[
            np.linspace(0, len(members) - 1, min(per_class, len(members))).round().astype(np.intp)
        ]
        rows.append(_row(images[shown], _name_lines(name), len(members), per_class, side))
    return np.pad(np.concatenate(rows), [(_MARGIN, _MARGIN - _GAP), (0, 0), (0, 0)], constant_values=255)


def _row(
    images: NDArray[np.uint8], lines: Sequence[str], num_clips: int, per_class: int, side: int
) -> NDArray[np.uint8]:
    """Text to the left, images to the right; as high as the higher of the two."""
    height = max(side, _LINE * (len(lines) + 1)) + _GAP
    left = 2 * _MARGIN + _LABEL_WIDTH
    row = np.full((height, left + per_class * (side + _GAP) + _MARGIN - _GAP, 3), _PAPER, dtype=np.uint8)
    baseline = (height - _GAP - _LINE * (len(lines) + 1)) // 2 + _LINE - 5
    for number, line in enumerate(lines):
        _write(row, line, (_MARGIN, baseline + number * _LINE), _NAME_SCALE, _INK)
    count = f"{num_clips} clip{'' if num_clips == 1 else 's'}" if num_clips else "no clip"
    _write(row, count, (_MARGIN, baseline + len(lines) * _LINE), _COUNT_SCALE, _GREY)
    top = (height - _GAP - side) // 2
    for number, image in enumerate(images):
        x = left + number * (side + _GAP)
        row[top : top + side, x : x + side] = cv2.resize(image, (side, side), interpolation=cv2.INTER_NEAREST)
    return row


def _write(
    row: NDArray[np.uint8], text: str, at: tuple[int, int], scale: float, colour: tuple[int, int, int]
) -> None:
    cv2.putText(row, text, at, _FONT, scale, colour, 1, cv2.LINE_AA)


def _name_lines(name: str) -> list[str]:
    """The name in lines that fit the label column: broken at spaces, or inside a word too long for a line."""
    lines = [""]
    for word in name.replace("_", " ").split():
        if _fits(f"{lines[-1]} {word}"):
            lines[-1] = f"{lines[-1]} {word}".strip()
            continue
        rest = word
        while rest:
            length = next(n for n in range(len(rest), 0, -1) if n == 1 or _fits(rest[:n]))
            lines.append(rest[:length])
            rest = rest[length:]
    return [line for line in lines if line]


def _fits(line: str) -> bool:
    (width, _), _ = cv2.getTextSize(line, _FONT, _NAME_SCALE, 1)
    return bool(width <= _LABEL_WIDTH)


def _check(
    images: NDArray[np.uint8], labels: NDArray[np.integer], class_names: Sequence[str], per_class: int
) -> None:
    if (
        images.ndim != 4
        or images.shape[1] != images.shape[2]
        or images.shape[3] != 3
        or images.dtype != np.uint8
    ):
        raise ValueError(f"images are {images.dtype} {images.shape}; uint8 (N, S, S, 3) is needed")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"labels have shape {labels.shape}; {len(images)} images need ({len(images)},)")
    if not class_names:
        raise ValueError("there is no class name; a contact sheet needs at least 1 class")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(class_names):
        raise ValueError(
            f"labels run from {labels.min()} to {labels.max()}; {len(class_names)} class names need "
            f"0 to {len(class_names) - 1}"
        )
    if per_class < 1:
        raise ValueError(f"per_class is {per_class}; at least 1 is needed")
