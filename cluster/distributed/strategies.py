"""A strategy in an actor of its own: the controller beside the search instead of inside it."""

from collections.abc import Sequence
from typing import Any

from cluster.distributed.actors import ControllerHost
from cluster.distributed.leases import ActorLostError, LeasedActor, near_the_driver
from cluster.distributed.runtime import Runtime
from nas.genotype import Genotype
from nas.strategy import Strategy

__all__ = ["ActorStrategy"]


class ActorStrategy:
    """A `nas.strategy.Strategy` that lives in an actor; a call that dies with it is repeated on a new one.

    The state after each update is kept here, half a megabyte, so that nothing is lost.

    Args:
        runtime: entered.
        strategy: at its beginning, or at any later point.
    """

    def __init__(self, runtime: Runtime, strategy: Strategy) -> None:
        self.name = strategy.name
        self._state = strategy.state_dict()
        self._strategy = strategy
        self._host = LeasedActor(
            lambda: near_the_driver(ControllerHost).remote(),
            "host of the controller",
            call_seconds=runtime.config.owner_timeout_seconds,
            give_up_seconds=runtime.config.worker_timeout_seconds,
        )
        self._host.load((self._strategy, self._state))

    @property
    def host(self) -> LeasedActor:
        """The actor."""
        return self._host

    def sample(self, count: int, stream: str, step: int) -> list[Genotype]:
        """Genotypes; see `nas.strategy.Strategy`."""
        genotypes: list[Genotype] = self._call("sample", count, stream, step)
        return genotypes

    def update(self, genotypes: Sequence[Genotype], rewards: Sequence[float]) -> dict[str, float]:
        """Learn from rewards; see `nas.strategy.Strategy`."""
        metrics: dict[str, float]
        metrics, self._state = self._call("update", list(genotypes), list(rewards))
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """State after the last update."""
        return self._state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave, here or without Ray."""
        self._host.load((self._strategy, state))
        self._state = state

    def close(self) -> None:
        """End the actor."""
        self._host.kill()

    def _call(self, method: str, *arguments: Any) -> Any:
        while True:
            try:
                return self._host.call(method, *arguments)
            except ActorLostError:
                self._host.load((self._strategy, self._state))
