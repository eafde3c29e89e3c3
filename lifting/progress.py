"""How long work says how far it is: a callable that the caller gives."""

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Called at the beginning of a phase and after every step of it.

        def progress(phase, done, total, note=""):
            print(f"{phase}: {done} of {total}  {note}")

    Args:
        phase: what is done, as "lifting".
        done: steps behind it; at the first call of a phase those of an earlier run.
        total: steps in all; 0 where that is not known.
        note: in a few words how it goes.
    """

    def __call__(self, phase: str, done: int, total: int, note: str = "") -> None:
        """Take note of a step."""


def silent(phase: str, done: int, total: int, note: str = "") -> None:
    """Takes no note."""
