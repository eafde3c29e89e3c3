"""One Ray actor with a state, seen from the driver: loaded under a lease, called, replaced when lost."""

import itertools
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.distributed.actors import StaleLeaseError

__all__ = ["ActorLostError", "LeasedActor", "near_the_driver", "spread"]

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
"""Seconds between attempts to load a restarting actor; Ray takes about one to restart a process."""

PATIENCE = 5
"""Attempts after which an actor is no longer waited for but made anew."""


class ActorLostError(Exception):
    """The actor died, froze or was restarted; load its state and ask again."""


class LeasedActor:
    """An actor that has the methods `load(lease, state)` and others that take the lease first.

    Args:
        create: makes the actor.
        name: for messages.
        call_seconds: an answer that takes longer means that the process is frozen.
        give_up_seconds: how long `load` tries.
    """

    def __init__(
        self, create: Callable[[], Any], name: str, *, call_seconds: float, give_up_seconds: float
    ) -> None:
        self._create = create
        self._name = name
        self._call_seconds = call_seconds
        self._give_up_seconds = give_up_seconds
        self._lease = ""
        self.handle = create()

    def load(self, state: Any) -> Any:
        """Give the actor its state under a new lease, however often it takes.

        Returns:
            What the actor's `load` returns.

        Raises:
            RuntimeError: it could not be had in time.
        """
        deadline, pause = time.monotonic() + self._give_up_seconds, FIRST_PAUSE
        argument = ray.put(state)
        for attempt in itertools.count(1):
            self._lease = uuid.uuid4().hex
            try:
                return self._get(self.handle.load.remote(self._lease, argument))
            except ActorLostError as error:
                if time.monotonic() > deadline:
                    raise RuntimeError(
                        f"the {self._name} could not be started again within {self._give_up_seconds:g} s: "
                        f"{error}"
                    ) from error
            if attempt % PATIENCE == 0:  # it does not come back by itself, as after a `ray.kill` from outside
                self._replace()
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        raise AssertionError("unreachable")

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method under the lease.

        Raises:
            ActorLostError: `load` is needed before the call can be repeated.
        """
        return self._get(self._begin(method, *arguments))

    @staticmethod
    def call_all(
        actors: Sequence["LeasedActor"], method: str, arguments: Sequence[Sequence[Any]]
    ) -> list[Any]:
        """Call a method of several actors at once, each with its own arguments; answers in their order.

        Raises:
            ActorLostError: as `call`, for any of them; what the others did stays done.
        """
        begun = [actor._begin(method, *own) for actor, own in zip(actors, arguments, strict=True)]
        return [actor._get(reference) for actor, reference in zip(actors, begun, strict=True)]

    def kill(self) -> None:
        """End the actor for good."""
        ray.kill(self.handle)

    def _begin(self, method: str, *arguments: Any) -> Any:
        return getattr(self.handle, method).remote(self._lease, *arguments)

    def _get(self, reference: Any) -> Any:
        try:
            return ray.get(reference, timeout=self._call_seconds)
        except RayTaskError as error:
            if isinstance(error.cause, StaleLeaseError):
                raise ActorLostError(f"the {self._name} was restarted") from error
            raise error.cause from error
        except GetTimeoutError as error:
            self._replace()
            raise ActorLostError(f"the {self._name} gave no answer for {self._call_seconds:g} s") from error
        except RayActorError as error:
            if error.actor_init_failed:
                raise RuntimeError(f"the {self._name} cannot be started: {error}") from error
            raise ActorLostError(f"the {self._name} died") from error
        except RayError as error:
            raise ActorLostError(f"the {self._name} failed: {error}") from error

    def _replace(self) -> None:
        """A frozen process is not noticed by Ray: end it, whenever it wakes, and start another."""
        ray.kill(self.handle)
        self.handle = self._create()


def near_the_driver(cls: type) -> Any:
    """An actor class that lives on the driver's machine: with that machine all is lost anyway.

    The affinity is hard: with a soft one Ray 2.60 puts an actor that asks for no CPU on any machine.
    """
    node = ray.get_runtime_context().get_node_id()
    return _undying(cls, NodeAffinitySchedulingStrategy(node, soft=False))


def spread(cls: type) -> Any:
    """An actor class whose actors live on machines of their own, as far as there are enough."""
    return _undying(cls, "SPREAD")


def _undying(cls: type, strategy: Any) -> Any:
    return ray.remote(cls).options(
        num_cpus=0, max_restarts=-1, max_task_retries=0, scheduling_strategy=strategy
    )
