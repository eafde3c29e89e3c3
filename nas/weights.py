"""The shared weights: their reduction in a fixed order, and the update of what a step used.

A parameter that none of the M genotypes used has no gradient: it keeps its value and its momentum, and does
not decay. (In the released program unused weights decay; see ENAS.md.)
"""

import hashlib
import math
from collections.abc import Sequence
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
    """Sum of a group of shards: a dense buffer that is zero outside of its ranges."""

    ranges: RangeArray
    values: FloatArray


class TreeSum:
    """Sum of M sparse gradients in a binary tree over shard numbers, whatever order they arrive in.

    Shards 2k and 2k + 1 are added, then groups of two, of four, and so on; a group without a partner moves
    up as it is. Float addition is not associative: only a fixed tree gives the same bits every time.

    Args:
        num_shards: M.
        size: length of the flat buffer.
    """

    def __init__(self, num_shards: int, size: int) -> None:
        self._num_shards = num_shards
        self._size = size
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
        level, index, group = 0, gradient.shard, self._scatter(gradient)
        while (1 << level) < self._num_shards:
            partner = index ^ 1
            if partner << level < self._num_shards:
                other = self._groups.pop((level, partner), None)
                if other is None:
                    break
                group = _join(group, other) if index < partner else _join(other, group)
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
        (group,) = self._groups.values()
        return group.ranges, group.values

    def _scatter(self, gradient: ShardGradient) -> _Partial:
        values = np.zeros(self._size, dtype=np.float32)
        position = 0
        for start, stop in gradient.ranges.tolist():
            values[start:stop] = gradient.values[position : position + stop - start]
            position += stop - start
        return _Partial(gradient.ranges, values)


def _join(left: _Partial, right: _Partial) -> _Partial:
    for start, stop in right.ranges.tolist():
        left.values[start:stop] += right.values[start:stop]
    return _Partial(union([left.ranges, right.ranges]), left.values)


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
        tree = TreeSum(self._config.num_shards, self.size)
        for gradient in gradients:
            tree.add(gradient)
        ranges, total = tree.result()
        total = self._mean(ranges, total)
        norm = math.sqrt(sum(_squares(total)))
        if not math.isfinite(norm):
            raise NonFiniteLossError(
                f"gradient of update {self.version} is not finite; weights are unchanged"
            )
        scale = np.float32(min(1.0, self._config.clip_norm / norm) if norm > 0 else 1.0)
        for start, stop in ranges.tolist():
            self._step(slice(start, stop), total[start:stop], scale, np.float32(learning_rate))
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


def _squares(values: FloatArray) -> list[float]:
    """Sum of squares of each block, in float64 by numpy's pairwise sum: independent of BLAS and threads."""
    blocks = (values[start : start + NORM_BLOCK] for start in range(0, len(values), NORM_BLOCK))
    return [float(np.square(block, dtype=np.float64).sum()) for block in blocks]
