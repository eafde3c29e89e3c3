"""How a folder's keypoints are meant: pixels or shares of the picture, with confidence or without.

No field of OpenPose's JSON says so; the numbers of the whole folder do.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lifting.tracking import DetectedPerson

__all__ = ["Form", "KeypointForm", "find_form"]

Form = Literal["pixels", "unit", "signed"]
# No person is 2 pixels large; shares of the picture stay below that, though joints outside of it exceed 1.
_SHARE = 2.0
# Of shares in [-1, 1] half lie below 0; of those in [0, 1] only what is outside of the picture.
_BELOW_ZERO = 0.05
# No camera's picture is so large: a mark for "nothing", not a place.
_MAX_PIXELS = 1e5


@dataclass(frozen=True, kw_only=True)
class KeypointForm:
    """How a folder's numbers are meant.

    Attributes:
        form: "pixels"; "unit" from 0 to 1 (OpenPose's `--keypoint_scale 3`); "signed" from -1 to 1 (`4`).
        has_confidence: False where the third number is 0 for every joint: it says nothing then.
        image_size: (width, height), pixels, for the shares.
    """

    form: Form = "pixels"
    has_confidence: bool = True
    image_size: tuple[int, int] | None = None

    def person(self, values: NDArray[np.float64]) -> DetectedPerson:
        """A person from (J, 3) x, y, confidence as written; 0 0 and what is no number is missing."""
        xy, confidence = values[:, :2], values[:, 2]
        if not self.has_confidence:
            confidence = np.ones(len(values))
        missing = ~np.isfinite(values).all(axis=1) | (confidence <= 0) | (xy == 0).all(axis=1)
        xy = self._pixels(xy)
        missing |= ~(np.abs(xy) < _MAX_PIXELS).all(axis=1)
        return DetectedPerson(
            xy=np.where(missing[:, None], np.nan, xy).astype(np.float32),
            confidence=np.where(missing, 0.0, confidence).clip(0, 1).astype(np.float32),
        )

    def _pixels(self, xy: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.form == "pixels":
            return xy
        assert self.image_size is not None, "shares of a picture come with its size"
        share = xy if self.form == "unit" else (xy + 1) / 2
        return np.asarray(share * np.array(self.image_size, np.float64))


def find_form(people: Iterable[NDArray[Any]]) -> tuple[Form, bool]:
    """The form, and whether the confidence says anything.

    Args:
        people: (J, 3) x, y, confidence of everyone, as written; read only until all is clear, which is mostly
            the first.
    """
    confident = pixels = False
    below, coordinates = 0, 0
    for values in people:
        known = values[np.isfinite(values).all(axis=1) & (values[:, :2] != 0).any(axis=1)]
        if not len(known):
            continue
        confident |= bool((known[:, 2] > 0).any())
        pixels |= bool(np.quantile(np.abs(known[:, :2]), 0.75) > _SHARE)
        if confident and pixels:
            return "pixels", True
        below, coordinates = below + int((known[:, :2] < 0).sum()), coordinates + known[:, :2].size
    if pixels or not coordinates:
        return "pixels", confident or not coordinates
    return ("signed" if below > _BELOW_ZERO * coordinates else "unit"), confident
