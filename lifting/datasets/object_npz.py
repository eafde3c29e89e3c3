"""The field's .npz files hold dictionaries, which numpy stores as pickles; they are read without running
what is in them (lifting.pickles).
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from lifting.pickles import load_arrays
from lifting.reading import guarded


def read_object(path: Path, name: str) -> Any:
    """The Python object that numpy stored under a name in an .npz file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no .npz, nothing of that name in it, or something else than arrays, dictionaries and
            lists.
    """
    with guarded(path, "a .npz of numpy's"), zipfile.ZipFile(path) as archive:
        names = [entry.removesuffix(".npy") for entry in archive.namelist()]
        if name not in names:
            raise ValueError(f"it holds {', '.join(names)}; {name} is needed")
        return _read_array(io.BytesIO(archive.read(f"{name}.npy")))


def _read_array(stream: io.BytesIO) -> Any:
    version = np.lib.format.read_magic(stream)
    read_header = (
        np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    )
    shape, _, kind = read_header(stream)
    if not kind.hasobject:
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    values = load_arrays(stream)
    return values.item() if shape == () else values
