"""One guard for every reader of files from elsewhere: whatever is wrong in a file ends as one sentence.

A reader checks what it expects and says so in a `ValueError`. What it did not expect (a key that is missing,
a number too large, a nesting without end) is turned into the same kind of sentence here, with the file's
name, so that no caller meets an exception that only the code explains.
"""

import errno
import pickle
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["MAX_TEXT_BYTES", "guarded", "number", "read_text"]

# The largest text of motion or settings that is read at once; an hour of 120 Hz motion capture has 0.4 GB.
MAX_TEXT_BYTES = 1 << 30
_UNEXPECTED = (
    LookupError, TypeError, AttributeError, AssertionError, ArithmeticError, RecursionError, MemoryError,
    EOFError, RuntimeError, SyntaxError, tokenize.TokenError, struct.error, zlib.error, zipfile.BadZipFile,
    pickle.UnpicklingError,
)  # fmt: skip


@contextmanager
def guarded(path: Path, kind: str) -> Iterator[None]:
    """Errors in the block become a `ValueError` of one sentence that begins with the file.

    Args:
        path: of the file that is read.
        kind: what it should be, such as "a BVH motion file".

    Raises:
        ValueError: in place of any error that a damaged file causes.
        OSError: as it is: the file is not there, or the disk fails.
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno != errno.EINVAL:
            raise  # else a damaged archive sends the reader to before its begin
        raise ValueError(f"{path} is not {kind}, or it is damaged: a place in it is outside of it") from error
    except ValueError as error:
        if str(path) in str(error):  # a sentence of our own, with its place
            raise
        raise ValueError(f"{path} is not {kind}, or it is damaged: {_one_line(error)}") from error
    except _UNEXPECTED as error:
        reason = _one_line(error) or "its content has another form"
        raise ValueError(
            f"{path} is not {kind}, or it is damaged: {reason} ({type(error).__name__})"
        ) from error


def read_text(path: Path, *, legacy: str = "utf-8") -> str:
    """A text file, whatever mark of its encoding it begins with.

    Args:
        path: of the file.
        legacy: encoding of a file without a mark; what cannot be decoded is replaced.

    Raises:
        OSError: the file is not there.
        ValueError: it is longer than `MAX_TEXT_BYTES`, or holds bytes that no text has.
    """
    size = path.stat().st_size
    if size > MAX_TEXT_BYTES:
        raise ValueError(f"{path} has {size} bytes; a text of at most {MAX_TEXT_BYTES} bytes is needed")
    content = path.read_bytes()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", errors="replace")
    if b"\0" in content:
        raise ValueError(
            f"{path} holds a byte 0 at position {content.index(0)}, which no text has; a text file is needed"
        )
    return content.removeprefix(b"\xef\xbb\xbf").decode(legacy, errors="replace")


def number(word: str) -> float:
    """A finite number.

    Raises:
        ValueError: it is none; says what came.
    """
    try:
        value = float(word)
    except ValueError:
        raise ValueError(f"{word[:40]!r} came where a number is needed") from None
    if value - value != 0:  # infinity or NaN
        raise ValueError(f"{word!r} came where a finite number is needed")
    return value


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
