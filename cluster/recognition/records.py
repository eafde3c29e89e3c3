"""What recognition says: of a window, and of a frame with the people in it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["PersonView", "RecognizedFrame", "Who", "WindowPrediction"]

Who = tuple[int, ...]
"""The identity of a person, or the two of a pair, the smaller one first."""


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowPrediction:
    """What one window shows.

    Attributes:
        who: the person's identity, or the two of a pair.
        begin, end: of the window, seconds.
        num_frames: in the window.
        image: uint8 (S, S, 3) RGB, what was classified.
        probabilities: float32 (C,).
        label: the class decided for, after hysteresis; None where none is.
        final: nothing follows for them.
        delay: milliseconds from the arrival of the frame that caused it; None for a clip of poses, and for
            the last one of a person who has gone.
    """

    who: Who
    begin: float
    end: float
    num_frames: int
    image: NDArray[np.uint8]
    probabilities: NDArray[np.float32]
    label: int | None
    final: bool
    delay: float | None = None

    @property
    def probability(self) -> float:
        """Of the class decided for; where none is, of the likeliest."""
        return float(self.probabilities.max() if self.label is None else self.probabilities[self.label])


@dataclass(frozen=True, eq=False, kw_only=True)
class PersonView:
    """One tracked person, or a pair, in one frame.

    Attributes:
        track: identity; of a pair the smaller one.
        keypoints: float32 (J, 2) pixels, NaN where missing; of a pair (2, J, 2).
        confidence: float32 (J,) or (2, J).
        pose: float32 (K, 3) or (2, K, 3) millimeters; root-relative, of a pair in the axes of the camera;
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
        num_detected: people that the detector saw in it.
    """

    number: int
    seconds: float
    picture: NDArray[np.uint8] | None
    people: tuple[PersonView, ...]
    num_detected: int = 0
