"""A contact sheet: images of many clips on one page, in rows by class, for a person to look at."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from encoding.motion import motion_rows
from encoding.spmf import EncodingConfig
from lifting.skeleton import Skeleton

_MARGIN = 12  # pixels
_GAP = 4  # between images
_LABEL_WIDTH = 200  # a longer name is broken into lines
_MIN_SIDE = 96  # of an enlarged image
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_NAME_SCALE, _COUNT_SCALE = 0.55, 0.45
_LINE = 20  # pixels from one line of text to the next
_BAND_SCALE, _BAND_HEIGHT = 0.38, 13  # pixels of the thinnest band of the key
_PAPER, _INK, _GRAY = (255, 255, 255), (25, 25, 25), (110, 110, 110)


class Band(NamedTuple):
    """Rows of a picture that show one thing, as fractions of its height from the top."""

    name: str
    start: float
    end: float


def image_bands(config: EncodingConfig, skeleton: Skeleton, num_people: int) -> list[Band]:
    """What the rows of a clip's images show, where these stand above one another (`as_pictures`)."""
    bands = []
    for number, kind in enumerate(config.image_kinds):
        shown = ("distances", "directions") if kind == "spmf" else motion_rows(skeleton, num_people)
        places = (np.linspace(0, 1, len(shown) + 1) + number) / len(config.image_kinds)
        bands += [Band(*one) for one in zip(shown, places[:-1].tolist(), places[1:].tolist(), strict=True)]
    return bands


def as_pictures(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images (..., S, S, 3 M) as pictures (..., M S, S, 3): the M images of a clip above one another."""
    *before, size, width, channels = images.shape
    M = channels // 3
    parts = images.reshape(*before, size, width, M, 3)
    return np.ascontiguousarray(np.moveaxis(parts, -2, -4)).reshape(*before, M * size, width, 3)


def contact_sheet(
    images: NDArray[np.uint8],
    labels: ArrayLike,
    class_names: Sequence[str],
    per_class: int = 12,
    bands: Sequence[Band] = (),
) -> NDArray[np.uint8]:
    """One row for each class: its name, how many clips it has, and up to `per_class` of their images.

    The images of a row are taken at equal steps through the class, so that clips of all subjects show, and
    enlarged by a whole factor without interpolation, to 96 pixels at least. A class without clips says so.

    Args:
        images: uint8 (N, S, S, 3), RGB; several images of a clip, (N, S, S, 3 M), stand above one another.
        labels: (N,), each in 0 .. number of classes - 1.
        class_names: a name for each class, of any length.
        per_class: most images in a row.
        bands: what the rows of a picture show (`encoding.image_bands`): below the classes stands the first
            clip once more, large, with their names.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ValueError: shapes or labels do not fit.
    """
    labels = np.asarray(labels)
    _check(images, labels, class_names, per_class)
    factor = max(1, -(-_MIN_SIDE // images.shape[1]))
    images = as_pictures(images)
    rows = []
    for label, name in enumerate(class_names):
        members = np.flatnonzero(labels == label)
        shown = members[
            np.linspace(0, len(members) - 1, min(per_class, len(members))).round().astype(np.intp)
        ]
        rows.append(_row(images[shown], _name_lines(name), len(members), per_class, factor))
    if bands and len(images):
        rows.append(_key(images[0], bands))
        width = max(row.shape[1] for row in rows)
        rows = [np.pad(row, [(0, 0), (0, width - row.shape[1]), (0, 0)], constant_values=255) for row in rows]
    return np.pad(np.concatenate(rows), [(_MARGIN, _MARGIN - _GAP), (0, 0), (0, 0)], constant_values=255)


def _key(image: NDArray[np.uint8], bands: Sequence[Band]) -> NDArray[np.uint8]:
    """The picture enlarged until a line of text fits into its thinnest band, with the bands' names."""
    thinnest = min(band.end - band.start for band in bands)
    factor = max(1, int(np.ceil(_BAND_HEIGHT / (thinnest * len(image)))))
    height, width = (factor * side for side in image.shape[:2])
    left = 2 * _MARGIN + _LABEL_WIDTH
    key = np.full((height + _MARGIN + _GAP, left + width + _MARGIN, 3), _PAPER, dtype=np.uint8)
    key[_MARGIN:-_GAP, left:-_MARGIN] = cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST)
    for name, start, end in bands:
        middle = _MARGIN + round(height * (start + end) / 2)
        _write(key, name.replace("_", " "), (_MARGIN, middle + 4), _BAND_SCALE, _INK)
        for edge in (start, end):
            y = _MARGIN + round(height * edge)
            key[min(y, len(key) - 1), left - _MARGIN : left] = _GRAY
    return key


def _row(
    images: NDArray[np.uint8], lines: Sequence[str], num_clips: int, per_class: int, factor: int
) -> NDArray[np.uint8]:
    """Text to the left, images to the right; as high as the higher of the two."""
    tall, side = (factor * side for side in images.shape[1:3])
    height = max(tall, _LINE * (len(lines) + 1)) + _GAP
    left = 2 * _MARGIN + _LABEL_WIDTH
    row = np.full((height, left + per_class * (side + _GAP) + _MARGIN - _GAP, 3), _PAPER, dtype=np.uint8)
    baseline = (height - _GAP - _LINE * (len(lines) + 1)) // 2 + _LINE - 5
    for number, line in enumerate(lines):
        _write(row, line, (_MARGIN, baseline + number * _LINE), _NAME_SCALE, _INK)
    count = f"{num_clips} clip{'' if num_clips == 1 else 's'}" if num_clips else "no clip"
    _write(row, count, (_MARGIN, baseline + len(lines) * _LINE), _COUNT_SCALE, _GRAY)
    top = (height - _GAP - tall) // 2
    for number, image in enumerate(images):
        x = left + number * (side + _GAP)
        row[top : top + tall, x : x + side] = cv2.resize(image, (side, tall), interpolation=cv2.INTER_NEAREST)
    return row


def _write(
    row: NDArray[np.uint8], text: str, at: tuple[int, int], scale: float, color: tuple[int, int, int]
) -> None:
    cv2.putText(row, text, at, _FONT, scale, color, 1, cv2.LINE_AA)


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
        or images.shape[3] == 0
        or images.shape[3] % 3
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
