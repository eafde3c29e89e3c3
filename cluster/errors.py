"""How an error leaves a process: as one sentence and an exit code, for a command and for a job alike.

Exit codes: 2 bad input (ValueError, a file that is missing or in the way); 74 a disk is full; 75 try later
(another process works on the run, a server or a file server does not answer); 1 anything else.
"""

import os

from cluster.disk import DISK_FULL, is_disk_full, is_passing

__all__ = ["exit_code", "notes", "sentence"]

BAD_INPUT = (ValueError, OSError)


def exit_code(error: Exception) -> int:
    """The exit code that tells a caller whether another attempt can help."""
    if is_disk_full(error):
        return DISK_FULL
    if is_passing(error):
        return os.EX_TEMPFAIL
    if isinstance(error, BlockingIOError | ConnectionError | TimeoutError):
        return os.EX_TEMPFAIL
    return 2 if isinstance(error, BAD_INPUT) else 1


def sentence(error: Exception) -> str:
    """What the error says, its kind where the text alone would puzzle."""
    text = " ".join(str(error).split())
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}"
    if isinstance(error, BAD_INPUT) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def notes(error: BaseException) -> list[str]:
    """What was added to an error on its way, as how to continue the run; once each."""
    return list(dict.fromkeys(getattr(error, "__notes__", ())))
