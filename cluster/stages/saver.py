"""Checkpoints of a search, written beside its steps, so that none of them is lost."""

import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Literal, Self

from cluster.stages.checkpoints import Checkpoints, Snapshot

__all__ = ["SHARE", "Saver"]

SHARE = 0.05
"""What `auto` may take of the machine's time: a step that takes twenty times what saving it does is saved."""


class Saver:
    """Writes one checkpoint at a time in a thread of its own, while the next step runs.

    Args:
        checkpoints: nobody else writes there meanwhile.
        seconds: "auto": at every step boundary, unless the one before is still being written or saving takes
            more than `SHARE` of the time. A number: so many seconds apart; 0: at every step boundary, and the
            next step waits until it is written.
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
        self._writing: Future[float] | None = None
        self._began, self._taking = clock(), 0.0
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
        if self._writing is not None and not self._writing.done():
            return False
        self.finish()
        return self._clock() - self._began >= self._pause

    def save(self, state: Callable[[], Mapping[str, Any]], step: int) -> None:
        """Take the state as it is now, and have it written.

        Args:
            state: gives it.
            step: the number of steps done.

        Raises:
            OSError: this checkpoint, or the one before, could not be written; those before are untouched.
        """
        self.finish()
        self._began = self._clock()
        snapshot = self._checkpoints.snapshot(state(), step)
        self._taking = self._clock() - self._began
        self._writing = self._thread.submit(self._write, snapshot)
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
        cost = self._taking + writing.result() / len(os.sched_getaffinity(0))
        if self._seconds == "auto":
            self._pause = cost / SHARE

    def _write(self, snapshot: Snapshot) -> float:
        """Processor time that it took."""
        begin = time.thread_time()
        self._checkpoints.write(snapshot)
        return time.thread_time() - begin
