"""One torch thread while results must not depend on how many there are.

Sums split over threads round differently, so a search is bit-identical on other machines only when every
shard is computed by one thread (DESIGN.md, "The search").
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Run the block with one torch thread and restore the caller's number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
