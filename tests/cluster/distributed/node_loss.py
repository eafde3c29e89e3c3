"""A program for test_nodes.py: search on a cluster of machines, and lose one of them on the way.

Arguments: the address of the head, and the process ids of one machine of the cluster.
"""

import contextlib
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import ray
import torch

from cluster.distributed.children import RayChildren
from cluster.distributed.runtime import Runtime, RuntimeConfig
from cluster.distributed.strategies import ActorStrategy
from nas.search import Search
from nas.strategy import build_strategy

specification = importlib.util.spec_from_file_location("conftest", Path(__file__).parents[1] / "conftest.py")
assert specification is not None
assert specification.loader is not None
cases = importlib.util.module_from_spec(specification)
sys.modules["conftest"] = cases
specification.loader.exec_module(cases)


def kill(*victims: int) -> None:
    """End processes; the first ones take others with them."""
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def main(address: str, victims: list[int]) -> dict[str, object]:
    """Kill the machine while the second step is computed on it; say what came of it."""
    torch.set_num_threads(1)
    expected = cases.outcome(cases.Searches.local())
    config = RuntimeConfig(address=address, workers=3, placement="SPREAD")
    with Runtime(config) as runtime:
        ray.cloudpickle.register_pickle_by_value(cases)
        trap, slow = Path(f"/tmp/no-trap-{os.getpid()}"), (0.6, 0.4, 0.5)
        sources = [cases.Disturbed(cases.images(*what), trap, slow) for what in ((24, 1), (12, 2))]
        children = RayChildren(runtime, cases.SUPERNET, cases.CONFIG, *sources)
        strategy = ActorStrategy(runtime, build_strategy(cases.CONFIG, cases.SUPERNET.num_nodes))
        children.dispatcher.infos()
        machines = sum(node["Alive"] for node in ray.nodes())
        search = Search(cases.CONFIG, strategy, children)
        search.step()
        threading.Timer(0.2, kill, victims).start()
        search.step()
        began = time.monotonic()
        outcome = cases.outcome(search)
        while sum(node["Alive"] for node in ray.nodes()) == machines:
            assert time.monotonic() < began + 60, "the machine's death was not noticed"
            time.sleep(0.2)
        repeated = children.dispatcher.repeated
        return {"machines": machines, "equal": outcome == expected, "repeated": repeated}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], [int(pid) for pid in sys.argv[2:]])))  # noqa: T201
