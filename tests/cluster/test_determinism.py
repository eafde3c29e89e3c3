"""Whatever the cluster does, a search gives the genotypes, metrics and weights of a search without one."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from cluster.checkpoints import Checkpoints
from nas.search import Search

pytestmark = pytest.mark.ray
Outcome = dict[str, Any]
RunToEnd = Callable[[Search], Outcome]


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_any_number_of_workers_gives_the_result_of_none(
    case: Any, run_to_end: RunToEnd, expected: Outcome, workers: int
) -> None:
    assert run_to_end(case.on_ray(workers)) == expected
