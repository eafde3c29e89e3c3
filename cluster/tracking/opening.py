"""Opening the tracker of a run, and closing it with what became of the run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.progress import Progress
from cluster.tracking.config import TrackingConfig
from cluster.tracking.durable import DurableTracker
from cluster.tracking.tracker import NullTracker, Tracker

__all__ = ["open_store", "watched"]


def open_store(tracking: TrackingConfig | None, folder: Path, progress: Progress) -> Tracker:
    """A tracker on that store with its outbox in the run's folder, or one that records nothing.

    Raises:
        ValueError, OSError: the store's address itself is wrong.
    """
    if tracking is None:
        return NullTracker()
    return DurableTracker(tracking, folder, progress)


@contextmanager
def watched(tracker: Tracker) -> Iterator[None]:
    """Close the run with what became of the block, and let it be delivered."""
    try:
        yield
    except Exception:
        tracker.finish("failed")
        raise
    except BaseException:
        tracker.finish("killed")
        raise
    else:
        tracker.finish("finished")
    finally:
        tracker.close()
