"""Files that are either whole or not there: written beside their place, made durable, then renamed."""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

__all__ = [
    "TEMPORARY_PREFIX",
    "read_json",
    "sha256",
    "sha256_of_file",
    "write_atomically",
    "write_folder",
    "write_json",
]

TEMPORARY_PREFIX = ".tmp-"
"""Names that begin so are unfinished files; a crash may leave one, no reader ever looks at it."""


def write_atomically(path: Path | str, content: bytes | str) -> None:
    """Put `content` at `path` so that a reader, or a crash at any moment, sees the old file or the new one.

    A temporary file in the same folder, flush, fsync, rename, fsync of the folder. Missing folders are made.

    Args:
        path: where the file goes.
        content: the whole content; text is written as UTF-8.

    Raises:
        OSError: the folder cannot be written or the disk is full. What was at `path` is then still there.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    # mode "x" and not tempfile: its 0600 would hide results from colleagues who share the folder
    temporary = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk says so without saying where
        raise
    _sync_folder(path.parent)


def write_folder(folder: Path | str, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder, then put it at `folder`: an old one is replaced only by a whole new one.

    Args:
        folder: where it goes; missing parents are made.
        write: called once with an empty folder beside it.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    new = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.parent))
    try:
        write(new)
        new.chmod(0o755)  # mkdtemp's 0700 would hide the result from colleagues
        _exchange(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _exchange(new: Path, folder: Path) -> None:
    """Put `new` in the place of `folder`; a folder cannot be renamed over one that holds files."""
    if not folder.exists():
        new.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.parent))
    folder.replace(old)
    new.rename(folder)
    shutil.rmtree(old)


def sha256(content: bytes) -> str:
    """The SHA-256 of bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: Path | str) -> str:
    """The SHA-256 of a file's content, as 64 hexadecimal digits, read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is not a JSON object; the text names the file and the place.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not readable as JSON: {error}") from error
    except RecursionError:
        raise ValueError(f"{path} is nested too deeply to be read as JSON") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a JSON {type(content).__name__}; an object is needed")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object, beside and renamed. NaN is refused: other readers cannot read it."""
    write_atomically(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
