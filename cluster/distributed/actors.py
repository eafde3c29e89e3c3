"""The processes of a search: evaluators, the owner of the shared weights, the host of the controller.

They are thin: each call is one call of a plain function of `nas`. Here they are plain classes;
`children` and `strategies` beside this file run them as Ray actors and decide what happens when one dies.

An actor that Ray restarted is as new. So what has a state (owner, host) is leased: what loads its state
gives it a lease, and every later call must show it. A restarted actor holds none and refuses.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import ray
import torch
from ray import ObjectRef
from ray.exceptions import RayError
from torch import Tensor

from cluster.distributed.processes import NotPreparedError, WorkerInfo
from cluster.distributed.reports import EpochReport, ShardReport
from cluster.distributed.trainer import Reference, Trainer
from cluster.distributed.training_runs import TrainingSpec, TrainingState
from cluster.tracking.machines import MachineUse
from nas.compute import deterministic, require_device
from nas.compute_config import ComputeConfig
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import FloatArray, ImageSource
from nas.kernel_choice import Choice
from nas.kernels import select
from nas.shards import ShardGradient, ShardScore, evaluate_genotype, score_shard, train_shard
from nas.space import find_space
from nas.strategy import Strategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig
from nas.weights import RangeSum, SharedWeights, split_gradient

__all__ = [
    "ControllerHost",
    "Evaluator",
    "Published",
    "StaleLeaseError",
    "Summed",
    "WeightsOwner",
    "WeightsUnavailableError",
]

FETCH_SECONDS = 60.0
"""How long an object may take to arrive before it counts as lost; 10 MB take some hundredths of a second."""


class StaleLeaseError(Exception):
    """The actor was restarted since its state was loaded: it must be loaded anew."""


class WeightsUnavailableError(Exception):
    """The published weights are gone, as they are when their owner died."""


class Published(NamedTuple):
    """One version of the weights in the object store.

    Attributes:
        version: how many updates it has had.
        bounds: where the range of each owner begins, and the end of the last.
        references: the weights of each range; in a list, so that Ray hands on the references themselves.
    """

    version: int
    bounds: tuple[int, ...]
    references: list["ObjectRef[FloatArray]"]


@dataclass(frozen=True, kw_only=True)
class Summed:
    """Outcome of `WeightsOwner.add_up`.

    Attributes:
        lost: positions of the gradients that could not be fetched; then nothing was added up.
        part: what the sum gives to the metrics of the whole.
    """

    lost: tuple[int, ...] = ()
    part: RangeSum | None = None


class Evaluator:
    """Computes shards on one torch thread; keeps nothing but a copy of one version of the weights.

    A new process knows nothing until `prepare`; the driver repeats this handshake whenever it was restarted.
    """

    def __init__(self) -> None:
        self._parts: _Parts | None = None
        self._trainer = Trainer()
        self._machine = MachineUse()
        self._objects: list[str] = []  # which published objects the weights are a copy of

    def prepare(
        self,
        supernet: SupernetConfig,
        config: SearchConfig,
        sources: Sequence["ObjectRef[ImageSource]"],
        compute: ComputeConfig | None = None,
        kernels: Choice = "torch",
    ) -> WorkerInfo:
        """Get ready for work, and say who this is.

        Args:
            supernet: shapes.
            config: of the search.
            sources: training and validation images in the object store.
            compute: device and precision.
            kernels: see `nas.kernels.select`.

        Raises:
            ValueError: there is no such device in this process.
        """
        compute = compute or ComputeConfig()
        select(kernels)
        info = self._trainer.prepare(compute)
        device = require_device(compute)
        train_source, validation_source = ray.get(list(sources))
        network = Supernet(supernet, find_space(config.space))
        received = torch.zeros(network.layout.size, pin_memory=device.type != "cpu")
        weights = received.to(device)
        self._parts = _Parts(network, config, train_source, validation_source, received, weights, compute)
        self._objects = []
        return info

    def advance(
        self, spec: TrainingSpec, images: Reference, validation: Reference, state: Reference, epoch: int
    ) -> tuple[EpochReport, TrainingState]:
        """One epoch of a training from scratch; see `Trainer.advance`."""
        return self._trainer.advance(spec, images, validation, state, epoch)

    def train(
        self, weights: Published, genotype: Genotype, step: int, shard: int
    ) -> tuple[ShardReport | ShardGradient, ...]:
        """A report for the driver and, each an object of its own, the gradient's part for every owner."""
        start, parts, bytes_in = self._begin(weights)
        with deterministic(parts.compute):
            gradient = train_shard(
                parts.supernet,
                parts.weights,
                genotype,
                parts.train_source,
                parts.config,
                step,
                shard,
                parts.compute,
            )
        result = ShardScore(
            shard=shard, loss=gradient.loss, accuracy=gradient.accuracy, num_images=gradient.num_images
        )
        parts_out = split_gradient(gradient, weights.bounds)
        bytes_out = sum(part.values.nbytes + part.ranges.nbytes for part in parts_out)
        return self._report(result, start, bytes_in, bytes_out), *parts_out

    def score(self, weights: Published, genotype: Genotype, step: int, shard: int) -> ShardReport:
        """The score on the minibatch of a controller step."""
        start, parts, bytes_in = self._begin(weights)
        source, config, compute = parts.validation_source, parts.config, parts.compute
        with deterministic(compute):
            result = score_shard(
                parts.supernet, parts.weights, genotype, source, config, step, shard, compute
            )
        return self._report(result, start, bytes_in)

    def evaluate(self, weights: Published, genotype: Genotype) -> ShardReport:
        """The score on the whole validation part."""
        start, parts, bytes_in = self._begin(weights)
        source, config, compute = parts.validation_source, parts.config, parts.compute
        with deterministic(compute):
            result = evaluate_genotype(parts.supernet, parts.weights, genotype, source, config, compute)
        return self._report(result, start, bytes_in)

    def _report(self, result: ShardScore, start: float, bytes_in: int, bytes_out: int = 0) -> ShardReport:
        return ShardReport(
            result=result,
            seconds=time.perf_counter() - start,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            machine=self._machine.due(),
        )

    def _begin(self, weights: Published) -> tuple[float, "_Parts", int]:
        """The time, what `prepare` gave, and the bytes of weights that had to be copied."""
        start = time.perf_counter()
        if self._parts is None:
            raise NotPreparedError(f"process {os.getpid()} was started anew")
        return start, self._parts, self._load(weights, self._parts)

    def _load(self, weights: Published, parts: "_Parts") -> int:
        """Copy a version once: the objects are memory that all processes of the machine share."""
        names = [reference.hex() for reference in weights.references]
        if names == self._objects:
            return 0
        self._objects = []  # whatever happens now, the copy is no version until it is whole
        try:
            views = ray.get(weights.references, timeout=FETCH_SECONDS)
        except RayError as error:
            raise WeightsUnavailableError(f"version {weights.version}: {error}") from error
        received = parts.received.numpy()
        for (start, stop), view in zip(pairwise(weights.bounds), views, strict=True):
            assert not view.flags.writeable, "a writable view could change the weights of every worker"
            np.copyto(received[start:stop], view)
        parts.weights.copy_(parts.received)  # on the CPU the two are one
        self._objects = names
        return received.nbytes


@dataclass(frozen=True, eq=False)
class _Parts:
    """What an evaluator computes with: `weights` on the device, `received` on the CPU."""

    supernet: Supernet
    config: SearchConfig
    train_source: ImageSource
    validation_source: ImageSource
    received: Tensor
    weights: Tensor
    compute: ComputeConfig


class WeightsOwner:
    """Holds a range of the shared weights, publishes each version, adds up gradients in their fixed order.

    The owner puts the weights into the object store itself: an object lives as long as who put it. An update
    has two halves, because every owner needs the norm of the whole gradient.

    Args:
        supernet: shapes and initial values.
        config: of the search.
        bounds: first value of the range and the one after its last.
    """

    def __init__(self, supernet: SupernetConfig, config: SearchConfig, bounds: tuple[int, int]) -> None:
        self._arguments = Supernet(supernet, find_space(config.space)), config, bounds
        self._weights = SharedWeights(*self._arguments)
        self._lease = ""
        self._reference: ObjectRef[FloatArray] | None = None

    def load(self, lease: str, state: dict[str, Any] | None) -> Published:
        """Start anew from the state of this range, or from the initial weights, under a new lease."""
        self._weights = SharedWeights(*self._arguments)
        if state is not None:
            self._weights.load_state_dict(state)
        self._lease = lease
        return self._publish()

    def add_up(self, lease: str, gradients: Sequence["ObjectRef[ShardGradient]"]) -> Summed:
        """Sum of the parts of all shards, in whatever order; or the word that some are lost."""
        _check_lease(lease, self._lease)
        fetched = _fetch(gradients)
        lost = tuple(position for position, gradient in enumerate(fetched) if gradient is None)
        if lost:
            return Summed(lost=lost)
        return Summed(part=self._weights.add_up([g for g in fetched if g is not None]))

    def update(self, lease: str, norm: float, learning_rate: float) -> Published:
        """One update by what was added up, given the norm of the whole gradient."""
        _check_lease(lease, self._lease)
        self._weights.update(norm, learning_rate)
        return self._publish()

    def publish(self, lease: str) -> Published:
        """The same weights once more, where the published object was lost."""
        _check_lease(lease, self._lease)
        return self._publish()

    def state_dict(self, lease: str) -> dict[str, Any]:
        """State of the range."""
        _check_lease(lease, self._lease)
        return self._weights.state_dict()

    def pid(self) -> int:
        """The process."""
        return os.getpid()

    def _publish(self) -> Published:
        self._reference = ray.put(self._weights.values)
        return Published(self._weights.version, self._arguments[2], [self._reference])


class ControllerHost:
    """Holds the strategy."""

    def __init__(self) -> None:
        self._lease = ""
        self._strategy: Strategy | None = None

    def load(self, lease: str, loaded: tuple[Strategy, dict[str, Any]]) -> None:
        """Take a strategy and its state under a new lease."""
        strategy, state = loaded
        strategy.load_state_dict(state)
        self._strategy, self._lease = strategy, lease

    def sample(self, lease: str, count: int, stream: str, step: int) -> list[Genotype]:
        """Genotypes; see `nas.strategy.Strategy`."""
        return self._held(lease).sample(count, stream, step)

    def update(
        self, lease: str, genotypes: Sequence[Genotype], rewards: Sequence[float]
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Metrics, and the state afterwards, which the driver keeps in case this host dies."""
        strategy = self._held(lease)
        metrics = strategy.update(genotypes, rewards)
        return metrics, strategy.state_dict()

    def _held(self, lease: str) -> Strategy:
        _check_lease(lease, self._lease)
        assert self._strategy is not None
        return self._strategy

    def pid(self) -> int:
        """The process."""
        return os.getpid()


def _check_lease(shown: str, held: str) -> None:
    if shown != held:
        raise StaleLeaseError(f"the call shows lease {shown!r}; this process was loaded under {held!r}")


def _fetch(references: Sequence["ObjectRef[ShardGradient]"]) -> list[ShardGradient | None]:
    """Gradients, None where the machine that held one is gone or does not answer."""
    arrived, _ = ray.wait(list(references), num_returns=len(references), timeout=FETCH_SECONDS)
    return [_get(reference) if reference in arrived else None for reference in references]


def _get(reference: "ObjectRef[ShardGradient]") -> ShardGradient | None:
    try:
        return ray.get(reference, timeout=FETCH_SECONDS)
    except RayError:
        return None
