"""Arrays read straight from a .npz are those that numpy reads, and damage is found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifting.npz import read_npz

ARRAYS = {
    "xyz": np.random.default_rng(0).normal(size=(50, 20, 3)).astype(np.float32),
    "column_major": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "text": np.array(["wave", "bend"]),
    "one": np.array(30.0),
    "nothing": np.empty((0, 3), np.float32),
}


@pytest.mark.parametrize("write", [np.savez, np.savez_compressed])
def test_the_arrays_are_numpy_s(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "a.npz", **ARRAYS)
    back = read_npz(tmp_path / "a.npz", "an .npz")
    assert set(back) == set(ARRAYS)
    for name, values in ARRAYS.items():
        assert back[name].dtype == values.dtype
        np.testing.assert_array_equal(back[name], values)
        assert back[name].flags.writeable


def test_a_changed_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, **ARRAYS)
    content = bytearray(path.read_bytes())
    content[content.index(ARRAYS["xyz"].tobytes()) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.npz .*the checksum of 'xyz\.npy' is wrong"):
        read_npz(path, "an .npz")


def test_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", clips=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_npz(tmp_path / "a.npz", "an .npz")
