"""Ctrl-C and SIGTERM asked for politely: the step in hand is finished and saved before the run ends."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

__all__ = ["Interrupted", "Interruption"]

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):  # noqa: N818 - being stopped is no error
    """The run was asked to stop and has saved its state; the text says how to go on.

    Attributes:
        exit_code: 128 + signal number, what a shell expects of a program ended by that signal.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Interruption:
    """While entered, the first SIGINT or SIGTERM only sets `requested`; the second one ends the run at once.

    Handlers can be set from the main thread alone; elsewhere `requested` stays False and signals act as ever.
    Enter it after Ray has started: `ray.init` sets a SIGTERM handler of its own.

    Args:
        advice: how to go on with what was stopped, as "continue with ...".
    """

    def __init__(self, advice: str = "start it again to continue") -> None:
        self._advice = advice
        self._received: int | None = None
        self._previous: dict[int, object] = {}

    @property
    def requested(self) -> bool:
        """Whether the run was asked to stop."""
        return self._received is not None

    def stop_if_requested(self) -> None:
        """End the run here if that was requested; the caller has saved its state.

        Raises:
            Interrupted: a signal has come.
        """
        if self._received is not None:
            name = signal.Signals(self._received).name
            raise Interrupted(f"stopped by {name}, all is saved: {self._advice}", 128 + self._received)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._previous.clear()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self._received is not None:
            raise KeyboardInterrupt
        self._received = number
