"""When to save, and how long the rest will take."""

import time
from collections.abc import Callable

__all__ = ["Remaining", "Timer"]


class Timer:
    """Due once every `seconds`, at the moments when it is asked.

    Args:
        seconds: between two times; 0: at every question.
        clock: monotonic seconds.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._last = clock()

    def due(self) -> bool:
        """Whether the time has passed; if so it starts anew."""
        now = self._clock()
        if now - self._last < self._seconds:
            return False
        self._last = now
        return True


class Remaining:
    """Seconds left of a piece of work, by the mean pace since this process took it up.

    Args:
        total: units of work in all.
        clock: monotonic seconds.
    """

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._total, self._clock = total, clock
        self.begin(0)

    def begin(self, done: int) -> None:
        """The work is taken up now, `done` units of it done before."""
        self._first, self._start = done, self._clock()

    def seconds(self, done: int) -> float:
        """Seconds left when `done` units are done; 0 while the pace is unknown."""
        if done <= self._first:
            return 0.0
        return (self._clock() - self._start) / (done - self._first) * (self._total - done)
