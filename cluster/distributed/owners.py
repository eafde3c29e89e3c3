"""The owners of the shared weights, seen as one: R actors, each of which holds a range of the flat buffer.

One owner receives every gradient and publishes every version; from some number of workers on that takes as
long as the shards do. Several share it by ranges of parameters. Their number is never part of a result: cuts
lie between the blocks in which the gradient's norm is summed, and all else is computed value by value.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from ray import ObjectRef

from cluster.distributed.actors import Published, Summed, WeightsOwner
from cluster.distributed.leases import ActorLostError, LeasedActor, near_the_driver, spread
from nas.config import SearchConfig
from nas.shards import ShardGradient
from nas.space import find_space
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig
from nas.weights import NORM_BLOCK, UpdateMetrics, check_length, check_norm, join_sums, owner_bounds

__all__ = ["Owners", "Update", "num_owners"]

WORKERS_PER_OWNER = 16
"""With `owners: auto`. By the figures in docs/performance.md one owner takes 2.5 ms a gradient and 25 ms a
step: with 16 workers a fifth of the time of a shard of 64 images, a third of one of 32.
"""


def num_owners(owners: int | Literal["auto"], workers: int, num_shards: int, supernet: Supernet) -> int:
    """Number of owners: as configured, or one for every `WORKERS_PER_OWNER` workers that compute at once."""
    if owners != "auto":
        return owners
    blocks = -(-supernet.layout.size // NORM_BLOCK)
    return min(-(-min(workers, num_shards) // WORKERS_PER_OWNER), blocks)


@dataclass(frozen=True, kw_only=True)
class Update:
    """Outcome of `Owners.update`.

    Attributes:
        lost: numbers of the shards whose gradients could not be fetched; then nothing was changed.
        metrics: of the update.
        published: the new weights.
    """

    lost: tuple[int, ...] = ()
    metrics: UpdateMetrics | None = None
    published: Published | None = None


class Owners:
    """R leased `WeightsOwner` actors. The first lives near the driver, the others on machines of their own.

    If one is lost, all are loaded anew: they would be of different versions otherwise.

    Args:
        supernet: shapes and initial values.
        config: of the search.
        count: R.
        call_seconds, give_up_seconds: see `LeasedActor`.

    Attributes:
        bounds: of the ranges; see `nas.weights.owner_bounds`.
        actors: in the order of their ranges.

    Raises:
        ValueError: the weights cannot be divided among that many.
    """

    def __init__(
        self,
        supernet: SupernetConfig,
        config: SearchConfig,
        count: int,
        *,
        call_seconds: float,
        give_up_seconds: float,
    ) -> None:
        self.bounds = owner_bounds(Supernet(supernet, find_space(config.space)), config.num_shards, count)
        self._version = 0

        def leased(number: int, bounds: tuple[int, int]) -> LeasedActor:
            place = spread if number else near_the_driver
            return LeasedActor(
                lambda: place(WeightsOwner).remote(supernet, config, bounds),
                "owner of the shared weights" + (f" in range {number + 1} of {count}" if count > 1 else ""),
                call_seconds=call_seconds,
                give_up_seconds=give_up_seconds,
            )

        self.actors = [leased(number, bounds) for number, bounds in enumerate(pairwise(self.bounds))]

    def load(self, state: dict[str, Any] | None) -> Published:
        """Give all owners their range of a state of the whole; None: the initial weights.

        Raises:
            ValueError: the state belongs to another search network.
        """
        return self._joined([a.load(s) for a, s in zip(self.actors, self._split(state), strict=True)])

    def update(
        self, gradients: Sequence[Sequence["ObjectRef[ShardGradient]"]], learning_rate: float
    ) -> Update:
        """One update.

        Args:
            gradients: for each shard, its part for each owner.
            learning_rate: of the update.

        Raises:
            ActorLostError: `load` is needed before anything else.
            NonFiniteLossError: the sum is not finite; nothing was changed.
        """
        own = [[[parts[number] for parts in gradients]] for number in range(len(self.actors))]
        sums: list[Summed] = LeasedActor.call_all(self.actors, "add_up", own)
        lost = sorted({shard for summed in sums for shard in summed.lost})
        if lost:
            return Update(lost=tuple(lost))
        metrics = join_sums([summed.part for summed in sums if summed.part is not None])
        check_norm(metrics.gradient_norm, self._version)
        before = self._version
        published = self._joined(self._call("update", metrics.gradient_norm, learning_rate))
        if published.version != before + 1:
            raise ActorLostError(f"owners of the shared weights are {self._version - before} updates further")
        return Update(metrics=metrics, published=published)

    def publish(self) -> Published:
        """The same weights once more.

        Raises:
            ActorLostError: as `update`.
        """
        return self._joined(self._call("publish"))

    def state_dict(self) -> dict[str, Any]:
        """State of the whole, as of one owner.

        Raises:
            ActorLostError: as `update`.
        """
        parts: list[dict[str, Any]] = self._call("state_dict")
        joined = {name: np.concatenate([part[name] for part in parts]) for name in ("weights", "momentum")}
        return {**joined, "version": parts[0]["version"]}

    def kill(self) -> None:
        """End all actors."""
        for actor in self.actors:
            actor.kill()

    def _call(self, method: str, *arguments: Any) -> list[Any]:
        return LeasedActor.call_all(self.actors, method, [arguments] * len(self.actors))

    def _split(self, state: dict[str, Any] | None) -> list[dict[str, Any] | None]:
        if state is None:
            return [None] * len(self.actors)
        whole = {name: state[name] for name in ("weights", "momentum")}
        for name, values in whole.items():
            check_length(name, values, self.bounds[-1])
        return [
            {**{name: values[start:stop] for name, values in whole.items()}, "version": state["version"]}
            for start, stop in pairwise(self.bounds)
        ]

    def _joined(self, parts: Sequence[Published]) -> Published:
        versions = {part.version for part in parts}
        if len(versions) > 1:  # one of them did not get its call
            raise ActorLostError(f"owners of the shared weights are at versions {sorted(versions)}")
        (self._version,) = versions
        return Published(self._version, self.bounds, [part.references[0] for part in parts])
