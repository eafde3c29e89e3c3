"""A state as JSON plus named tensors, and back, exactly; nothing is pickled."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from torch import Tensor

__all__ = ["StateCodec", "Stored", "deserialize", "serialize"]

LARGE_BYTES = 1 << 20
"""A tensor of at least this size is a part of its own; the smaller ones share the part "small"."""

Stored = Tensor | npt.NDArray[Any]
"""What a part holds."""

_SCALARS = (bool, int, float, str, type(None))


class StateCodec:
    """Takes a nested state apart; `encode` and `decode` are the two directions.

    In the JSON tree an object with one key that begins with "$" stands for what JSON lacks: "$tensor" and
    "$array" (part and key), "$tuple", and "$items" (a dict whose keys are not all plain strings).
    """

    def __init__(self) -> None:
        self.parts: dict[str, dict[str, Stored]] = {}

    @classmethod
    def encode(cls, state: Mapping[str, Any]) -> tuple[Any, dict[str, dict[str, Stored]]]:
        """The JSON tree, and the tensors by part and key: copies, but for arrays that are read-only.

        Raises:
            ValueError: something in the state is neither a container, a tensor, an array nor a JSON scalar.
        """
        codec = cls()
        return codec._encode(state, "state"), codec.parts

    @classmethod
    def decode(cls, tree: Any, parts: Mapping[str, Mapping[str, Tensor]]) -> Any:
        """The state again."""
        if isinstance(tree, list):
            return [cls.decode(item, parts) for item in tree]
        if not isinstance(tree, dict):
            return tree
        if len(tree) == 1:
            (key, value), *_ = tree.items()
            if key in ("$tensor", "$array"):
                tensor = parts[value[0]][value[1]]
                return tensor if key == "$tensor" else tensor.numpy()
            if key == "$tuple":
                return tuple(cls.decode(item, parts) for item in value)
            if key == "$items":
                return {cls.decode(name, parts): cls.decode(item, parts) for name, item in value}
        return {key: cls.decode(value, parts) for key, value in tree.items()}

    def _encode(self, value: Any, place: str) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, _SCALARS):
            return value
        if isinstance(value, Tensor):
            return {"$tensor": self._put(value.detach().to("cpu", copy=True), place)}
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            return {"$array": self._put(value if not value.flags.writeable else _tensor(value), place)}
        if isinstance(value, list):
            return [self._encode(item, f"{place}[{number}]") for number, item in enumerate(value)]
        if isinstance(value, tuple):
            return {"$tuple": [self._encode(item, f"{place}[{number}]") for number, item in enumerate(value)]}
        if isinstance(value, Mapping):
            return self._encode_mapping(value, place)
        raise ValueError(
            f"{place} is a {type(value).__name__}; a checkpoint holds dicts, lists, tensors, numeric arrays, "
            "numbers, strings and None only"
        )

    def _encode_mapping(self, mapping: Mapping[Any, Any], place: str) -> Any:
        items = [(key, self._encode(value, f"{place}.{key}")) for key, value in mapping.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in items):
            return dict(items)
        return {"$items": [[self._encode(key, f"a key of {place}"), value] for key, value in items]}

    def _put(self, tensor: Stored, place: str) -> list[str]:
        part = place if tensor.nbytes >= LARGE_BYTES else "small"
        self.parts.setdefault(part, {})[place] = tensor
        return [part, place]


def _tensor(array: npt.NDArray[Any]) -> Tensor:
    """A copy: torch takes no array that is read-only."""
    return torch.from_numpy(np.array(array, order="C"))


def serialize(tensors: Mapping[str, Stored]) -> bytes:
    """Tensors as the bytes of a safetensors file; equal tensors always give equal bytes.

    Every tensor gets memory of its own first: views of one buffer are what safetensors refuses to write.
    """
    separate = {
        name: (value if isinstance(value, Tensor) else _tensor(value)).contiguous()
        for name, value in sorted(tensors.items())
    }
    seen: set[int] = set()
    for name, tensor in separate.items():
        pointer = tensor.untyped_storage().data_ptr()
        if pointer in seen or tensor.untyped_storage().nbytes() != tensor.nbytes:
            separate[name] = tensor.clone()
        seen.add(pointer)
    return bytes(safetensors.torch.save(separate))


def deserialize(content: bytes) -> dict[str, Tensor]:
    """The tensors of a safetensors file's bytes, in memory of their own and writable."""
    tensors: dict[str, Tensor] = safetensors.torch.load(content)
    return tensors
