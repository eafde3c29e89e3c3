"""The field's .npz files hold dictionaries, which numpy stores as pickles; they are read without running
what is in them.

A pickle may call any function. Here only what builds numpy arrays is let through, so that a file from
anywhere is safe.
"""

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

# What numpy's own pickles of arrays, scalars and types refer to, under its old and its new name.
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *(
        (f"numpy.{core}.multiarray", name)
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    ),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    ("_codecs", "encode"),
}


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise ValueError(f"it wants to use {module}.{name}; only arrays, dictionaries and lists are read")
        return super().find_class(module, name)


def read_object(path: Path, name: str) -> Any:
    """The Python object that numpy stored under a name in an .npz file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no .npz, nothing of that name in it, or something else than arrays, dictionaries and
            lists.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [entry.removesuffix(".npy") for entry in archive.namelist()]
            if name not in names:
                raise ValueError(f"it holds {', '.join(names)}; {name} is needed")
            stream = io.BytesIO(archive.read(f"{name}.npy"))
        return _read_array(stream)
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def _read_array(stream: io.BytesIO) -> Any:
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    shape, _, kind = read_header(stream)
    if not kind.hasobject:
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    values = _ArraysOnly(stream).load()
    return values.item() if shape == () else values
