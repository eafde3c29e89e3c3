"""When a stretch of time counts as an action: sliding windows, hysteresis, and the timeline they give."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["ActionSpan", "Decision", "Timeline", "WindowConfig"]


class WindowConfig(BaseModel):
    """How a stream of poses is cut into windows and decided upon."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(default=60, ge=2, description="frames that are looked at together")
    stride: int = Field(default=10, ge=1, description="frames from one look to the next")
    least: int = Field(default=20, ge=2, description="frames of somebody that the first look needs")
    enter: float = Field(default=0.6, gt=0, le=1, description="probability at which an action is decided for")
    leave: float = Field(default=0.4, ge=0, le=1, description="probability below which it is given up")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.leave > self.enter:
            raise ValueError(f"`leave` is {self.leave}; it must not exceed `enter`, {self.enter}")
        if self.least > self.window:
            raise ValueError(f"`least` is {self.least}; it must not exceed `window`, {self.window}")
        return self


class Decision:
    """Hysteresis: an action is decided for when it is likely, and kept until it is unlikely.

    Args:
        config: the two thresholds.
    """

    def __init__(self, config: WindowConfig) -> None:
        self._config = config
        self.label: int | None = None

    def update(self, probabilities: NDArray[np.float32]) -> int | None:
        """The class decided for, given the probabilities (C,) of the next window; None where none is."""
        if self.label is not None and probabilities[self.label] < self._config.leave:
            self.label = None
        best = int(probabilities.argmax())
        if self.label is None and probabilities[best] >= self._config.enter:
            self.label = best
        return self.label


@dataclass(frozen=True, kw_only=True)
class ActionSpan:
    """One action of one person.

    Attributes:
        track: the person's identity; of a pair the smaller one.
        label: name of the action.
        probability: mean over the windows that showed it.
        begin, end: seconds since the beginning of the source.
    """

    track: int
    label: str
    probability: float
    begin: float
    end: float


class Timeline:
    """The actions of everyone, put together decision by decision.

    Only spans are kept, no windows: memory grows with the number of actions.

    Args:
        class_names: C names.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = tuple(class_names)
        self._open: dict[int, tuple[ActionSpan, int]] = {}  # with the number of its windows
        self._closed: list[ActionSpan] = []

    def add(self, track: int, label: int | None, probability: float, begin: float, end: float) -> None:
        """A window of a track, from `begin` to `end` seconds, was decided upon.

        The first window of an action counts from its own beginning where nothing was decided before, else
        from the end of the action before.
        """
        name = None if label is None else self._names[label]
        before = self._open.get(track)
        if before is not None and before[0].label == name:
            span, windows = before
            mean = (span.probability * windows + probability) / (windows + 1)
            self._open[track] = replace(span, probability=mean, end=end), windows + 1
            return
        self.close(track)
        if name is not None:
            last = [span.end for span in self._closed if span.track == track]
            start = max(begin, last[-1]) if last else begin
            new = ActionSpan(track=track, label=name, probability=probability, begin=start, end=end)
            self._open[track] = new, 1

    def close(self, track: int) -> None:
        """The track's action has ended, or the person has gone."""
        if track in self._open:
            self._closed.append(self._open.pop(track)[0])

    @property
    def spans(self) -> tuple[ActionSpan, ...]:
        """All actions so far, in the order of their beginnings."""
        spans = [*self._closed, *(span for span, _ in self._open.values())]
        return tuple(sorted(spans, key=lambda span: (span.begin, span.track)))
