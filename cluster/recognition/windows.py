"""When a stretch of time counts as an action: sliding windows, hysteresis, and the timeline they give."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from cluster.recognition.records import WindowPrediction

__all__ = ["ActionSpan", "Decision", "Timeline", "Who", "WindowConfig", "in_order"]

Who = tuple[int, ...]
"""The identity of a person, or the two of a pair, the smaller one first."""


class WindowConfig(BaseModel):
    """How a stream of poses is cut into windows and decided upon."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window: int = Field(default=60, ge=2, description="frames that are classified together")
    stride: int = Field(default=10, ge=1, description="frames from one prediction to the next")
    least: int = Field(default=20, ge=2, description="frames of a person that the first prediction needs")
    enter: float = Field(default=0.6, gt=0, le=1, description="probability at which an action is decided for")
    leave: float = Field(default=0.4, ge=0, le=1, description="probability below which it is given up")
    confirm: int = Field(
        default=2, ge=1, description="predictions in a row that must say so before it is decided"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.leave > self.enter:
            raise ValueError(f"`leave` is {self.leave}; it must not exceed `enter`, {self.enter}")
        if self.least > self.window:
            raise ValueError(f"`least` is {self.least}; it must not exceed `window`, {self.window}")
        return self


class Decision:
    """Hysteresis: an action is decided for when it is likely, and kept until it is unlikely.

    It is given up below `leave`, or when another one is likely and ahead of it by `enter` - `leave`. A single
    odd window changes nothing: what is decided for must have been so in `confirm` predictions in a row.

    Args:
        config: the thresholds.
    """

    def __init__(self, config: WindowConfig) -> None:
        self._config = config
        self._candidate: int | None = None
        self._seen = 0
        self.label: int | None = None

    def update(self, probabilities: NDArray[np.float32], *, final: bool = False) -> int | None:
        """The class decided for, given the probabilities (C,) of the next window; None where none is.

        Args:
            probabilities: of the next window.
            final: no other follows, so that nothing can be confirmed any more.
        """
        config, best = self._config, int(probabilities.argmax())
        likely = float(probabilities[best]) >= config.enter
        kept = 0.0 if self.label is None else float(probabilities[self.label])
        if self.label is not None and kept < config.leave:
            self.label = None
        ahead = self.label is None or float(probabilities[best]) - kept >= config.enter - config.leave
        if not likely or best == self.label or not ahead:
            self._candidate, self._seen = None, 0
            return self.label
        self._seen = self._seen + 1 if best == self._candidate else 1
        self._candidate = best
        if self._seen >= config.confirm or (final and self.label is None):
            self.label = best
        return self.label


@dataclass(frozen=True, kw_only=True)
class ActionSpan:
    """One action of one person.

    Attributes:
        track: the person's identity; of a pair the smaller one.
        partner: of a pair the other one; None for a person alone.
        label: name of the action.
        probability: mean over the windows that showed it.
        begin, end: seconds since the beginning of the source.
    """

    track: int
    label: str
    probability: float
    begin: float
    end: float
    partner: int | None = None


class Timeline:
    """The actions of everyone, put together decision by decision.

    Only spans are kept, no windows: memory grows with the number of actions.

    Args:
        class_names: C names.
    """

    def __init__(self, class_names: Sequence[str]) -> None:
        self._names = tuple(class_names)
        self._open: dict[Who, tuple[ActionSpan, int]] = {}  # with the number of its windows
        self._closed: list[ActionSpan] = []
        self._ended: dict[Who, float] = {}

    def take(self, prediction: "WindowPrediction") -> ActionSpan | None:
        """As `add`, of what a window shows."""
        return self.add(
            prediction.who, prediction.label, prediction.probability, prediction.begin, prediction.end
        )

    def add(
        self, who: Who, label: int | None, probability: float, begin: float, end: float
    ) -> ActionSpan | None:
        """A window of a person or a pair, from `begin` to `end` seconds, was decided upon.

        The first window of an action counts from its own beginning where nothing was decided before, else
        from the end of the action before.

        Returns:
            The action that has ended with it; None where none has.
        """
        name = None if label is None else self._names[label]
        before = self._open.get(who)
        if before is not None and before[0].label == name:
            span, windows = before
            mean = (span.probability * windows + probability) / (windows + 1)
            self._open[who] = replace(span, probability=mean, end=end), windows + 1
            return None
        ended = self.close(who)
        if name is not None:
            start = max(begin, self._ended.get(who, begin))
            self._open[who] = (
                ActionSpan(
                    track=who[0],
                    partner=who[1] if len(who) > 1 else None,
                    label=name,
                    probability=probability,
                    begin=start,
                    end=end,
                ),
                1,
            )
        return ended

    def close(self, who: Who) -> ActionSpan | None:
        """Their action has ended; gives it, if there was one."""
        if who not in self._open:
            return None
        span = self._open.pop(who)[0]
        self._closed.append(span)
        self._ended[who] = span.end
        return span

    def leave(self, who: Who) -> ActionSpan | None:
        """They have gone, and will not come back under these identities; as `close`."""
        ended = self.close(who)
        self._ended.pop(who, None)
        return ended

    @property
    def spans(self) -> tuple[ActionSpan, ...]:
        """All actions so far, in the order of their beginnings."""
        return in_order([*self._closed, *(span for span, _ in self._open.values())])


def in_order(spans: Iterable[ActionSpan]) -> tuple[ActionSpan, ...]:
    """Actions in the order of their beginnings."""
    return tuple(sorted(spans, key=lambda span: (span.begin, span.track)))
