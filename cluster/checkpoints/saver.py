"""Checkpoints of a search, written beside its steps, so that none of them is lost."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Literal, Self

from cluster.checkpoints.store import Checkpoints

__all__ = ["Saver"]


class Saver:
    """Writes one checkpoint at a time in a thread of its own, while the next step runs.

    Args:
        checkpoints: no other process writes there meanwhile.
        seconds: "auto": at every step boundary, once the one before is written, so that a kill at any moment
            costs the step in hand and one finished step at most. A number: seconds between two; 0: at every
            step boundary, and the next step waits until it is written.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        seconds: float | Literal["auto"],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checkpoints, self._seconds, self._clock = checkpoints, seconds, clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoints")
        self._writing: Future[int] | None = None
        self._began = clock()
        self._pause = 0.0 if seconds == "auto" else seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Waits for what is being written."""
        self._thread.shutdown()
        if error is None:
            self.finish()

    def due(self) -> bool:
        """Whether a checkpoint is wanted at this step boundary.

        Raises:
            OSError: the one before could not be written.
        """
        if self._writing is not None and self._writing.done():
            self.finish()
        return self._clock() - self._began >= self._pause

    def save(self, state: Callable[[], Mapping[str, Any]], step: int) -> None:
        """Take the state as it is now, and have it written; the one before is waited for.

        Args:
            state: gives it.
            step: the number of steps done.

        Raises:
            OSError: this checkpoint, or the one before, could not be written; those before are untouched.
        """
        self.finish()
        self._began = self._clock()
        snapshot = self._checkpoints.snapshot(state(), step)
        self._writing = self._thread.submit(self._checkpoints.write, snapshot)
        if self._seconds == 0:
            self.finish()

    def finish(self) -> None:
        """Wait until nothing is being written.

        Raises:
            OSError: it could not be.
        """
        if self._writing is None:
            return
        writing, self._writing = self._writing, None
        writing.result()
