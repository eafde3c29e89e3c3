"""Arrays of an .npz from anywhere: numbers and text alone, whatever is damaged in the file."""

import zipfile
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifting.npz_members import stored_array
from lifting.reading import guarded

__all__ = ["check_text", "read_npz"]

_LAST_CHARACTER = 0x10FFFF


def read_npz(path: Path, kind: str, only: Collection[str] | None = None) -> dict[str, NDArray[np.generic]]:
    """The arrays by name.

    Args:
        path: of the file.
        kind: what it should be, for messages, such as "a readable .npz of poses".
        only: names to read; others that are there are left alone. None: all.

    Raises:
        OSError: there is no such file.
        ValueError: it is no .npz, is cut off or damaged, or holds anything but arrays of numbers or text.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    with guarded(path, kind):
        if not zipfile.is_zipfile(path):  # numpy would take it for a pickle, and tell how to read that
            raise ValueError("it is cut off, or another kind of file")
        # opened here: of a file that is cut off, numpy would leave it open
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            wanted = [key for key in file.files if only is None or key in only]
            direct = {key: stored_array(stream, file.zip, key) for key in wanted}
            found = {key: file[key] if value is None else value for key, value in direct.items()}
        for key, value in found.items():
            if not isinstance(value, np.ndarray):
                raise ValueError(f"its entry {key!r} is no array")
            check_text(value)
    return found


def check_text(values: NDArray[np.generic]) -> None:
    """Refuse text with characters that Unicode does not have: numpy reads it, and each use of it fails.

    Raises:
        ValueError: there are such characters.
    """
    if values.dtype.kind == "U" and values.size:
        kind = np.dtype(np.uint32).newbyteorder(values.dtype.byteorder)
        if (np.ascontiguousarray(values).reshape(-1).view(kind) > _LAST_CHARACTER).any():
            raise ValueError("its text has characters that are none")
