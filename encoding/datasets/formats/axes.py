"""Length units and axes of recordings, brought to millimeters with y up."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.entry import MILLIMETERS, Up
from lifting.skeleton import Skeleton

__all__ = ["UNIT_WORDS", "guess_unit", "guess_up", "turned", "unit_of", "up_words"]

UNIT_WORDS = {"m": "meters", "cm": "centimeters", "mm": "millimeters", "in": "inches"}
_SPELLED = {
    "m": "m", "meter": "m", "meters": "m", "metre": "m", "metres": "m", "cm": "cm", "centimeters": "cm",
    "centimetres": "cm", "mm": "mm", "millimeter": "mm", "millimeters": "mm", "millimetres": "mm",
    "in": "in", "inch": "in", "inches": "in",
}  # fmt: skip
# A standing or sitting person; poses are rarely as small as this or larger.
_LOW_MM, _HIGH_MM = 900.0, 2400.0


def turned(points: NDArray[np.floating[Any]], up: Up) -> NDArray[np.float32]:
    """Points (..., 3) turned, never mirrored, so that `up` becomes y.

    Args:
        points: in axes that are right-handed.
        up: the axis that points up; -y for the axes of an image with depth.
    """
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    axes = {"x": (-y, x, z), "y": (x, y, z), "z": (x, z, -y), "-y": (-x, -y, z)}[up]
    return np.stack(axes, axis=-1).astype(np.float32)


def up_words(up: Up, how: str = "") -> str:
    """For a person."""
    words = "y down" if up == "-y" else f"{up} up"
    kept = "" if up == "y" else ", turned to y up"
    return words + kept + how


def unit_of(word: str, where: str) -> str:
    """A unit as files spell it, as one of m, cm, mm and in.

    Raises:
        ValueError: it is not known.
    """
    known = _SPELLED.get(word.strip().lower())
    if known is None:
        raise ValueError(f"{where} is in {word.strip()!r}; a length unit (m, cm, mm, in) is needed")
    return known


def guess_unit(points: NDArray[np.floating[Any]]) -> str | None:
    """The unit in which the body of (T, J, 3) is as tall as a person; None where none fits.

    Its size is the largest extent along an axis, in the median over the frames.
    """
    with np.errstate(all="ignore"):
        seen = points[np.isfinite(points).all(axis=(1, 2))]
    if not len(seen):
        return None
    size = float(np.median(np.ptp(seen, axis=1).max(axis=1)))
    fitting = [unit for unit, mm in MILLIMETERS.items() if _LOW_MM <= size * mm <= _HIGH_MM]
    return fitting[0] if fitting else None


def guess_up(points: NDArray[np.floating[Any]], skeleton: Skeleton) -> Up:
    """The axis along which heads are above feet in (T, J, 3); y where that is not seen."""
    high = _those(skeleton, ("head", "nose", "neck", "upper_neck", "left_eye", "right_eye"))
    low = _those(
        skeleton, ("left_ankle", "right_ankle", "left_foot", "right_foot", "left_knee", "right_knee")
    )
    if not high or not low:
        return "y"
    difference = points[:, high].mean(axis=1) - points[:, low].mean(axis=1)
    seen = difference[np.isfinite(difference).all(axis=1)]
    if not len(seen):
        return "y"
    mean = np.median(seen, axis=0)
    axis = int(np.abs(mean).argmax())
    if axis == 1:
        return "y" if mean[1] > 0 else "-y"
    return "z" if axis == 2 else "x"


def _those(skeleton: Skeleton, names: Sequence[str]) -> list[int]:
    return [skeleton.joints.index(name) for name in names if name in skeleton.joints][:2]
