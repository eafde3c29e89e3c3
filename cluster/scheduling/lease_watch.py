"""Leases by this process's own monotonic clock: how long others stand unchanged, how long its own must be."""

import time
from collections import deque
from collections.abc import Callable, Iterable

__all__ = ["LeaseLength", "LeaseWatch"]

REMEMBERED_DELAYS = 50


class LeaseWatch:
    """Remembers when each job's lease was last seen to change: clocks of other machines do not matter.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[int, tuple[float, float]] = {}

    def note(self, leases: Iterable[tuple[int, float]], *, whole: bool) -> None:
        """Leases as they are now: (job, end of its lease).

        Args:
            leases: what was read.
            whole: these are all that there are; others are forgotten.
        """
        moment = self._clock()
        before, found = self._seen, dict(leases)
        changed = {
            job: (end, before[job][1] if before.get(job, (None,))[0] == end else moment)
            for job, end in found.items()
        }
        self._seen = changed if whole else before | changed

    def unchanged_seconds(self, job: int) -> float:
        """Since when a job's lease was seen as it is now; 0 for one that was never seen."""
        moment = self._clock()
        return moment - self._seen.get(job, (0.0, moment))[1]


class LeaseLength:
    """How long a worker's leases must be so that it can renew them in time.

    It is never shorter than asked for, and longer by three times the longest delay measured lately: a renewal
    is due at a third of the lease.

    Args:
        wanted_seconds: what was asked for.
    """

    def __init__(self, wanted_seconds: float) -> None:
        self._wanted = wanted_seconds
        self._delays: deque[float] = deque([0.0], maxlen=REMEMBERED_DELAYS)

    def after(self, delay_seconds: float) -> float:
        """The length from now on, after one more renewal that was late or slow by `seconds`."""
        self._delays.append(max(0.0, delay_seconds))
        return self._wanted + 3 * max(self._delays)
