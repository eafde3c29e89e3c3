"""Frames made in a thread of their own, a few ahead of the one who takes them.

Pictures are decoded and detected there while the other thread lifts, encodes, classifies and draws: the
detector works in another process, or without the interpreter's lock.
"""

import queue
import threading
from collections.abc import Callable, Generator

from lifting.sources.frames import SourceFrame

__all__ = ["made_ahead"]

# Frames that may wait for the other thread: enough for its slow moments, too few to fill memory.
_AHEAD = 8


def made_ahead(frames: Callable[[], Generator[SourceFrame]], most: int = _AHEAD) -> Generator[SourceFrame]:
    """The same frames, made in a thread that is at most `most` frames ahead; its error is raised here."""
    ready: queue.Queue[SourceFrame | BaseException | None] = queue.Queue(most)
    stop = threading.Event()

    def work() -> None:
        end: BaseException | None = None
        try:
            for frame in frames():
                _put(ready, frame, stop)
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - handed over, and raised where the frames are taken
            end = error
        _put(ready, end, stop)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        while (frame := ready.get()) is not None:
            if isinstance(frame, BaseException):
                raise frame
            yield frame
    finally:
        stop.set()
        worker.join()


def _put(
    ready: "queue.Queue[SourceFrame | BaseException | None]",
    item: SourceFrame | BaseException | None,
    stop: threading.Event,
) -> None:
    """Waits for room, but not for a reader who has gone."""
    while not stop.is_set():
        try:
            ready.put(item, timeout=0.1)
            return
        except queue.Full:
            continue
