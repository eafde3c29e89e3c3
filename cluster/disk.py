"""A full disk is no bad input: what failed for want of room can be done again when there is some."""

import errno
import os

__all__ = ["DISK_FULL", "is_disk_full", "is_passing"]

DISK_FULL = os.EX_IOERR
"""The exit code of `posenas` when a disk is full."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_TEXTS = ("no space left on device", "disk is full", "disk quota exceeded")
"""What libraries that lose the number say: safetensors, SQLite, torch."""

_PASSING = (
    errno.EIO, errno.ESTALE, errno.EAGAIN, errno.EBUSY, errno.ENOMEM, errno.EMFILE, errno.ENFILE,
    errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EREMOTEIO,
)  # fmt: skip
"""What a machine, a disk or a file server suffers from for a while; no input was wrong."""


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, is a full disk or quota."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if any(text in str(error).casefold() for text in _FULL_TEXTS):
            return True
        error = error.__cause__ or error.__context__
    return False


def is_passing(error: BaseException) -> bool:
    """Whether an error is the trouble of a machine, which another attempt may not meet."""
    return isinstance(error, OSError) and error.errno in _PASSING
