"""Pickles read without running what is in them, and without handing their bytes to native constructors.

A pickle may call any function. Here only what builds numpy arrays is let through, under stand-ins of our own:
what a pickle calls `numpy.dtype` or `_reconstruct` checks shapes, types and lengths first and makes a real
array only of what fits together. numpy's own constructors trust such bytes. The reader itself is the one in
Python: the one in C makes room for whatever number a damaged file names.
"""

import io
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from lifting.npz import check_text
from lifting.reading import guarded

__all__ = ["load_arrays", "read_pickle"]

# Numbers, text and references to objects; no dates, records or subarrays, which no data set here has.
_TYPE = re.compile(r"^(b1|[iu][1248]|f[248]|c(8|16)|[SU]\d{1,6}|O8?)$")
_MAX_DIMENSIONS = 16


class _Function:
    """A stand-in that a pickle may call; nothing in it can be changed by the pickle."""

    __slots__ = ("_work",)
    _work: Callable[..., Any]

    def __init__(self, work: Callable[..., Any]) -> None:
        object.__setattr__(self, "_work", work)

    def __call__(self, *arguments: Any) -> Any:
        return self._work(*arguments)

    def __setattr__(self, name: str, value: object) -> None:
        raise ValueError(
            f"it wants to change {name} of a function; only arrays, dictionaries and lists are read"
        )

    def __setstate__(self, state: object) -> None:
        raise ValueError("it wants to change a function; only arrays, dictionaries and lists are read")


class _Type:
    """Stands for numpy.dtype until its state has come."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, *flags: Any) -> None:
        if not isinstance(code, str) or not _TYPE.match(code) or len(flags) > 2:
            raise ValueError(f"it has an array of type {str(code)[:40]!r}; numbers or text are needed")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        plain = isinstance(state, tuple) and len(state) in (8, 9) and state[2:5] == (None, None, None)
        if not plain or state[1] not in ("<", ">", "|", "="):
            raise ValueError("it has an array of records; numbers or text are needed")
        self.order = state[1]

    def dtype(self) -> np.dtype[Any]:
        """The real one."""
        return np.dtype(self.order + self.code if self.code[0] in "iufcU" else self.code)


class _Array:
    """Stands for an array until its state has come."""

    __slots__ = ("_made", "_state")

    def __init__(self) -> None:
        self._state: tuple[tuple[int, ...], np.dtype[Any], bool, Any] | None = None
        self._made: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise ValueError("an array in it has no shape, type and content")
        shape, kind, fortran, content = state[-4:]
        self._state = _checked_shape(shape), _checked_type(kind), bool(fortran), content

    def array(self) -> "np.ndarray[Any, Any]":
        """The real one."""
        if self._made is None:
            if self._state is None:
                raise ValueError("an array in it has no content")
            shape, dtype, fortran, content = self._state
            self._made = _array(content, dtype, shape, "F" if fortran else "C")
        return self._made


def _checked_type(kind: Any) -> np.dtype[Any]:
    if not isinstance(kind, _Type):
        raise ValueError("an array in it has no type")
    return kind.dtype()


def _checked_shape(shape: Any) -> tuple[int, ...]:
    whole = isinstance(shape, tuple) and all(isinstance(n, int) and 0 <= n < 1 << 48 for n in shape)
    if not whole or len(shape) > _MAX_DIMENSIONS:
        raise ValueError(
            f"an array in it has the shape {str(shape)[:60]}; whole numbers of 0 or more are needed"
        )
    return tuple(shape)


def _array(content: Any, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any) -> "np.ndarray[Any, Any]":
    size = math.prod(shape)
    if order not in ("C", "F"):
        raise ValueError(f"an array in it has the order {str(order)[:20]!r}; C or F is needed")
    if dtype.hasobject:
        if not isinstance(content, list) or len(content) != size:
            raise ValueError(f"an array of {size} objects in it has another content")
        objects = np.empty(size, dtype=object)
        for number, value in enumerate(content):
            objects[number] = value
        return objects.reshape(shape, order=order)
    if isinstance(content, str):  # text of Python 2, read as latin1
        content = content.encode("latin-1")
    if not isinstance(content, bytes | bytearray) or len(content) != size * dtype.itemsize:
        came = len(content) if isinstance(content, bytes | bytearray) else type(content).__name__
        raise ValueError(f"an array of {size} x {dtype.itemsize} bytes in it has {came}")
    if not size or not dtype.itemsize:
        return np.zeros(shape, dtype)
    values = np.frombuffer(content, dtype)
    check_text(values)
    return values.reshape(shape, order=order).copy(order=order)


def _reconstruct(subtype: Any, shape: Any, code: Any) -> _Array:
    if subtype is not _NDARRAY or shape != (0,) or code not in (b"b", "b"):
        raise ValueError("it wants an array of an unknown kind; plain numpy arrays are read")
    return _Array()


def _scalar(kind: Any, content: Any = b"") -> Any:
    dtype = _checked_type(kind)
    if dtype.hasobject:
        raise ValueError("it has a number that is an object; plain numbers are read")
    return _array(content, dtype, (1,), "C")[0]


def _from_buffer(content: Any, kind: Any, shape: Any, order: Any) -> "np.ndarray[Any, Any]":
    dtype = _checked_type(kind)
    if dtype.hasobject:
        raise ValueError("it has objects in a buffer; numbers are needed")
    return _array(content, dtype, _checked_shape(shape), order)


def _latin1(text: Any, encoding: Any) -> bytes:
    """What old pickles of arrays call to write their bytes as text."""
    if encoding not in ("latin1", "latin-1") or not isinstance(text, str):
        raise ValueError(f"it wants to encode text as {encoding!r}; only latin1, as numpy writes it, is read")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    """How pickles of protocol 2 and below write empty bytes."""
    return b""


def _of_buffer(shape: Any = None, code: Any = None, content: Any = None) -> "np.ndarray[Any, Any]":
    """`numpy.ndarray(shape, type, bytes)`, as our own exports write an array."""
    if not isinstance(code, str) or not isinstance(content, bytes):
        raise ValueError("it wants to make an array without its content; numpy's own form is read")
    kind = _Type(code.lstrip("<>|="))
    kind.order = code[0] if code[0] in "<>|" else "="
    return _from_buffer(content, kind, shape, "C")


def _same_array(array: Any = None, *others: Any) -> "np.ndarray[Any, Any]":
    """`numpy.array(array)`, as our own exports write it."""
    if not isinstance(array, np.ndarray) or others:
        raise ValueError("it wants to make an array of something else; numpy's own form is read")
    return array


_NDARRAY = _Function(_of_buffer)
# What numpy's own pickles of arrays, scalars and types refer to, under its old and its new name.
_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "array"): _Function(_same_array),
    ("numpy", "dtype"): _Function(_Type),
    ("_codecs", "encode"): _Function(_latin1),
    ("builtins", "bytes"): _Function(_no_bytes),
    ("__builtin__", "bytes"): _Function(_no_bytes),
    **{
        (f"numpy.{core}.{module}", name): _Function(work)
        for core in ("core", "_core")
        for module, name, work in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}


class _ArraysOnly(pickle._Unpickler):  # the one in Python, on purpose
    """Reads dictionaries, lists, text, numbers and numpy arrays."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of one of the few functions that build arrays.

        Raises:
            ValueError: the pickle asks for anything else.
        """
        if (module, name) not in _STAND_INS:
            raise ValueError(
                f"it wants to use {module}.{name}; only arrays, dictionaries and lists are read, and nothing "
                "in it was run"
            )
        return _STAND_INS[module, name]


class _Stream:
    """A file that never makes room for more than is left of it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        here = file.tell()
        self._end = file.seek(0, io.SEEK_END)
        file.seek(here)

    def read(self, size: int) -> bytes:
        left = self._end - self._file.tell()
        if size > left:
            raise EOFError(f"it is cut off: {size} bytes are announced and {left} follow")
        return self._file.read(size)

    def readline(self) -> bytes:
        return self._file.readline()


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
        ValueError: it names a class or a function, or an array whose shape, type and content do not fit.
        Exception: it is damaged; a caller reads within `lifting.reading.guarded`.
    """
    return _resolved(_ArraysOnly(_Stream(stream), encoding="latin1").load())


def _resolved(root: Any) -> Any:
    """With real arrays in place of what stands for them, in containers of any depth."""
    holder = [root]
    seen: set[int] = set()
    waiting: list[Any] = [holder]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, dict):
            for key, item in value.items():
                value[key] = _real(item, waiting)
        elif isinstance(value, list):
            value[:] = [_real(item, waiting) for item in value]
        elif isinstance(value, np.ndarray) and value.dtype.hasobject:
            flat = value.reshape(-1)
            for number, item in enumerate(flat):
                flat[number] = _real(item, waiting)
    return holder[0]


def _real(item: Any, waiting: list[Any]) -> Any:
    """The item itself, what it stands for, or a tuple of such; containers are left to be looked into."""
    if isinstance(item, _Array):
        item = item.array()
    elif isinstance(item, _Type | _Function):
        raise ValueError("it holds a type or a function; only arrays, dictionaries and lists are read")
    elif isinstance(item, tuple) and not all(isinstance(part, int | float | str) for part in item):
        return tuple(_real(part, waiting) for part in item)
    if isinstance(item, dict | list) or (isinstance(item, np.ndarray) and item.dtype.hasobject):
        waiting.append(item)
    return item
