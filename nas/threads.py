"""How many torch threads compute, where results depend on it.

Sums split over threads round differently, so a search is bit-identical on other machines only when every
shard is computed by one thread (docs/architecture.md, "Results do not depend on the cluster").
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Run the block with `count` torch threads and restore the caller's number afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """Run the block with one torch thread."""
    return torch_threads(1)
