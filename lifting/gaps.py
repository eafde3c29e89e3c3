"""Keypoints that a detector lost for a while, filled frame by frame from those before and shortly after.

A missing keypoint takes the straight way from where it was last seen to where it is seen next, if that is
within the look-ahead; otherwise it stays where it was last seen, for a limited time; then it is missing.
"""

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Frame2D", "GapConfig", "GapFiller"]

FloatArray = NDArray[np.float32]

# A filled keypoint is less sure than the sightings it comes from.
_FILLED_CONFIDENCE = 0.5


class GapConfig(BaseModel):
    """How gaps are filled."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lookahead: int = Field(
        default=0, ge=0, description="frames that the output lags behind the input; 0: causal, nothing waits"
    )
    max_hold: int = Field(
        default=15, ge=0, description="frames for which a lost keypoint stays where it was last seen"
    )


class Frame2D(NamedTuple):
    """One frame of one person."""

    xy: FloatArray
    """(J, 2) pixels, NaN where missing."""
    confidence: FloatArray
    """(J,), 0 where missing."""
    filled: NDArray[np.bool_]
    """(J,), True where a gap was filled."""


@dataclass
class _Sighting:
    """Where each keypoint was last seen, and how many frames ago."""

    xy: FloatArray
    confidence: FloatArray
    age: NDArray[np.int64]  # of the frame that leaves next; huge: never seen


_NEVER = 1 << 40


class GapFiller:
    """Fills the gaps of one person's keypoints; holds `lookahead` + 1 frames at most.

    Args:
        num_keypoints: J.
        config: how.
    """

    def __init__(self, num_keypoints: int, config: GapConfig) -> None:
        self.config = config
        self._waiting: deque[tuple[FloatArray, FloatArray]] = deque()
        J = num_keypoints
        self._last = _Sighting(
            np.full((J, 2), np.nan, np.float32), np.zeros(J, np.float32), np.full(J, _NEVER, np.int64)
        )

    @property
    def held(self) -> int:
        """How many frames wait for their successors."""
        return len(self._waiting)

    def push(self, xy: FloatArray | None, confidence: FloatArray | None = None) -> list[Frame2D]:
        """Take the next frame; give back the frame that need not wait any longer, if there is one.

        Args:
            xy: (J, 2) pixels, NaN where missing; None for a frame without the person.
            confidence: (J,), 0 where missing; None: what is not NaN was seen.

        Raises:
            ValueError: the frame has another number of keypoints.
        """
        self._waiting.append(self._checked(xy, confidence))
        return [self._leave()] if len(self._waiting) > self.config.lookahead else []

    def finish(self) -> list[Frame2D]:
        """The frames that still wait, at the end of the clip."""
        return [self._leave() for _ in range(len(self._waiting))]

    def _checked(self, xy: FloatArray | None, confidence: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        J = len(self._last.age)
        if xy is None:
            return np.full((J, 2), np.nan, np.float32), np.zeros(J, np.float32)
        xy = np.array(xy, np.float32)
        if xy.shape != (J, 2):
            raise ValueError(f"the frame has keypoints of shape {xy.shape}; ({J}, 2) is needed")
        sure = np.ones(J, np.float32) if confidence is None else np.array(confidence, np.float32)
        if sure.shape != (J,):
            raise ValueError(f"the frame has confidence of shape {sure.shape}; ({J},) is needed")
        missing = ~(np.isfinite(xy).all(axis=1) & (sure > 0))
        xy[missing], sure[missing] = np.nan, 0
        return xy, sure

    def _leave(self) -> Frame2D:
        """Fill and give away the oldest frame; what it shows becomes the last sighting."""
        xy, confidence = self._waiting.popleft()
        last = self._last
        last.age = np.minimum(last.age + 1, _NEVER)
        seen = confidence > 0
        filled_xy, filled_confidence = self._filling()
        last.xy[seen], last.confidence[seen], last.age[seen] = xy[seen], confidence[seen], 0
        filled = ~seen & (filled_confidence > 0)
        return Frame2D(
            np.where(filled[:, None], filled_xy, xy), np.where(filled, filled_confidence, confidence), filled
        )

    def _filling(self) -> tuple[FloatArray, FloatArray]:
        """What every keypoint would be if the oldest frame did not show it; confidence 0 where unknown."""
        last = self._last
        next_xy, next_confidence, ahead = self._next()
        before, after = last.age < _NEVER, ahead > 0
        weight = np.where(before & after, last.age / np.maximum(last.age + ahead, 1), after)[:, None]
        old, new = np.nan_to_num(last.xy), np.nan_to_num(next_xy)
        xy = ((1 - weight) * old + weight * new).astype(np.float32)
        both = before & after
        sure = np.where(both, np.minimum(last.confidence, next_confidence), last.confidence + next_confidence)
        known = after | (before & (last.age <= self.config.max_hold))
        return xy, np.where(known, _FILLED_CONFIDENCE * sure, 0).astype(np.float32)

    def _next(self) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
        """The next sighting of each keypoint among the waiting frames; 0 frames ahead where there is none."""
        J = len(self._last.age)
        xy, confidence = np.zeros((J, 2), np.float32), np.zeros(J, np.float32)
        ahead = np.zeros(J, np.int64)
        for distance, (later, sure) in enumerate(self._waiting, start=1):
            fresh = (sure > 0) & (ahead == 0)
            xy[fresh], confidence[fresh], ahead[fresh] = later[fresh], sure[fresh], distance
        return xy, confidence, ahead
