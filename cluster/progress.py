"""What a person sees of a long run: bars in a terminal, plain lines in a log file, nothing in a test."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichBars
from rich.text import Text

__all__ = [
    "PlainProgress",
    "Progress",
    "RichProgress",
    "SilentProgress",
    "by_phase",
    "console_progress",
    "duration",
]

# Seconds without a line after which a log reader starts to wonder whether the run still lives.
QUIET_SECONDS = 30.0


class Progress(Protocol):
    """One phase at a time, counted in steps, with lines said in between."""

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        """A phase of `total` steps starts, `done` of them already behind it (a resumed run)."""

    def advance(self, done: int, note: str = "") -> None:
        """`done` steps of the phase are behind it now; `note` says in a few words how it goes."""

    def say(self, line: str, detail: str = "") -> None:
        """A line that stays: `line` matters to everyone, `detail` to a closer reader."""


class SilentProgress:
    """Says nothing: for tests and for callers who look at the result alone."""

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        """Nothing."""

    def advance(self, done: int, note: str = "") -> None:
        """Nothing."""

    def say(self, line: str, detail: str = "") -> None:
        """Nothing."""


class PlainProgress:
    """One line per event, and one now and then while a phase is quiet: for logs and pipes.

    Args:
        write: takes one line without its end; by default it goes to stdout, flushed at once.
        clock: monotonic seconds.
    """

    def __init__(
        self, write: Callable[[str], None] | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write or _write_line
        self._clock = clock
        self._phase, self._total, self._last = "", 0, clock()

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        """Name the phase; where it starts from when it does not start at 0."""
        self._phase, self._total = phase, total
        self._line(f"{phase}: {total} steps" + (f", {done} of them done before" if done else ""))

    def advance(self, done: int, note: str = "") -> None:
        """A line only when nothing was said for `QUIET_SECONDS`."""
        if self._clock() - self._last >= QUIET_SECONDS:
            self._line(f"{self._phase} {done}/{self._total}  {note}".rstrip())

    def say(self, line: str, detail: str = "") -> None:
        """The line and its detail, on one line, so that `grep` finds them together."""
        self._line(f"{line}  {detail}".rstrip())

    def _line(self, text: str) -> None:
        self._write(text)
        self._last = self._clock()


class RichProgress:
    """A bar with the time left, and lines above it. Use as a context manager: it owns the cursor."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._bars = RichBars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True),
            TextColumn("[dim]{task.fields[note]}"),
            console=self._console,
            transient=True,
        )
        self._task = self._bars.add_task("", total=None, visible=False, note="")

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        """A fresh bar, so that its estimate knows this phase alone."""
        self._bars.remove_task(self._task)
        self._task = self._bars.add_task(phase, total=total, completed=done, note="")

    def advance(self, done: int, note: str = "") -> None:
        """Move the bar."""
        self._bars.update(self._task, completed=done, note=note)

    def say(self, line: str, detail: str = "") -> None:
        """The line above the bar, its detail dimmed below it."""
        self._console.print(Text(line))
        if detail:
            self._console.print(Text("  " + detail, style="dim"))


def console_progress() -> RichProgress | PlainProgress:
    """Bars when stdout is a terminal, plain lines when it is not."""
    return RichProgress() if sys.stdout.isatty() else PlainProgress()


def by_phase(progress: Progress) -> Callable[..., None]:
    """The same as a callable `(phase, done, total, note="")`, which is how `lifting` says how far it is."""
    shown: str | None = None

    def report(phase: str, done: int, total: int, note: str = "") -> None:
        nonlocal shown
        if phase == shown:
            progress.advance(done, note)
        else:
            shown = phase
            progress.begin(phase, total, done)

    return report


def duration(seconds: float) -> str:
    """Seconds as a person says them: "48 s", "3 min 20 s", "2 h 05 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _write_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
