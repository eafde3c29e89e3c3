"""Progress that another process reads: what a job says to the worker that runs it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cluster.files import read_json, write_json
from cluster.progress import Progress, RichProgress, console_progress
from cluster.schedule import Remaining

__all__ = ["FileProgress", "ProgressReport", "opened_progress", "read_progress"]

PROGRESS_VARIABLE = "POSENAS_PROGRESS"
"""The environment variable by which a worker tells a job where to report."""

# A report is a small file made durable: often enough for a person, rarely enough for the run.
REPORT_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class ProgressReport:
    """How far a run is.

    Attributes:
        phase: what is counted.
        done, total: steps.
        note: a few words.
        seconds_left: of the phase; None while the pace is unknown.
    """

    phase: str
    done: int
    total: int
    note: str
    seconds_left: float | None


class FileProgress:
    """Tells another `Progress`, and keeps the newest state in a file.

    Args:
        inner: receives everything as well.
        path: the file; its folder exists.
        clock: monotonic seconds.
    """

    def __init__(self, inner: Progress, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._inner, self._path, self._clock = inner, path, clock
        self._phase, self._total = "", 0
        self._remaining = Remaining(0, clock)
        self._written = clock() - REPORT_SECONDS

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        """A phase starts; reported at once."""
        self._inner.begin(phase, total, done)
        self._phase, self._total = phase, total
        self._remaining = Remaining(total, self._clock)
        self._remaining.begin(done)
        self._write(done, "")

    def advance(self, done: int, note: str = "") -> None:
        """Reported once a second, and at the end of the phase."""
        self._inner.advance(done, note)
        if done >= self._total or self._clock() - self._written >= REPORT_SECONDS:
            self._write(done, note)

    def say(self, line: str, detail: str = "") -> None:
        """Only for the other."""
        self._inner.say(line, detail)

    def _write(self, done: int, note: str) -> None:
        left = self._remaining.seconds(done) or None
        report = ProgressReport(phase=self._phase, done=done, total=self._total, note=note, seconds_left=left)
        try:
            write_json(self._path, asdict(report))
        except OSError as error:  # a full disk ends no run on account of its progress
            self._inner.say(f"progress could not be reported: {error}")
        self._written = self._clock()


def read_progress(path: Path) -> ProgressReport | None:
    """The newest report; None while there is none.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged.
    """
    try:
        content: dict[str, Any] = read_json(path)
    except FileNotFoundError:
        return None
    try:
        report = ProgressReport(**content)
    except TypeError as error:
        raise ValueError(f"{path} holds no progress: {error}") from error
    left = report.seconds_left
    counts, texts = (report.done, report.total), (report.phase, report.note)
    whole = all(type(count) is int and 0 <= count < 2**31 for count in counts)  # as the registry counts
    if (
        not whole
        or not all(isinstance(text, str) for text in texts)
        or not isinstance(left, float | int | None)
    ):
        raise ValueError(f"{path} holds no progress: {content}")
    return report


def reported(progress: Progress, environment: "os._Environ[str] | dict[str, str]" = os.environ) -> Progress:
    """The progress, reported to a file too where a worker asked for it."""
    place = environment.get(PROGRESS_VARIABLE)
    return FileProgress(progress, Path(place)) if place else progress


@contextmanager
def opened_progress() -> Iterator[Progress]:
    """Bars for a person, lines for a file, a report for a worker; the terminal is left as it was."""
    progress = console_progress()
    if not isinstance(progress, RichProgress):
        yield reported(progress)
        return
    with progress:
        yield reported(progress)
