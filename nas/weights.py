"""The shared weights: their reduction in a fixed order, and the update of what a step used.

A parameter that none of the M genotypes used has no gradient: it keeps its value and its momentum, and does
not decay. (In the released program unused weights decay; see docs/enas.md.)
"""

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nas.config import SearchConfig
from nas.images import FloatArray, IntArray
from nas.layout import RangeArray, union
from nas.shards import NonFiniteLossError, ShardGradient
from nas.strategy import RandomStrategy
from nas.supernet import Supernet

NORM_BLOCK = 1 << 16
"""The squared norm is summed in blocks of this many values, so that owners of ranges can share the work."""

SAMPLED_FOR_LOAD = 64
"""Random genotypes by whose slices the work is divided among owners."""


def owner_bounds(supernet: Supernet, num_shards: int, owners: int) -> tuple[int, ...]:
    """Cut the flat buffer into one range for each owner of shared weights, all about equally much work.

    Cuts lie between blocks of the norm. Work is what random genotypes send to a range: the auxiliary head,
    which all of them use, is most of a gradient and a small part of the buffer. Cuts are no part of a result.

    Args:
        supernet: the layout.
        num_shards: M; each sends a gradient.
        owners: R, at least 1.

    Returns:
        R + 1 positions from 0 to the buffer's size; owner r has [bounds[r], bounds[r + 1]).

    Raises:
        ValueError: there are fewer blocks than owners.
    """
    size = supernet.layout.size
    count = -(-size // NORM_BLOCK)
    if not 1 <= owners <= count:
        raise ValueError(
            f"`owners` is {owners}; the weights of this search network are {count} blocks of {NORM_BLOCK} "
            f"values, so 1 to {count} owners can share them"
        )
    edges = np.minimum(np.arange(count + 1) * NORM_BLOCK, size)
    load = np.diff(edges).astype(np.float64)  # of the update and its publication, once a step
    strategy = RandomStrategy(supernet.config.num_nodes, 0, supernet.space)
    for genotype in strategy.sample(SAMPLED_FOR_LOAD, "weights", 0):
        used = _used_below(supernet.used_ranges(genotype), edges)
        load += np.diff(used) * (num_shards / SAMPLED_FOR_LOAD)
    reached = np.cumsum(load)
    cuts = [0]
    for owner in range(1, owners):
        wanted = int(np.argmin(np.abs(reached - reached[-1] * owner / owners))) + 1
        cuts.append(min(max(wanted, cuts[-1] + 1), count - (owners - owner)))  # a block for everybody
    return tuple(edges[[*cuts, count]].tolist())


def split_gradient(gradient: ShardGradient, bounds: Sequence[int]) -> list[ShardGradient]:
    """The part of a gradient that lies in each range, counted from the range's first value.

    Args:
        gradient: of one shard.
        bounds: of `owner_bounds`.

    Returns:
        One for each range, its values a view; empty where the genotype uses nothing of a range.
    """
    places = _used_below(gradient.ranges, np.array(bounds)).tolist()
    parts = []
    for (start, stop), (first, last) in zip(pairwise(bounds), pairwise(places), strict=True):
        rows = gradient.ranges.clip(start, stop) - start
        parts.append(
            replace(gradient, ranges=rows[rows[:, 0] < rows[:, 1]], values=gradient.values[first:last])
        )
    return parts


def _used_below(ranges: RangeArray, positions: IntArray) -> IntArray:
    """How many values of the ranges lie before each position."""
    starts, lengths = ranges[:, 0], ranges[:, 1] - ranges[:, 0]
    below: IntArray = (positions[:, None] - starts).clip(0, lengths).sum(axis=1)
    return below


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


@dataclass(frozen=True, kw_only=True)
class RangeSum:
    """What the averaged gradient of one range gives to the metrics of the whole.

    Attributes:
        squares: sum of squares of each block of `NORM_BLOCK` values that any shard used, in buffer order.
        num_used, bytes_returned: as `UpdateMetrics`, of this range.
    """

    squares: tuple[float, ...]
    num_used: int
    bytes_returned: int


def join_sums(sums: Sequence[RangeSum]) -> UpdateMetrics:
    """Metrics of an update from those of its ranges in buffer order; bit-identical for any division.

    The norm is that of the whole: infinite or NaN where the gradient is.
    """
    return UpdateMetrics(
        gradient_norm=math.sqrt(sum(square for part in sums for square in part.squares)),
        num_used=sum(part.num_used for part in sums),
        bytes_returned=sum(part.bytes_returned for part in sums),
    )


def check_length(name: str, values: FloatArray, size: int) -> None:
    """Raise ValueError unless a buffer of a saved state has the length of this search network's."""
    if tuple(values.shape) != (size,):
        raise ValueError(
            f"`{name}` of the checkpoint has shape {tuple(values.shape)}; this search network needs ({size},)"
        )


def check_norm(norm: float, version: int) -> None:
    """Raise NonFiniteLossError unless the norm of an update's gradient is finite."""
    if not math.isfinite(norm):
        raise NonFiniteLossError(f"gradient of update {version} is not finite; weights are unchanged")


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
    up as it is. Float addition is not associative: only a fixed tree is bit-identical every time.

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
    """Weights, momentum and version of the search network, or of one range of its buffer.

    Nesterov: v <- momentum v + g;  w <- w - rate (g + momentum v), with g the clipped mean gradient plus
    weight_decay w. All on the CPU in float32. Owners of ranges do an update in two halves, `add_up` and
    `update`, and learn the norm of the whole between them.

    Args:
        supernet: shapes, initial values.
        config: seed, M, momentum, weight decay, clipping.
        bounds: first value of the range and the one after its last, as `owner_bounds` cuts; by default all.
            Everything here then counts from the range's first value.
    """

    def __init__(
        self, supernet: Supernet, config: SearchConfig, bounds: tuple[int, int] | None = None
    ) -> None:
        self._config = config
        start, stop = bounds or (0, supernet.layout.size)
        self.size = stop - start
        # Memory of torch, which is aligned; see `nas.layout`.
        self.values: FloatArray = supernet.initial_weights(config.seed)[start:stop].clone().numpy()
        self._momentum: FloatArray = np.zeros_like(self.values)
        self._buffers = Buffers(self.size)
        self._sum: tuple[RangeArray, FloatArray] | None = None
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
        metrics = join_sums([self.add_up(gradients)])
        check_norm(metrics.gradient_norm, self.version)
        self.update(metrics.gradient_norm, learning_rate)
        return metrics

    def add_up(self, gradients: Sequence[ShardGradient]) -> RangeSum:
        """Average the gradients of one step, in any order of arrival; `update` uses it, or it is dropped.

        Raises:
            ValueError: as `apply`.
        """
        self._drop_sum()
        tree = TreeSum(self._config.num_shards, self.size, self._buffers)
        for gradient in sorted(gradients, key=lambda gradient: gradient.shard):  # then few groups are open
            tree.add(gradient)
        ranges, total = tree.result()
        self._sum = ranges, self._mean(ranges, total)
        return RangeSum(
            squares=tuple(_squares(ranges, total)),
            num_used=int((ranges[:, 1] - ranges[:, 0]).sum()),
            bytes_returned=sum(gradient.values.nbytes for gradient in gradients),
        )

    def update(self, norm: float, learning_rate: float) -> None:
        """Clip what `add_up` averaged by the norm of the whole gradient, which is finite, and update."""
        assert self._sum is not None, "`add_up` comes first"
        ranges, total = self._sum
        scale = np.float32(min(1.0, self._config.clip_norm / norm) if norm > 0 else 1.0)
        for start, stop in ranges.tolist():
            self._step(slice(start, stop), total[start:stop], scale, np.float32(learning_rate))
        self._drop_sum()
        self.version += 1

    def _drop_sum(self) -> None:
        if self._sum is not None:
            ranges, total = self._sum
            self._buffers.give_back(total, ranges)
            self._sum = None

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
        """Read-only copies of weights and momentum, and the version."""
        copies = {"weights": self.values.copy(), "momentum": self._momentum.copy()}
        for copied in copies.values():
            copied.setflags(write=False)
        return {**copies, "version": self.version}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: the buffers have another length.
        """
        for name in ("weights", "momentum"):
            check_length(name, state[name], self.size)
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
