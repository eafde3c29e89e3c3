"""What the driver learns of finished work; the heavy part stays in the object store, by reference."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cluster.distributed.training_runs import TrainedEpoch
from nas.shards import ShardScore

__all__ = ["EpochReport", "ShardReport"]


@dataclass(frozen=True, kw_only=True)
class ShardReport:
    """Of a finished shard; a gradient goes straight to the owner of the weights.

    Attributes:
        result: loss and accuracy; of a gradient too.
        seconds: time in the evaluator, its copy of the weights included.
        bytes_in: size of the weights, if this call had to copy them.
        bytes_out: size of the gradient; 0 for a score.
        machine: what the worker's machine is doing, every 10 s; no result depends on it.
    """

    result: ShardScore
    seconds: float
    bytes_in: int
    bytes_out: int = 0
    machine: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """Of a finished epoch of a training from scratch.

    Attributes:
        trained: metrics, and after the last epoch the score.
        seconds: time in the worker.
        machine: as in a `ShardReport`.
    """

    trained: TrainedEpoch
    seconds: float
    machine: Mapping[str, float] = field(default_factory=dict)
