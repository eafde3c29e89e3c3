"""What recognition says of one frame: the people in it, and how far each of them is understood."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PersonView", "RecognizedFrame"]


@dataclass(frozen=True, eq=False, kw_only=True)
class PersonView:
    """One tracked person, or a pair, in one frame.

    Attributes:
        track: identity; of a pair the smaller one.
        keypoints: float32 (J, 2) pixels, NaN where missing; of a pair (2, J, 2).
        confidence: float32 (J,) or (2, J).
        pose: float32 (K, 3) or (2, K, 3) millimetres; root-relative, of a pair in the axes of the camera;
            NaN where unknown.
        image: uint8 (S, S, 3) RGB, the SPMF image of the window so far; None before there are frames enough.
        filled: share of the window that is filled, 0 to 1.
        probabilities: float32 (C,), of the window that was classified last; None before.
        label: the class decided for, after hysteresis; None while nothing is decided.
    """

    track: int
    keypoints: NDArray[np.float32]
    confidence: NDArray[np.float32]
    pose: NDArray[np.float32]
    image: NDArray[np.uint8] | None
    filled: float
    probabilities: NDArray[np.float32] | None
    label: int | None


@dataclass(frozen=True, eq=False, kw_only=True)
class RecognizedFrame:
    """One frame of the source.

    Attributes:
        number: from 0.
        seconds: since the beginning.
        picture: uint8 (height, width, 3) BGR; None without a video.
        people: everyone in sight.
    """

    number: int
    seconds: float
    picture: NDArray[np.uint8] | None
    people: tuple[PersonView, ...]
