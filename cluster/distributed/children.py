"""`nas.children.Children` over evaluators on a Ray cluster: M shards on however many workers there are.

Nothing here enters the result. Weights belong to an actor, or to several by ranges; gradients go there
straight from the evaluators, are added in the order of shard numbers, and every process can be lost:

    evaluator   its shard is repeated
    an owner    all are loaded anew from the last state that this side kept, and the steps since are repeated,
                exactly
    driver      resumes from a checkpoint

All that is lost is time.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import ray
from ray import ObjectRef

from cluster.distributed.actors import Evaluator, Published, WeightsUnavailableError
from cluster.distributed.dispatch import (
    Dispatcher,
    Finished,
    Following,
    Submit,
    WorkersLostError,
    last,
)
from cluster.distributed.leases import ActorLostError
from cluster.distributed.measurements import ShardCost, measure
from cluster.distributed.owners import Owners, Update, num_owners
from cluster.distributed.placement import Placement
from cluster.distributed.processes import WorkerInfo
from cluster.distributed.runtime import Runtime
from nas.children import Scored, StepMetrics, check_num_shards, check_source, ignore
from nas.compute_config import ComputeConfig
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import FloatArray, ImageSource
from nas.shards import ShardScore
from nas.space import find_space
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig

__all__ = ["RayChildren"]

logger = logging.getLogger(__name__)

SNAPSHOT_STEPS = 50
"""Weight steps after which the owners' state is fetched if no checkpoint did so: what is repeated at most."""

MOST_LOSSES = 5
"""How often in a row an owner may be lost: more often it is not bad luck."""

Result = TypeVar("Result")


class RayChildren:
    """Children over evaluator actors and the actors that own the shared weights.

    Args:
        runtime: entered; says how many workers, where, and how long to wait for them.
        supernet: the search network.
        config: the search.
        train_source: training part.
        validation_source: validation part.
        compute: device and precision of the evaluators.

    Attributes:
        measurement: of the last call of `train`, `score` or `evaluate`.

    Raises:
        ValueError: a source does not fit the search network, or the cluster has no room.
    """

    def __init__(
        self,
        runtime: Runtime,
        supernet: SupernetConfig,
        config: SearchConfig,
        train_source: ImageSource,
        validation_source: ImageSource,
        compute: ComputeConfig | None = None,
    ) -> None:
        network = Supernet(supernet, find_space(config.space))
        check_source(network, train_source, "training")
        check_source(network, validation_source, "validation")
        self._runtime, self._config = runtime, config
        sources = [ray.put(train_source), ray.put(validation_source)]
        settings = runtime.config
        self._arguments = supernet, config, sources, compute or ComputeConfig(), settings.kernels
        self._placement = Placement(runtime, Evaluator)
        self._dispatcher = Dispatcher(
            self._placement.slots(),
            self._handshake,
            shard_seconds=settings.shard_timeout_seconds,
            give_up_seconds=settings.worker_timeout_seconds,
            placement=self._placement,
        )
        workers = len(self._dispatcher.workers)
        self._owners = Owners(
            supernet,
            config,
            num_owners(settings.owners, workers, config.num_shards, network),
            call_seconds=settings.owner_timeout_seconds,
            give_up_seconds=settings.worker_timeout_seconds,
        )
        self._kept: dict[str, Any] | None = None  # the owners' state some steps ago; None: the initial one
        self._steps: list[tuple[int, tuple[Genotype, ...], float]] = []  # done since
        self._owner_lost = False
        self._published: Published = self._owners.load(None)
        self.measurement: ShardCost | None = None

    @property
    def dispatcher(self) -> Dispatcher:
        """The evaluators."""
        return self._dispatcher

    @property
    def owners(self) -> Owners:
        """The owners of the shared weights."""
        return self._owners

    def add_workers(self, count: int) -> None:
        """Add evaluators to a search under way.

        Raises:
            ValueError: the cluster has no room for them.
        """
        self._dispatcher.add(self._placement.slots(count))

    def train(self, step: int, genotypes: Sequence[Genotype], learning_rate: float) -> StepMetrics:
        """One weight step; see `nas.children.Children`."""
        check_num_shards(genotypes, self._config)
        metrics = self._surviving(lambda: self._train(step, genotypes, learning_rate))
        self._steps.append((step, tuple(genotypes), learning_rate))
        if len(self._steps) >= SNAPSHOT_STEPS:
            self.state_dict()
        return metrics

    def score(self, step: int, genotypes: Sequence[Genotype]) -> list[ShardScore]:
        """Scores of one controller step; see `nas.children.Children`."""

        def submit(genotype: Genotype, shard: int) -> Submit:
            return lambda actor: [actor.score.remote(self._published, genotype, step, shard)]

        return self._scores("score", [submit(genotype, shard) for shard, genotype in enumerate(genotypes)])

    def evaluate(self, genotypes: Sequence[Genotype], scored: Scored = ignore) -> list[ShardScore]:
        """Scores on the whole validation part; see `nas.children.Children`."""
        done: set[int] = set()

        def submit(genotype: Genotype) -> Submit:
            return lambda actor: [actor.evaluate.remote(self._published, genotype)]

        def tell(shard: int, finished: Finished) -> None:
            if shard not in done:  # after an owner was lost, shards are computed again
                done.add(shard)
                scored(shard, replace(finished.report.result, shard=shard))

        scores = self._scores("evaluate", [submit(genotype) for genotype in genotypes], tell)
        return [replace(score, shard=shard) for shard, score in enumerate(scores)]

    def state_dict(self) -> dict[str, Any]:
        """State of the shared weights, in read-only arrays; it is kept here too, in case an owner dies."""
        if self._kept is None or self._steps:
            self._keep(self._surviving(self._owners.state_dict))
        return dict(self._kept or {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave, here or without Ray."""
        self._published = self._owners.load(state)
        self._owner_lost = False
        self._keep({k: np.array(v) if isinstance(v, np.ndarray) else v for k, v in state.items()})

    def digest(self) -> str:
        """SHA-256 of the shared weights."""
        state = self._surviving(self._owners.state_dict)
        return hashlib.sha256(state["weights"].tobytes()).hexdigest()

    def published_weights(self) -> list[FloatArray]:
        """The weights as the evaluators get them: of each owner a read-only view of the object store."""
        views: list[FloatArray] = ray.get(self._published.references)
        return views

    def close(self) -> None:
        """End all actors."""
        self._dispatcher.kill()
        self._owners.kill()

    def _keep(self, state: dict[str, Any]) -> None:
        """From now on a dead owner is restored from this; no code may change its arrays."""
        self._kept = state
        for value in self._kept.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        self._steps.clear()

    def _train(self, step: int, genotypes: Sequence[Genotype], learning_rate: float) -> StepMetrics:
        def submit(genotype: Genotype, shard: int) -> Submit:
            returned = 1 + len(self._owners.actors)
            return lambda actor: actor.train.options(num_returns=returned).remote(
                self._published, genotype, step, shard
            )

        start, before = time.perf_counter(), self._dispatcher.repeated
        submits = [submit(genotype, shard) for shard, genotype in enumerate(genotypes)]
        finished = self._dispatcher.run(submits)
        update, seconds = self._update(finished, submits, learning_rate)
        assert update.metrics is not None
        assert update.published is not None
        self._published = update.published
        self._measure("train", finished, time.perf_counter() - start, seconds, before)
        results = [shard.report.result for shard in finished]
        return StepMetrics(
            loss=sum(result.loss for result in results) / len(results),
            accuracy=sum(result.accuracy for result in results) / len(results),
            gradient_norm=update.metrics.gradient_norm,
            num_used=update.metrics.num_used,
            bytes_returned=update.metrics.bytes_returned,
        )

    def _update(
        self, finished: list[Finished], submits: Sequence[Submit], learning_rate: float
    ) -> tuple[Update, float]:
        """Hand the gradients to the owners; those that died with their machine are computed again."""
        while True:
            start = time.perf_counter()
            update = self._owners.update([shard.references for shard in finished], learning_rate)
            if not update.lost:
                return update, time.perf_counter() - start
            logger.warning("gradients of shards %s were lost; they are computed again", list(update.lost))
            self._dispatcher.repeated += len(update.lost)
            again = self._dispatcher.run([submits[shard] for shard in update.lost])
            for shard, repeated in zip(update.lost, again, strict=True):
                finished[shard] = repeated

    def _scores(self, kind: str, submits: Sequence[Submit], following: Following = last) -> list[ShardScore]:
        start, before = time.perf_counter(), self._dispatcher.repeated
        finished = self._surviving(lambda: self._dispatcher.run(submits, following))
        self._measure(kind, finished, time.perf_counter() - start, 0.0, before)
        return [shard.report.result for shard in finished]

    def _surviving(self, action: Callable[[], Result]) -> Result:
        """Do something that needs the owners, again if one is lost meanwhile."""
        for _ in range(MOST_LOSSES):
            try:
                if self._owner_lost:
                    self._restore()
                return action()
            except (ActorLostError, WeightsUnavailableError) as error:
                logger.warning("%s", error)
                self._owner_lost = self._owner_lost or not self._publish_again()
        raise WorkersLostError(f"owners of the shared weights were lost {MOST_LOSSES} times in a row")

    def _publish_again(self) -> bool:
        """Whether the owners are well after all, and could publish once more the version that is wanted.

        A call that seemed lost may have been done: then they are one update further, or some of them.
        """
        try:
            published = self._owners.publish()
        except ActorLostError:
            return False
        wanted, self._published = self._published.version, published
        return published.version == wanted

    def _restore(self) -> None:
        """Load the owners' kept state and repeat the steps since."""
        logger.warning("the shared weights are restored; %d steps are repeated", len(self._steps))
        self._published = self._owners.load(self._kept)
        for step in self._steps:
            self._train(*step)
        self._owner_lost = False

    def _handshake(self, actor: Any) -> ObjectRef[WorkerInfo]:
        """Prepare an evaluator; its constructor gets nothing, as Ray may lose what a restart needs again."""
        reference: ObjectRef[WorkerInfo] = actor.prepare.remote(*self._arguments)
        return reference

    def _measure(
        self, kind: str, finished: Sequence[Finished], seconds: float, update_seconds: float, before: int
    ) -> None:
        self.measurement = measure(
            kind,
            [(shard.worker, shard.report) for shard in finished],
            [worker.number for worker in self._dispatcher.workers],
            seconds=seconds,
            update_seconds=update_seconds,
            repeated=self._dispatcher.repeated - before,
        )
