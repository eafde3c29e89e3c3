"""Pickles read without running what is in them.

A pickle may call any function. Here only what builds numpy arrays is let through, so that a file from
anywhere is safe; whatever else it names is refused by that name.
"""

import pickle
from pathlib import Path
from typing import IO, Any

from lifting.reading import guarded

__all__ = ["load_arrays", "read_pickle"]

# What numpy's own pickles of arrays, scalars and types refer to, under its old and its new name.
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy", "array"),
    *(
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    ),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


def _latin1(text: str, encoding: str) -> bytes:
    """What old pickles of arrays call to write their bytes as text."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"it wants to encode text as {encoding!r}; only latin1, as numpy writes it, is read")
    return text.encode("latin-1")


class _ArraysOnly(pickle.Unpickler):
    """Reads dictionaries, lists, text, numbers and numpy arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """The few functions that build arrays.

        Raises:
            ValueError: the pickle asks for anything else.
        """
        if (module, name) == ("_codecs", "encode"):
            return _latin1
        if (module, name) not in _ALLOWED:
            raise ValueError(
                f"it wants to use {module}.{name}; only arrays, dictionaries and lists are read, and nothing "
                "in it was run"
            )
        return super().find_class(module, name)


def read_pickle(path: Path) -> Any:
    """The object in a pickle file.

    Raises:
        OSError: no such file.
        ValueError: it is no pickle, is cut off, or names a class or a function.
    """
    with guarded(path, "a pickle of plain values and arrays"), path.open("rb") as file:
        return load_arrays(file)


def load_arrays(stream: IO[bytes]) -> Any:
    """The next object of a stream; text of Python 2 is read as latin1, as its arrays need.

    Raises:
        ValueError: it names a class or a function.
        pickle.UnpicklingError: it is damaged.
    """
    return _ArraysOnly(stream, encoding="latin1").load()
