"""What it costs to save every step of a search beside the next one.

    python benchmarks/checkpoints.py [--channels 12] [--batch 64] [--shards 8] [--steps 12] [--workers 2]

A search on Ray, of weight steps alone: they change all of the state. Steps with a checkpoint written beside
them and steps without one take turns, on the same workers.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from step import machine

from cluster.checkpoints.saver import Saver
from cluster.checkpoints.store import Checkpoints, StateSnapshot
from cluster.distributed.children import RayChildren
from cluster.distributed.config import RuntimeConfig
from cluster.distributed.runtime import Runtime
from nas.config import SearchConfig
from nas.images import TensorImages
from nas.search import Search
from nas.strategy import RandomStrategy
from nas.supernet_config import SupernetConfig


class Timed(Checkpoints):
    """Notes how long each write took, and how much processor time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.seconds: list[float] = []
        self.processor: list[float] = []

    def write(self, snapshot: StateSnapshot) -> int:
        """As ever."""
        begin, processor = time.perf_counter(), time.thread_time()
        written = super().write(snapshot)
        self.seconds.append(time.perf_counter() - begin)
        self.processor.append(time.thread_time() - processor)
        return written


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--channels", type=int, default=12, help="C; 12: 10 MB of weights, 20: 23 MB")
    parser.add_argument("--batch", type=int, default=64, help="images of a shard")
    parser.add_argument("--shards", type=int, default=8, help="M")
    parser.add_argument("--steps", type=int, default=12, help="of each kind")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    config = SearchConfig(
        num_shards=options.shards, batch_size=options.batch, weight_steps_per_epoch=2 * options.steps + 2
    )
    rng = np.random.default_rng(0)
    pixels = rng.standard_normal((256, 3, 32, 32), dtype=np.float32)
    images = TensorImages(pixels, np.arange(256, dtype=np.int64) % 10, 10)
    print(f"{machine()}\npython {' '.join(sys.argv)}", flush=True)
    taken: dict[bool, list[float]] = {True: [], False: []}
    taking = []
    with (
        tempfile.TemporaryDirectory(dir=Path.cwd()) as folder,
        Runtime(RuntimeConfig(workers=options.workers)) as runtime,
    ):
        supernet = SupernetConfig(num_classes=10, channels=options.channels)
        children = RayChildren(runtime, supernet, config, images, images)
        children.dispatcher.infos()
        search = Search(config, RandomStrategy(supernet.num_nodes, seed=1), children)
        checkpoints = Timed(Path(folder) / "checkpoints")
        with Saver(checkpoints, "auto") as saver:
            for number in range(2 * options.steps + 2):
                begin = time.perf_counter()
                saved = number % 2 == 0
                if saved:
                    saver.save(lambda: _state(search), number)
                    taking.append(time.perf_counter() - begin)
                search.step()
                if number >= 2:  # the first two warm up
                    taken[saved].append(time.perf_counter() - begin)
                saver.finish()  # outside of the time: nothing is left to the step that saves nothing
        size = (
            sum(path.stat().st_size for path in (checkpoints.folder / "parts").iterdir()) / checkpoints.keep
        )
        children.close()
    _report(taken, taking[1:], checkpoints, size, options)


def _report(
    taken: dict[bool, list[float]], taking: list[float], written: Timed, size: float, options: Any
) -> None:
    print(f"M = {options.shards} of {options.batch} images, C = {options.channels}, W = {options.workers}")
    for saved, what in ((False, "alone"), (True, "with a checkpoint beside it")):
        low, middle, high = min(taken[saved]), median(taken[saved]), max(taken[saved])
        print(f"  a step {what}: {middle:.3f} s ({low:.3f}-{high:.3f})")
    print(
        f"  a checkpoint of {size / 1e6:.1f} MB: {1e3 * median(taking):.0f} ms to take, "
        f"{1e3 * median(written.seconds[1:]):.0f} ms to write, "
        f"{1e3 * median(written.processor[1:]):.0f} ms of processor time"
    )


def _state(search: Search) -> dict[str, Any]:
    return {"search": search.state_dict()}


if __name__ == "__main__":
    main()
