"""The processes of a search: evaluators, the owner of the shared weights, the host of the controller.

They are thin: each call is one call of a plain function of `nas`. Here they are plain classes;
`children` and `strategies` beside this file run them as Ray actors and decide what happens when one dies.

An actor that Ray restarted is as new. So what has a state (owner, host) is leased: whoever loads its state
gives it a lease, and every later call must show it. A restarted actor holds none and refuses.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
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
from cluster.stages.courses import TrainingSpec, TrainingState
from cluster.tracking.machines import MachineUse
from nas.compute import ComputeConfig, deterministic, require_device
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import FloatArray, ImageSource
from nas.kernels import Choice, select
from nas.shards import ShardGradient, ShardScore, evaluate_genotype, score_shard, train_shard
from nas.strategy import Strategy
from nas.supernet import Supernet, SupernetConfig
from nas.weights import SharedWeights, UpdateMetrics

__all__ = [
    "ControllerHost",
    "Evaluator",
    "Published",
    "StaleLeaseError",
    "Update",
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
    """One version of the weights in the object store: a list, so that Ray hands on the reference itself."""

    version: int
    reference: list["ObjectRef[FloatArray]"]


@dataclass(frozen=True, kw_only=True)
class Update:
    """Outcome of `WeightsOwner.update`.

    Attributes:
        lost: positions of the gradients that could not be fetched; then nothing was changed.
        metrics: of the update.
        published: the new weights.
    """

    lost: tuple[int, ...] = ()
    metrics: UpdateMetrics | None = None
    published: Published | None = None


class Evaluator:
    """Computes shards on one torch thread; keeps nothing but a copy of one version of the weights.

    A new process knows nothing until `prepare`; the driver greets it so whenever it was restarted.
    """

    def __init__(self) -> None:
        self._parts: _Parts | None = None
        self._trainer = Trainer()
        self._machine = MachineUse()
        self._object = ""  # which published object the weights are a copy of

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
        network = Supernet(supernet)
        received = torch.zeros(network.layout.size, pin_memory=device.type != "cpu")
        weights = received.to(device)
        self._parts = _Parts(network, config, train_source, validation_source, received, weights, compute)
        self._object = ""
        return info

    def advance(
        self, spec: TrainingSpec, images: Reference, validation: Reference, state: Reference, epoch: int
    ) -> tuple[EpochReport, TrainingState]:
        """One epoch of a training from scratch; see `Trainer.advance`."""
        return self._trainer.advance(spec, images, validation, state, epoch)

    def train(
        self, weights: Published, genotype: Genotype, step: int, shard: int
    ) -> tuple[ShardReport, ShardGradient]:
        """A report for the driver and, as an object of its own, the gradient."""
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
        bytes_out = gradient.values.nbytes + gradient.ranges.nbytes
        return self._report(result, start, bytes_in, bytes_out), gradient

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
        """Copy a version once: the object is memory that all processes of the machine share."""
        (reference,) = weights.reference
        if reference.hex() == self._object:
            return 0
        try:
            view = ray.get(reference, timeout=FETCH_SECONDS)
        except RayError as error:
            raise WeightsUnavailableError(f"version {weights.version}: {error}") from error
        assert not view.flags.writeable, "a writable view could change the weights of every worker"
        np.copyto(parts.received.numpy(), view)
        parts.weights.copy_(parts.received)  # on the CPU the two are one
        self._object = reference.hex()
        return view.nbytes


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
    """Holds the shared weights, publishes each version, and adds up gradients in their fixed order.

    The owner puts the weights into the object store itself: an object lives as long as who put it.

    Args:
        supernet: shapes and initial values.
        config: of the search.
    """

    def __init__(self, supernet: SupernetConfig, config: SearchConfig) -> None:
        self._arguments = Supernet(supernet), config
        self._weights = SharedWeights(*self._arguments)
        self._lease = ""
        self._reference: ObjectRef[FloatArray] | None = None

    def load(self, lease: str, state: dict[str, Any] | None) -> Published:
        """Start anew from a state, or from the initial weights, under a new lease."""
        self._weights = SharedWeights(*self._arguments)
        if state is not None:
            self._weights.load_state_dict(state)
        self._lease = lease
        return self._publish()

    def update(
        self, lease: str, gradients: Sequence["ObjectRef[ShardGradient]"], learning_rate: float
    ) -> Update:
        """One update from the gradients of all shards, in whatever order; or the word that some are lost."""
        _check_lease(lease, self._lease)
        fetched = _fetch(gradients)
        lost = tuple(position for position, gradient in enumerate(fetched) if gradient is None)
        if lost:
            return Update(lost=lost)
        metrics = self._weights.apply([g for g in fetched if g is not None], learning_rate)
        return Update(metrics=metrics, published=self._publish())

    def publish(self, lease: str) -> Published:
        """The same weights once more, where the published object was lost."""
        _check_lease(lease, self._lease)
        return self._publish()

    def state_dict(self, lease: str) -> dict[str, Any]:
        """State of the shared weights."""
        _check_lease(lease, self._lease)
        return self._weights.state_dict()

    def digest(self, lease: str) -> str:
        """SHA-256 of the weights."""
        _check_lease(lease, self._lease)
        return self._weights.digest()

    def pid(self) -> int:
        """The process."""
        return os.getpid()

    def _publish(self) -> Published:
        self._reference = ray.put(self._weights.values)
        return Published(self._weights.version, [self._reference])


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
