"""Children: who trains and scores genotypes with the shared weights. The interface, and the local form."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from torch import Tensor

from nas.compute import deterministic, require_device
from nas.compute_config import ComputeConfig
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import ImageSource
from nas.shards import ShardGradient, ShardScore, evaluate_genotype, score_shard, train_shard
from nas.supernet import Supernet
from nas.threads import one_thread
from nas.weights import SharedWeights, UpdateMetrics

Scored = Callable[[int, ShardScore], None]
"""Receives the score of each genotype, by its position, as soon as it is there."""


def ignore(_position: int, _score: ShardScore) -> None:
    """No caller wants to know before all are done."""


@dataclass(frozen=True, kw_only=True)
class StepMetrics:
    """What one weight step gave; the same for every number of workers.

    Attributes:
        loss, accuracy: means over the M shards, on training minibatches.
        gradient_norm: of the averaged gradient, before clipping.
        num_used: values of the flat buffer that were updated.
        bytes_returned: size of the M gradients.
    """

    loss: float
    accuracy: float
    gradient_norm: float
    num_used: int
    bytes_returned: int


class Children(Protocol):
    """Shared weights and the genotypes' access to them, here or on a cluster."""

    def train(self, step: int, genotypes: Sequence[Genotype], learning_rate: float) -> StepMetrics:
        """Gradient of each genotype on its own minibatch, their mean, and one update of the shared weights.

        Args:
            step: number of the weight step since the search began.
            genotypes: M of them; the position is the shard number.
            learning_rate: of the update.

        Raises:
            NonFiniteLossError: the shared weights are unchanged.
        """
        ...

    def score(self, step: int, genotypes: Sequence[Genotype]) -> list[ShardScore]:
        """Each genotype's score on the validation minibatch of a controller step, in order."""
        ...

    def evaluate(self, genotypes: Sequence[Genotype], scored: Scored = ignore) -> list[ShardScore]:
        """Each genotype's score on the whole validation part, in order.

        Args:
            genotypes: any number.
            scored: called with position and score of each, in any order; what it raises ends the evaluation.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """The shared weights' state, without what belongs to a cluster."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        ...

    def digest(self) -> str:
        """SHA-256 of the shared weights, hexadecimal."""
        ...


class LocalChildren:
    """Children in this process, one after the other, with one torch thread.

    One thread, whatever the caller has set, because the result must equal that of any cluster bit for bit;
    the caller's number of threads is restored after each call.

    Args:
        supernet: the search network.
        config: the search.
        train_source: training part.
        validation_source: validation part; perhaps `fixed_copies` of it.
        compute: device and precision. The shared weights stay on the CPU; a GPU gets a copy of each version.

    Raises:
        ValueError: a source does not fit the search network, or there is no such device.
    """

    def __init__(
        self,
        supernet: Supernet,
        config: SearchConfig,
        train_source: ImageSource,
        validation_source: ImageSource,
        compute: ComputeConfig | None = None,
    ) -> None:
        check_source(supernet, train_source, "training")
        check_source(supernet, validation_source, "validation")
        self._supernet = supernet
        self._config = config
        self._train_source = train_source
        self._validation_source = validation_source
        self._weights = SharedWeights(supernet, config)
        self._compute = compute or ComputeConfig()
        self._device = require_device(self._compute)

    def train(self, step: int, genotypes: Sequence[Genotype], learning_rate: float) -> StepMetrics:
        """One weight step; see `Children`."""
        check_num_shards(genotypes, self._config)
        with self._computing() as weights:
            gradients = [
                train_shard(
                    self._supernet,
                    weights,
                    genotype,
                    self._train_source,
                    self._config,
                    step,
                    shard,
                    self._compute,
                )
                for shard, genotype in enumerate(genotypes)
            ]
        return step_metrics(gradients, self._weights.apply(gradients, learning_rate))

    def score(self, step: int, genotypes: Sequence[Genotype]) -> list[ShardScore]:
        """Scores of one controller step; see `Children`."""
        source, settings = self._validation_source, self._config
        with self._computing() as weights:
            return [
                score_shard(self._supernet, weights, genotype, source, settings, step, shard, self._compute)
                for shard, genotype in enumerate(genotypes)
            ]

    def evaluate(self, genotypes: Sequence[Genotype], scored: Scored = ignore) -> list[ShardScore]:
        """Scores on the whole validation part; see `Children`."""
        source, settings, scores = self._validation_source, self._config, []
        with self._computing() as weights:
            for shard, genotype in enumerate(genotypes):
                score = evaluate_genotype(self._supernet, weights, genotype, source, settings, self._compute)
                scores.append(replace(score, shard=shard))
                scored(shard, scores[-1])
        return scores

    @contextmanager
    def _computing(self) -> Iterator[Tensor]:
        """One thread, reproducible kernels, and the weights where the work is done."""
        with one_thread(), deterministic(self._compute):
            yield self._weights.tensor.to(self._device)

    def state_dict(self) -> dict[str, Any]:
        """State of the shared weights."""
        return self._weights.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        self._weights.load_state_dict(state)

    def digest(self) -> str:
        """SHA-256 of the shared weights."""
        return self._weights.digest()


def check_source(supernet: Supernet, source: ImageSource, part: str) -> None:
    """Raise ValueError unless images and classes of a source fit the search network."""
    config = supernet.config
    expected = (config.image_channels, config.image_size, config.image_size)
    if tuple(source.image_shape) != expected:
        raise ValueError(
            f"{part} images have shape {tuple(source.image_shape)}; the search network needs {expected}"
        )
    if source.num_classes != config.num_classes:
        raise ValueError(
            f"{part} images have {source.num_classes} classes; the search network has {config.num_classes}"
        )
    if len(source.labels) < 2:
        raise ValueError(
            f"the {part} part has {len(source.labels)} images; batch normalization needs at least 2"
        )


def check_num_shards(genotypes: Sequence[Genotype], config: SearchConfig) -> None:
    """Raise ValueError unless there is one genotype for each shard of a weight step."""
    if len(genotypes) != config.num_shards:
        raise ValueError(f"a weight step got {len(genotypes)} genotypes; `num_shards` is {config.num_shards}")


def step_metrics(gradients: Sequence[ShardGradient], update: UpdateMetrics) -> StepMetrics:
    """Means over shards, added in the order of their numbers."""
    ordered = sorted(gradients, key=lambda gradient: gradient.shard)
    return StepMetrics(
        loss=sum(gradient.loss for gradient in ordered) / len(ordered),
        accuracy=sum(gradient.accuracy for gradient in ordered) / len(ordered),
        gradient_norm=update.gradient_norm,
        num_used=update.num_used,
        bytes_returned=update.bytes_returned,
    )
