"""When a stretch of time counts as an action: sliding windows, and hysteresis over their probabilities."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Decision", "WindowConfig"]


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
