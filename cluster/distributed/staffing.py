"""Workers that come and go while work is done: machines are lost, added, or left by others.

Ray offers a lost bundle of a placement group to the cluster again and again without a pause: while there is
no room for it, its head computes nothing else (seen in Ray 2.60). So a group that has lost a bundle is given
back as a whole, and its workers are seated anew wherever there is room.
"""

import logging
import time
from collections.abc import Sequence

from ray.util.placement_group import PlacementGroup

from cluster.distributed.dispatch import Dispatcher, Worker
from cluster.distributed.runtime import Runtime, Seat

__all__ = ["Staffing"]

logger = logging.getLogger(__name__)

GROW_SECONDS = 10.0
"""How often the cluster is asked whether it has grown."""

MISSING_SECONDS = 2.0
"""How often it is asked while workers are missing."""


class Staffing:
    """Seats the workers of a dispatcher, anew if their machine is lost; with `workers: auto`, adds more.

    Args:
        runtime: entered.
        cls: of the workers.
        most: never more workers than so many; None: as many as there is room for.
    """

    def __init__(self, runtime: Runtime, cls: type, most: int | None = None) -> None:
        self._runtime, self._cls, self._most = runtime, cls, most
        self._looked_at = time.monotonic()
        self._suspects: set[PlacementGroup] = set()

    def seats(self, count: int | None = None, timeout_seconds: float | None = None) -> list[Seat]:
        """Room for workers; see `Runtime.place`."""
        return [
            self._runtime.in_place(self._cls, place) for place in self._runtime.place(count, timeout_seconds)
        ]

    def __call__(self, dispatcher: Dispatcher) -> None:
        """Asked again and again while shards are computed; looks every so many seconds."""
        missing = not all(worker.ready for worker in dispatcher.workers)
        if time.monotonic() - self._looked_at < (MISSING_SECONDS if missing else GROW_SECONDS):
            return
        self._looked_at = time.monotonic()
        if missing:
            self._leave_broken_groups(dispatcher)
            self._seat(dispatcher, [worker for worker in dispatcher.workers if not worker.seated])
        if self._runtime.config.workers == "auto":
            self._grow(dispatcher)

    def _leave_broken_groups(self, dispatcher: Dispatcher) -> None:
        """Give up groups that were broken at the last look too: Ray mends the others by itself."""
        held = {worker.create.group for worker in dispatcher.workers if isinstance(worker.create, Seat)}
        broken = {group for group in held if self._runtime.broken(group)}
        for group in broken & self._suspects:
            unseated = [
                w for w in dispatcher.workers if isinstance(w.create, Seat) and w.create.group == group
            ]
            lost = sum(not worker.ready for worker in unseated)
            logger.warning(
                "a machine was lost with %d of %d workers; those that find room elsewhere go on there",
                *(lost, len(dispatcher.workers)),
            )
            for worker in unseated:
                dispatcher.unseat(worker)
            self._runtime.leave(group)
        self._suspects = broken

    def _seat(self, dispatcher: Dispatcher, waiting: Sequence[Worker]) -> None:
        """Workers without a place get one, as far as there is room."""
        for worker, seat in zip(waiting, self._found(len(waiting)), strict=False):
            dispatcher.seat(worker, seat)

    def _grow(self, dispatcher: Dispatcher) -> None:
        most = self._most
        seats = self._found(None if most is None else most - len(dispatcher.workers))
        if seats:
            dispatcher.add(seats)
            logger.warning("the cluster has room for %d more workers; they were started", len(seats))

    def _found(self, most: int | None) -> list[Seat]:
        """What room there is at once, up to a number."""
        if most is not None and most < 1:
            return []
        room = self._runtime.room()
        count = room if most is None else min(room, most)
        if count < 1:
            return []
        try:
            return self.seats(count, GROW_SECONDS)
        except ValueError:  # somebody else was faster
            return []
