"""The shared weights: their reduction in a fixed order, and the update of what a step used.

A parameter that none of the M genotypes used has no gradient: it keeps its value and its momentum, and does
not decay. (In the released program unused weights decay; see ENAS.md.)
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.config import SearchConfig
from nas.images import FloatArray
from nas.layout import RangeArray, union
from nas.shards import NonFiniteLossError, ShardGradient
from nas.supernet import Supernet

NORM_BLOCK = 1 << 16
"""The squared norm is summed in blocks of this many values, so that owners of ranges could share the work."""


@dataclass(frozen=True, kw_only=True)
class UpdateMetrics:
    """What one update did.

    Attributes:
        gradient_norm: global norm of the averaged gradient before clipping.
        num_used: values that were updated, gaps of the layout included.
        bytes_returned: size of all gradients that the shards returned.
    """

    gradient_norm: float
    num_used: int
    bytes_returned: int


@dataclass(eq=False)
class _Partial:
    """Sum of a group of shards: as it lies in its ranges or, dense, in a buffer that is zero elsewhere."""

    ranges: RangeArray
    values: FloatArray
    dense: bool


class Buffers:
    """Dense buffers of zeros that are used again: new memory costs more than what is added up in it.

    Args:
        size: length of each.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._free: list[FloatArray] = []

    def take(self) -> FloatArray:
        """A buffer of zeros."""
        return self._free.pop() if self._free else np.zeros(self._size, dtype=np.float32)

    def give_back(self, values: FloatArray, ranges: RangeArray) -> None:
        """Take back a buffer that is zero outside of `ranges`."""
        for start, stop in ranges.tolist():
            values[start:stop] = 0
        self._free.append(values)


class TreeSum:
    """Sum of M sparse gradients in a binary tree over shard numbers, whatever order they arrive in.

    Shards 2k and 2k + 1 are added, then groups of two, of four, and so on; a group without a partner moves
    up as it is. Float addition is not associative: only a fixed tree gives the same bits every time.

    Args:
        num_shards: M.
        size: length of the flat buffer.
        buffers: of that length; the one that `result` returns is the caller's to give back.
    """

    def __init__(self, num_shards: int, size: int, buffers: Buffers | None = None) -> None:
        self._num_shards = num_shards
        self._buffers = buffers or Buffers(size)
        self._groups: dict[tuple[int, int], _Partial] = {}
        self._seen: set[int] = set()

    def add(self, gradient: ShardGradient) -> None:
        """Take one gradient and add up every group that it completes.

        Raises:
            ValueError: the shard number is not of this step, or came before.
        """
        if not 0 <= gradient.shard < self._num_shards or gradient.shard in self._seen:
            raise ValueError(
                f"gradient of shard {gradient.shard} is unexpected; "
                f"a step of {self._num_shards} shards needs each number once"
            )
        self._seen.add(gradient.shard)
        level, index = 0, gradient.shard
        group = _Partial(gradient.ranges, gradient.values, dense=False)
        while (1 << level) < self._num_shards:
            partner = index ^ 1
            if partner << level < self._num_shards:
                other = self._groups.pop((level, partner), None)
                if other is None:
                    break
                group = self._join(group, other) if index < partner else self._join(other, group)
            level, index = level + 1, index >> 1
        self._groups[level, index] = group

    def result(self) -> tuple[RangeArray, FloatArray]:
        """Ranges that any shard used, and the dense sum, zero elsewhere.

        Raises:
            ValueError: a shard is missing.
        """
        missing = sorted(set(range(self._num_shards)) - self._seen)
        if missing:
            raise ValueError(f"gradients of shards {missing} are missing; all {self._num_shards} are needed")
        (group,) = map(self._dense, self._groups.values())
        return group.ranges, group.values

    def _dense(self, group: _Partial) -> _Partial:
        if group.dense:
            return group
        values = self._buffers.take()
        for place, part in _pieces(group):
            values[place] = part
        return _Partial(group.ranges, values, dense=True)

    def _join(self, left: _Partial, right: _Partial) -> _Partial:
        left = self._dense(left)
        for place, part in _pieces(right):
            left.values[place] += part
        if right.dense:
            self._buffers.give_back(right.values, right.ranges)
        return _Partial(union([left.ranges, right.ranges]), left.values, dense=True)


def _pieces(group: _Partial) -> Iterator[tuple[slice, FloatArray]]:
    """Each range's place in the flat buffer, and the values there."""
    position = 0
    for start, stop in group.ranges.tolist():
        first = start if group.dense else position
        yield slice(start, stop), group.values[first : first + stop - start]
        position += stop - start


class SharedWeights:
    """Weights, momentum and version of the search network.

    Nesterov: v <- momentum v + g;  w <- w - rate (g + momentum v), with g the clipped mean gradient plus
    weight_decay w. All on the CPU in float32.

    Args:
        supernet: shapes, initial values.
        config: seed, M, momentum, weight decay, clipping.
    """

    def __init__(self, supernet: Supernet, config: SearchConfig) -> None:
        self._config = config
        self.size = supernet.layout.size
        # Memory of torch, which is aligned; see `nas.layout`.
        self.values: FloatArray = supernet.initial_weights(config.seed).numpy()
        self._momentum: FloatArray = np.zeros_like(self.values)
        self._buffers = Buffers(self.size)
        self.version = 0

    @property
    def tensor(self) -> Tensor:
        """The weights as a tensor that shares their memory: for reading."""
        return torch.from_numpy(self.values)

    def apply(self, gradients: Sequence[ShardGradient], learning_rate: float) -> UpdateMetrics:
        """Average the gradients of one step, in any order of arrival, and update once.

        Raises:
            ValueError: a shard number is missing, repeated or too large.
            NonFiniteLossError: the sum is not finite; nothing was changed.
        """
        tree = TreeSum(self._config.num_shards, self.size, self._buffers)
        for gradient in sorted(gradients, key=lambda gradient: gradient.shard):  # then few groups are open
            tree.add(gradient)
        ranges, total = tree.result()
        total = self._mean(ranges, total)
        norm = math.sqrt(sum(_squares(ranges, total)))
        if not math.isfinite(norm):
            self._buffers.give_back(total, ranges)
            raise NonFiniteLossError(
                f"gradient of update {self.version} is not finite; weights are unchanged"
            )
        scale = np.float32(min(1.0, self._config.clip_norm / norm) if norm > 0 else 1.0)
        for start, stop in ranges.tolist():
            self._step(slice(start, stop), total[start:stop], scale, np.float32(learning_rate))
        self._buffers.give_back(total, ranges)
        self.version += 1
        return UpdateMetrics(
            gradient_norm=norm,
            num_used=int((ranges[:, 1] - ranges[:, 0]).sum()),
            bytes_returned=sum(gradient.values.nbytes for gradient in gradients),
        )

    def _mean(self, ranges: RangeArray, total: FloatArray) -> FloatArray:
        scale = np.float32(1 / self._config.num_shards)
        for start, stop in ranges.tolist():
            total[start:stop] *= scale
        return total

    def _step(self, part: slice, gradient: FloatArray, scale: np.float32, rate: np.float32) -> None:
        momentum = np.float32(self._config.momentum)
        weights, velocity = self.values[part], self._momentum[part]
        gradient *= scale
        gradient += np.float32(self._config.weight_decay) * weights
        velocity *= momentum
        velocity += gradient
        weights -= rate * (gradient + momentum * velocity)

    def digest(self) -> str:
        """SHA-256 of the weights, hexadecimal."""
        return hashlib.sha256(self.values.tobytes()).hexdigest()

    def state_dict(self) -> dict[str, Any]:
        """Copies of weights and momentum, and the version."""
        return {
            "weights": self.values.copy(),
            "momentum": self._momentum.copy(),
            "version": self.version,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: the buffers have another length.
        """
        for name in ("weights", "momentum"):
            if tuple(state[name].shape) != (self.size,):
                raise ValueError(
                    f"`{name}` of the checkpoint has shape {tuple(state[name].shape)}; this search network "
                    f"needs ({self.size},)"
                )
        self.values[:] = np.asarray(state["weights"])
        self._momentum[:] = np.asarray(state["momentum"])
        self.version = int(state["version"])


def _squares(ranges: RangeArray, values: FloatArray) -> list[float]:
    """Sum of squares of each block that a range touches, the others being zero.

    In float64 by numpy's pairwise sum: independent of BLAS and threads.
    """
    touched = {
        block
        for start, stop in ranges.tolist()
        for block in range(start // NORM_BLOCK, (stop - 1) // NORM_BLOCK + 1)
    }
    blocks = (values[block * NORM_BLOCK : (block + 1) * NORM_BLOCK] for block in sorted(touched))
    return [float(np.square(block, dtype=np.float64).sum()) for block in blocks]
