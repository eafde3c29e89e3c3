"""Workers that join while work is done: a machine was added to the cluster, or others have left it."""

import logging
import time
from collections.abc import Callable
from typing import Any

from ray.util.placement_group import PlacementGroup

from cluster.distributed.dispatch import Dispatcher
from cluster.distributed.runtime import Runtime

__all__ = ["Growth"]

logger = logging.getLogger(__name__)

GROW_SECONDS = 10.0
"""How often the cluster is asked whether it has grown."""


class Growth:
    """With `workers: auto`, gives a dispatcher the workers that there is new room for.

    Args:
        runtime: entered.
        in_place: what makes a worker in a reserved place.
        most: never more workers than so many; None: as many as there is room for.
    """

    def __init__(
        self,
        runtime: Runtime,
        in_place: Callable[[tuple[PlacementGroup, int]], Callable[[], Any]],
        most: int | None = None,
    ) -> None:
        self._runtime, self._in_place, self._most = runtime, in_place, most
        self._looked_at = time.monotonic()

    def __call__(self, dispatcher: Dispatcher) -> None:
        """Asked again and again while shards are computed; looks every so many seconds."""
        if self._runtime.config.workers != "auto" or time.monotonic() - self._looked_at < GROW_SECONDS:
            return
        self._looked_at = time.monotonic()
        room = self._runtime.room()
        if self._most is not None:
            room = min(room, self._most - len(dispatcher.workers))
        if room < 1:
            return
        try:
            dispatcher.add(map(self._in_place, self._runtime.place(room, GROW_SECONDS)))
        except ValueError:  # somebody else was faster
            return
        logger.warning("the cluster has room for %d more workers; they were started", room)
