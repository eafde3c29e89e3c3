"""Pickles of arrays: every protocol gives the same, and nothing unchecked reaches numpy."""

import io
import pickle
from typing import Any

import numpy as np
import pytest

from lifting.pickles import load_arrays

CONTENT: dict[str, Any] = {
    "half": np.arange(6, dtype=np.float16).reshape(2, 3),
    "columns first": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big endian": np.arange(3, dtype=">i4"),
    "empty": np.zeros((0, 3)),
    "scalars": [np.float32(3), np.int64(4), np.bool_(True)],
    "text": np.array(["ab", "c"]),
    "objects": np.array([1, "x", None, [np.ones(2)]], dtype=object),
    "tuple": (1, (np.ones(2), "a")),
    "single": np.array(5),
}


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_gives_the_same(protocol: int) -> None:
    found = load_arrays(io.BytesIO(pickle.dumps(CONTENT, protocol=protocol)))
    assert {name: repr(value) for name, value in found.items()} == {
        name: repr(value) for name, value in CONTENT.items()
    }
    assert [found[name].dtype for name in ("half", "big endian")] == [np.float16, np.dtype(">i4")]


class _Made:
    """Something whose pickle calls a function with arguments of our choice."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (_Made(divmod, 7, 2), "it wants to use __builtin__.divmod; .* nothing in it was run"),
        (_Made(np.dtype, "V8"), "it has an array of type 'V8'; numbers or text are needed"),
        (np.zeros(2, [("a", "i4")]), "it has an array of type 'V4'; numbers or text are needed"),
        (_Made(np.ndarray, (2,)), "it wants to make an array without its content"),
        (np.array(["2026-01-31"], dtype="datetime64[D]"), "it has an array of type 'M8'"),
        (np.dtype("f8"), "it holds a type or a function"),
    ],
)
def test_what_is_no_plain_array_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_arrays(io.BytesIO(pickle.dumps([value], protocol=2)))


def test_a_length_that_does_not_fit_the_shape_is_refused() -> None:
    content = pickle.dumps(np.arange(4, dtype=np.int8), protocol=2)
    assert content.count(b"K\x04\x85") == 1  # the shape, (4,)
    with pytest.raises(ValueError, match="an array of 5 x 1 bytes in it has 4"):
        load_arrays(io.BytesIO(content.replace(b"K\x04\x85", b"K\x05\x85")))


def test_a_shared_and_a_circular_list_stay_so() -> None:
    shared = [np.ones(2)]
    circle: list[Any] = [shared, shared]
    circle.append(circle)
    found = load_arrays(io.BytesIO(pickle.dumps(circle)))
    assert found[0] is found[1]
    assert found[2] is found
    assert isinstance(found[0][0], np.ndarray)
