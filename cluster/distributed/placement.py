"""Workers that come and go while work is done: machines are lost, added, or left by others.

Ray offers a lost bundle of a placement group to the cluster again and again without a pause: while there is
no room for it, its head computes nothing else (seen in Ray 2.60). So a group that has lost a bundle is given
back as a whole, and its workers are placed anew wherever there is room.
"""

import logging
import time
from collections.abc import Sequence

from ray.util.placement_group import PlacementGroup

from cluster.distributed.dispatch import Dispatcher, RayWorker
from cluster.distributed.runtime import Runtime, Slot

__all__ = ["Placement"]

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the cluster is asked whether it has lost room, or has some for workers that have none."""

GROW_SECONDS = 10.0
"""How often it is asked whether it has grown."""


class Placement:
    """Gives workers their slots, new ones if their machine is lost; with `workers: auto`, adds workers.

    Args:
        runtime: entered.
        cls: of the workers.
        most: never more workers than this; None: as many as the resources allow.
    """

    def __init__(self, runtime: Runtime, cls: type, most: int | None = None) -> None:
        self._runtime, self._cls, self._most = runtime, cls, most
        self._looked_at = self._grown_at = time.monotonic()
        self._suspects: set[PlacementGroup] = set()

    def slots(self, count: int | None = None, timeout_seconds: float | None = None) -> list[Slot]:
        """Resources for workers; see `Runtime.place`."""
        return [
            self._runtime.in_place(self._cls, place) for place in self._runtime.place(count, timeout_seconds)
        ]

    def __call__(self, dispatcher: Dispatcher) -> None:
        """Asked again and again while shards are computed; looks at a fixed interval."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return
        self._looked_at = now
        self._leave_broken_groups(dispatcher)
        if waiting := [worker for worker in dispatcher.workers if not worker.placed]:
            self._assign_slots(dispatcher, waiting)
        if self._runtime.config.workers == "auto" and now - self._grown_at >= GROW_SECONDS:
            self._grown_at = now
            self._grow(dispatcher)

    def _leave_broken_groups(self, dispatcher: Dispatcher) -> None:
        """Give up groups that were broken at the last look too: Ray mends the others by itself."""
        members: dict[PlacementGroup, list[RayWorker]] = {}
        for worker in dispatcher.workers:
            if worker.placed and isinstance(worker.create, Slot):
                members.setdefault(worker.create.group, []).append(worker)
        broken = {group for group in members if self._runtime.broken(group)}
        for group in broken & self._suspects:
            displaced = members[group]
            logger.warning(
                "a machine of the cluster was lost; %d of %d workers start anew where resources are free",
                *(len(displaced), len(dispatcher.workers)),
            )
            for worker in displaced:
                dispatcher.release_slot(worker)
            self._runtime.leave(group)
        self._suspects = broken

    def _assign_slots(self, dispatcher: Dispatcher, waiting: Sequence[RayWorker]) -> None:
        """Workers without a place get one, as far as there is room."""
        for worker, slot in zip(waiting, self._found(len(waiting)), strict=False):
            dispatcher.assign_slot(worker, slot)

    def _grow(self, dispatcher: Dispatcher) -> None:
        most = self._most
        slots = self._found(None if most is None else most - len(dispatcher.workers))
        if slots:
            dispatcher.add(slots)
            logger.warning("the cluster has resources for %d more workers; they were started", len(slots))

    def _found(self, most: int | None) -> list[Slot]:
        """What room there is at once, up to a number."""
        if most is not None and most < 1:
            return []
        room = self._runtime.room()
        count = room if most is None else min(room, most)
        if count < 1:
            return []
        try:
            return self.slots(count, GROW_SECONDS)
        except ValueError:  # another program was faster
            return []
