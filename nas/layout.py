"""Where each parameter lies in one flat float32 buffer, and which parts of the buffer a genotype uses.

All shared weights live in one buffer: it is sent, hashed and saved as one array, and a view of a part of it
is a parameter. Convolution kernels are stored (out, height, width, in), so that their views have the
channels-last strides that convolutions want. Every parameter begins at a multiple of 64 bytes, because
matrix kernels may round differently on other addresses; the gaps stay zero.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

RangeArray = npt.NDArray[np.int64]

Initial = Literal["he", "one", "zero"]

ALIGNMENT = 16
"""float32 values in 64 bytes, the width of a cache line and of the widest vectors."""


@dataclass(frozen=True)
class ParameterSpec:
    """What a parameter is before it has a place.

    Attributes:
        name: unique, dotted.
        shape: torch's shape: (out, in / groups, height, width) of a convolution, (out, in) of a matrix, (C,).
        initial: "he" draws from N(0, 2 / fan_in); "one" and "zero" are constants.
        fan_in: inputs that each output sums over; 0 for constants.
    """

    name: str
    shape: tuple[int, ...]
    initial: Initial
    fan_in: int = 0

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @property
    def room(self) -> int:
        """Size with the gap up to the next parameter."""
        return -(-self.size // ALIGNMENT) * ALIGNMENT

    def view(self, values: Tensor) -> Tensor:
        """(size,) seen in the parameter's shape; no copy."""
        if len(self.shape) != 4:
            return values.view(self.shape)
        out, into, height, width = self.shape
        return values.view(out, height, width, into).permute(0, 3, 1, 2)


class ParameterLayout:
    """Specs laid one after the other in one buffer.

    Args:
        specs: in buffer order; names must differ.

    Attributes:
        specs: by name, in buffer order.
        offsets: first index of each parameter, by name.
        size: length of the buffer.

    Raises:
        ValueError: two specs share a name.
    """

    def __init__(self, specs: Iterable[ParameterSpec]) -> None:
        self.specs: dict[str, ParameterSpec] = {}
        self.offsets: dict[str, int] = {}
        self.size = 0
        for spec in specs:
            if spec.name in self.specs:
                raise ValueError(f"two parameters are named {spec.name!r}; names must differ")
            self.specs[spec.name] = spec
            self.offsets[spec.name] = self.size
            self.size += spec.room

    def view(self, buffer: Tensor, name: str) -> Tensor:
        """The named parameter as a view of the (size,) buffer."""
        offset, spec = self.offsets[name], self.specs[name]
        return spec.view(buffer[offset : offset + spec.size])

    def views(self, buffer: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Named parameters as views of the buffer."""
        return {name: self.view(buffer, name) for name in names}

    def sort(self, names: Iterable[str]) -> tuple[str, ...]:
        """Names in buffer order."""
        return tuple(sorted(names, key=self.offsets.__getitem__))

    def ranges(self, names: Sequence[str]) -> RangeArray:
        """int64 (R, 2): [start, stop) of parameters named in buffer order, gaps behind them included.

        Ranges that touch are merged.
        """
        merged: list[list[int]] = []
        for name in names:
            start = self.offsets[name]
            stop = start + self.specs[name].room
            if merged and merged[-1][1] == start:
                merged[-1][1] = stop
            else:
                merged.append([start, stop])
        return np.array(merged, dtype=np.int64).reshape(-1, 2)

    def pack(self, names: Sequence[str], tensors: Sequence[Tensor]) -> Tensor:
        """float32 values of the named parameters, in buffer order, as they lie in their `ranges`."""
        packed = torch.zeros(sum(self.specs[name].room for name in names), device=tensors[0].device)
        position = 0
        for name, tensor in zip(names, tensors, strict=True):
            spec = self.specs[name]
            spec.view(packed[position : position + spec.size]).copy_(tensor)
            position += spec.room
        return packed

    def initial(self, rng: np.random.Generator) -> Tensor:
        """float32 (size,) drawn in buffer order on the CPU, so that it is the same for every device."""
        values = torch.zeros(self.size)
        buffer = values.numpy()
        for name, spec in self.specs.items():
            part = buffer[self.offsets[name] : self.offsets[name] + spec.size]
            if spec.initial == "he":
                rng.standard_normal(dtype=np.float32, out=part)
                part *= np.float32(math.sqrt(2.0 / spec.fan_in))
            elif spec.initial == "one":
                part[:] = 1.0
        return values


def aligned(buffer: Tensor) -> Tensor:
    """The buffer, or a copy of it where its first value does not lie at a multiple of 64 bytes."""
    return buffer if buffer.data_ptr() % (4 * ALIGNMENT) == 0 else buffer.clone()


def union(ranges: Iterable[RangeArray]) -> RangeArray:
    """Smallest sorted list of ranges that covers all given ones."""
    rows = np.concatenate(list(ranges))
    if not len(rows):
        return rows
    rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
    reach = np.maximum.accumulate(rows[:, 1])
    # A new range starts where nothing before reaches.
    first = np.flatnonzero(np.concatenate(([True], rows[1:, 0] > reach[:-1])))
    last = np.concatenate((first[1:] - 1, [len(rows) - 1]))
    return np.stack([rows[first, 0], reach[last]], axis=1)
