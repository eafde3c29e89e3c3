"""The processes of a search: evaluators, the owner of the shared weights, the host of the controller.

They are thin: each call is one call of a plain function of `nas`. Here they are plain classes;
`cluster.children` and `cluster.strategies` run them as Ray actors and decide what happens when one dies.

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

from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import FloatArray, ImageSource
from nas.shards import ShardGradient, ShardScore, evaluate_genotype, score_shard, train_shard
from nas.strategy import Strategy
from nas.supernet import Supernet, SupernetConfig
from nas.weights import SharedWeights, UpdateMetrics

__all__ = [
    "ControllerHost",
    "Evaluator",
    "Published",
    "ShardReport",
    "StaleLeaseError",
    "Update",
    "WeightsOwner",
    "WeightsUnavailableError",
    "WorkerInfo",
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
class WorkerInfo:
    """Who an evaluator is.

    Attributes:
        pid: its process.
        node: address of its machine.
        arithmetic: torch and the instruction set it computes with; where these differ, bits may.
    """

    pid: int
    node: str
    arithmetic: str


@dataclass(frozen=True, kw_only=True)
class ShardReport:
    """What the driver learns of a finished shard; a gradient goes straight to the owner of the weights.

    Attributes:
        result: loss and accuracy; of a gradient too.
        seconds: time in the evaluator, its copy of the weights included.
        bytes_in: size of the weights, if this call had to copy them.
        bytes_out: size of the gradient; 0 for a score.
    """

    result: ShardScore
    seconds: float
    bytes_in: int
    bytes_out: int = 0


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

    Args:
        supernet: shapes.
        config: of the search.
        sources: training and validation images in the object store. References, because Ray warns of actors
            that it may have to restart with large arguments; the driver holds them as long as it lives.
        device: "cpu" or "cuda".
    """

    def __init__(
        self,
        supernet: SupernetConfig,
        config: SearchConfig,
        sources: Sequence["ObjectRef[ImageSource]"],
        device: str = "cpu",
    ) -> None:
        torch.set_num_threads(1)
        if device != "cpu":
            _make_deterministic()
        self._supernet = Supernet(supernet)
        self._config = config
        self._train_source, self._validation_source = ray.get(list(sources))
        self._received = torch.zeros(self._supernet.layout.size)
        self._weights = self._received.to(device)
        self._object = ""  # which published object the weights are a copy of

    def describe(self) -> WorkerInfo:
        """Who this is; answers as soon as the evaluator is ready for work."""
        arithmetic = f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}"
        node: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
        return WorkerInfo(pid=os.getpid(), node=node, arithmetic=arithmetic)

    def train(
        self, weights: Published, genotype: Genotype, step: int, shard: int
    ) -> tuple[ShardReport, ShardGradient]:
        """A report for the driver and, as an object of its own, the gradient."""
        start, bytes_in = time.perf_counter(), self._load(weights)
        gradient = train_shard(
            self._supernet, self._weights, genotype, self._train_source, self._config, step, shard
        )
        result = ShardScore(
            shard=shard, loss=gradient.loss, accuracy=gradient.accuracy, num_images=gradient.num_images
        )
        seconds, bytes_out = time.perf_counter() - start, gradient.values.nbytes + gradient.ranges.nbytes
        return ShardReport(result=result, seconds=seconds, bytes_in=bytes_in, bytes_out=bytes_out), gradient

    def score(self, weights: Published, genotype: Genotype, step: int, shard: int) -> ShardReport:
        """The score on the minibatch of a controller step."""
        start, bytes_in = time.perf_counter(), self._load(weights)
        result = score_shard(
            self._supernet, self._weights, genotype, self._validation_source, self._config, step, shard
        )
        return ShardReport(result=result, seconds=time.perf_counter() - start, bytes_in=bytes_in)

    def evaluate(self, weights: Published, genotype: Genotype) -> ShardReport:
        """The score on the whole validation part."""
        start, bytes_in = time.perf_counter(), self._load(weights)
        result = evaluate_genotype(
            self._supernet, self._weights, genotype, self._validation_source, self._config
        )
        return ShardReport(result=result, seconds=time.perf_counter() - start, bytes_in=bytes_in)

    def _load(self, weights: Published) -> int:
        """Copy a version once: the object is memory that all processes of the machine share."""
        (reference,) = weights.reference
        if reference.hex() == self._object:
            return 0
        try:
            view = ray.get(reference, timeout=FETCH_SECONDS)
        except RayError as error:
            raise WeightsUnavailableError(f"version {weights.version}: {error}") from error
        assert not view.flags.writeable, "a writable view could change the weights of every worker"
        np.copyto(self._received.numpy(), view)
        self._weights = self._received.to(self._weights.device)
        self._object = reference.hex()
        return view.nbytes


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
    """Holds the strategy.

    Args:
        strategy: a reference to it, which the driver holds; one item.
    """

    def __init__(self, strategy: Sequence["ObjectRef[Strategy]"]) -> None:
        self._strategy = ray.get(strategy[0])
        self._lease = ""

    def load(self, lease: str, state: dict[str, Any]) -> None:
        """Start from a state under a new lease."""
        self._strategy.load_state_dict(state)
        self._lease = lease

    def sample(self, lease: str, count: int, stream: str, step: int) -> list[Genotype]:
        """Genotypes; see `nas.strategy.Strategy`."""
        _check_lease(lease, self._lease)
        return self._strategy.sample(count, stream, step)

    def update(
        self, lease: str, genotypes: Sequence[Genotype], rewards: Sequence[float]
    ) -> tuple[dict[str, float], dict[str, Any]]:
        """Metrics, and the state afterwards, which the driver keeps in case this host dies."""
        _check_lease(lease, self._lease)
        metrics = self._strategy.update(genotypes, rewards)
        return metrics, self._strategy.state_dict()

    def pid(self) -> int:
        """The process."""
        return os.getpid()


def _make_deterministic() -> None:
    """The same bits on every GPU of one type: no atomics, no TF32, no choice of kernels by timing."""
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read when CUDA starts, which is later
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


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
