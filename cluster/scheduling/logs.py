"""What a job's process has written, from wherever it is asked."""

import time
from collections.abc import Iterator
from pathlib import Path

from cluster.registry.registry import Registry

__all__ = ["log_text"]


def log_text(
    registry: Registry, job_id: int, *, follow: bool = False, poll_seconds: float = 0.5
) -> Iterator[str]:
    """The log of a job's newest attempt, piece by piece.

    Where the file cannot be read (another machine without a shared folder) the last lines are given, which
    the worker keeps in the registry.

    Args:
        registry: where the job is.
        job_id: its number.
        follow: go on, through further attempts too, until the job has ended.
        poll_seconds: between two looks.

    Raises:
        ValueError: no such job.
    """
    place, position = None, 0
    while True:
        job = registry.job(job_id)
        if job.log is not None and job.log != place:
            place, position = job.log, 0
            if not Path(place).exists():
                yield f"({place} is not on this machine; the last lines of it:)\n{job.log_tail}\n"
        if place is not None and Path(place).exists():
            text, position = _read(Path(place), position)
            yield text
        if not follow or job.ended:
            return
        time.sleep(poll_seconds)


def _read(file: Path, position: int) -> tuple[str, int]:
    with file.open("rb") as log:
        log.seek(position)
        content = log.read()
    return content.decode(errors="replace"), position + len(content)
