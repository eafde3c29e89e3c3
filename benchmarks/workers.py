"""What a weight step costs on a cluster, how evenly two cores are used, and where owners saturate.

    python benchmarks/workers.py [--channels 12] [--batch 32] [--shards 8] [--rounds 5]

Three parts, all in one run:

1.  Seconds a step with W = 1, 2 and 4 workers (4 are more than this machine's cores, where it has two), and
    with W = 2 and R = 2 owners of the weights; bytes a step, idle share, and what the update takes of it.
2.  Parallel efficiency: the same shards computed by two processes that never talk to each other, in turn with
    the two workers; the efficiency is the ratio of the times, median of the rounds.
3.  A model of 8, 64 and 256 workers from measured parts, one shard for each worker, with one owner of the
    weights and with as many as `owners: auto` takes: seconds of a shard, bytes of a gradient's part, seconds
    that the busiest owner needs for each gradient and for each step, seconds to copy weights. It is a model:
    no network was measured; its bandwidth, for each owner's machine, is an assumption that can be set.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import ray
import torch
from step import machine

from cluster.distributed.children import RayChildren
from cluster.distributed.config import RuntimeConfig
from cluster.distributed.measurements import ShardCost
from cluster.distributed.owners import num_owners
from cluster.distributed.runtime import Runtime
from nas import kernels
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import TensorImages
from nas.shards import ShardGradient, train_shard
from nas.strategy import RandomStrategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig
from nas.weights import SharedWeights, join_sums, owner_bounds, split_gradient

RATE = 0.01
WORKERS = (1, 2, 4)
OWNERS = (1, 2, 4, 8, 16)
SPLIT = "two workers, two owners"


class Alone:
    """A process that computes its shards and talks to nobody, with the weights it has."""

    def __init__(self, supernet: SupernetConfig, config: SearchConfig, images: TensorImages) -> None:
        torch.set_num_threads(1)
        kernels.select("auto")
        self._parts = Supernet(supernet), config, images
        self._weights = self._parts[0].initial_weights(0)

    def train(self, step: int, genotypes: Sequence[Genotype], shards: Sequence[int]) -> float:
        """Seconds that the given shards took."""
        net, config, images = self._parts
        start = time.perf_counter()
        for shard in shards:
            train_shard(net, self._weights, genotypes[shard], images, config, step, shard)
        return time.perf_counter() - start


def seconds(action: Callable[[], object], rounds: int) -> float:
    """Least of a few."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return min(taken)


def report_steps(parts: Any, shards: int, rounds: int) -> None:
    """A line for each number of workers, and the efficiency of two.

    In every round each of them takes a step, and the two processes that talk to nobody take theirs; who was
    first comes last in the next round.
    """
    settings = RuntimeConfig(workers=max(WORKERS), cpus_per_worker=0.25, owners=1)
    with (
        Runtime(settings) as runtime,
        Runtime(settings.model_copy(update={"workers": 2, "owners": 2})) as divided,
    ):
        children, split = RayChildren(runtime, *parts), RayChildren(divided, *parts)
        children.dispatcher.infos()
        split.dispatcher.infos()
        everybody = list(children.dispatcher.workers)
        alone = [ray.remote(Alone).options(num_cpus=0.25).remote(*parts[:3]) for _ in range(2)]
        taken: dict[int | str, list[float]] = {who: [] for who in (0, *WORKERS, SPLIT)}
        measured: dict[int | str, list[ShardCost]] = {who: [] for who in (*WORKERS, SPLIT)}
        order = list(taken)
        for step in range(rounds + 1):
            genotypes = RandomStrategy(5, seed=1).sample(shards, "weights", step)
            order.append(order.pop(0))
            for who in order:
                backend = split if who == SPLIT else children
                children.dispatcher.workers = everybody[: int(who)] if who in WORKERS else everybody
                start = time.perf_counter()
                if who:
                    backend.train(step, genotypes, RATE)
                else:
                    ray.get(
                        [p.train.remote(step, genotypes, range(n, shards, 2)) for n, p in enumerate(alone)]
                    )
                if step:  # the first round warms up
                    taken[who].append(time.perf_counter() - start)
                    if who and backend.measurement:
                        measured[who].append(backend.measurement)
        children.dispatcher.workers = everybody
        children.close()
        split.close()
        for process in alone:
            ray.kill(process)
    for who in WORKERS:
        _print_line(who, 1, taken[who], measured[who])
    _print_line(2, 2, taken[SPLIT], measured[SPLIT])
    ratios = [mine / its for mine, its in zip(taken[0], taken[2], strict=True)]
    print(
        f"  two processes that do not talk: {median(taken[0]):.3f} s; efficiency {median(ratios):.3f}, "
        f"median of {rounds} rounds ({min(ratios):.3f}-{max(ratios):.3f})"
    )


def _print_line(workers: int, owners: int, taken: Sequence[float], measured: Sequence[ShardCost]) -> None:
    more = " (more workers than cores)" if workers > len(os.sched_getaffinity(0)) else ""
    idle = [median(m.idle[number] for m in measured) for number in range(workers)]
    print(
        f"  W = {workers}, R = {owners}: {median(taken):.3f} s a step, "
        f"of it update {median(m.update_seconds for m in measured):.3f}; "
        f"out {median(m.bytes_out for m in measured) / 1e6:.1f} MB, "
        f"in {median(m.bytes_in for m in measured) / 1e6:.1f} MB; "
        f"idle {' '.join(f'{share:.2f}' for share in idle)}{more}",
        flush=True,
    )


def synthetic(net: Supernet, genotypes: Sequence[Genotype]) -> list[ShardGradient]:
    """Gradients of the right size, without computing them."""
    rng = np.random.default_rng(0)
    found = []
    for shard, genotype in enumerate(genotypes):
        ranges = net.used_ranges(genotype)
        length = int((ranges[:, 1] - ranges[:, 0]).sum())
        values = rng.standard_normal(length, dtype=np.float32)
        found.append(
            ShardGradient(shard=shard, loss=1.0, accuracy=0.5, num_images=2, ranges=ranges, values=values)
        )
    return found


@dataclass(frozen=True, kw_only=True)
class OwnerCost:
    """What a step costs the busiest of R owners, in seconds.

    Attributes:
        each: for every gradient: to fetch its part, add it, and take it from the assumed network.
        fixed: for every step: calls, update, publication, and the copy of the weights at the workers.
    """

    each: float
    fixed: float


def measure_owners(
    net: Supernet, config: SearchConfig, genotypes: Sequence[Genotype], owners: int, rounds: int, link: float
) -> OwnerCost:
    """Each range by itself, as if its owner had a machine of its own; prints what was measured."""
    bounds = owner_bounds(net, len(genotypes), owners)
    costs = []
    for number, part in enumerate(pairwise(bounds)):
        taken = {}
        for count in (8, 64):
            owner = SharedWeights(net, config.model_copy(update={"num_shards": count}), part)
            pieces = [split_gradient(g, bounds)[number] for g in synthetic(net, genotypes[:count])]

            def step(owner: SharedWeights = owner, pieces: Any = pieces) -> None:
                owner.update(join_sums([owner.add_up(pieces)]).gradient_norm, RATE)

            taken[count] = seconds(step, rounds)
        add = (taken[64] - taken[8]) / 56
        size = float(np.mean([piece.values.nbytes + piece.ranges.nbytes for piece in pieces]))
        references = [ray.put(piece) for piece in pieces[:16]]
        fetch = seconds(lambda r=references: ray.get(r), rounds) / len(references)
        publish = seconds(lambda o=owner: ray.put(o.values), rounds)
        costs.append((add + fetch + size / link, add, fetch, size, max(0.0, taken[8] - 8 * add), publish))
    stored = [ray.put(np.zeros(stop - start, np.float32)) for start, stop in pairwise(bounds)]
    received = np.empty(net.layout.size, np.float32)

    def copy() -> None:
        for (start, stop), view in zip(pairwise(bounds), ray.get(stored), strict=True):
            np.copyto(received[start:stop], view)

    pinged = [ray.remote(Silent).options(num_cpus=0).remote() for _ in range(owners)]
    ray.get([one.ping.remote() for one in pinged])
    calls = 2 * seconds(lambda: ray.get([one.ping.remote() for one in pinged]), 20)
    for one in pinged:
        ray.kill(one)
    total, add, fetch, size, update, publish = max(costs)
    copied = seconds(copy, rounds)
    widest = 4 * max(stop - start for start, stop in pairwise(bounds))
    print(
        f"  R = {owners}: the busiest owner takes {1e3 * add:.2f} ms to add a gradient's part of "
        f"{size / 1e6:.2f} MB and {1e3 * fetch:.2f} ms to fetch it, {1e3 * update:.1f} ms for the update, "
        f"{1e3 * publish:.1f} ms to publish; two calls take {1e3 * calls:.1f} ms, "
        f"a copy {1e3 * copied:.1f} ms",
        flush=True,
    )
    moved = (widest + received.nbytes) / link  # out of the owner's machine, into the worker's
    return OwnerCost(each=total, fixed=calls + update + publish + copied + moved)


class Silent:
    """An actor that does nothing: what a call takes."""

    def ping(self) -> None:
        """Answer."""


def report_model(parts: Any, batches: Sequence[int], rounds: int, bandwidth: float) -> None:
    """Measured parts, and what follows from them."""
    supernet, config, images, _ = parts
    net = Supernet(supernet)
    genotypes = RandomStrategy(5, seed=3).sample(256, "weights", 0)
    torch.set_num_threads(1)
    kernels.select("auto")
    weights, link = net.initial_weights(0), 1e9 * bandwidth / 8
    print(
        f"  weights {4 * net.layout.size / 1e6:.1f} MB; assumed: {bandwidth:g} Gbit/s for each owner's "
        "machine, weights handed on among machines"
    )
    costs = {owners: measure_owners(net, config, genotypes, owners, rounds, link) for owners in OWNERS}
    for batch in batches:
        sized = config.model_copy(update={"batch_size": batch})
        shard = median(
            seconds(lambda g=g, c=sized: train_shard(net, weights, g, images, c, 0, 0), 2)
            for g in genotypes[:4]
        )
        print(f"  shards of {batch} images, {shard:.3f} s each, one for each worker:")
        for workers in (8, 64, 256):
            chosen = num_owners("auto", workers, workers, net)
            line = []
            for owners in sorted({1, min(OWNERS, key=lambda r: abs(r - chosen))}):
                total = shard + costs[owners].fixed + workers * costs[owners].each
                line.append(f"R = {owners}: {total:.3f} s a step, efficiency {shard / total:.2f}")
            print(f"    W = {workers:3}   " + "   ".join(line), flush=True)
        saturated = [f"{(shard - cost.fixed) / cost.each:.0f} (R = {r})" for r, cost in costs.items()]
        print(f"    the owners take as long as a shard at W = {', '.join(saturated)}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--channels", type=int, default=12, help="C; 12: 10 MB of weights, 20: 21 MB")
    parser.add_argument("--batch", type=int, default=32, help="images of a shard")
    parser.add_argument("--model-batches", type=int, nargs="*", default=(64, 32, 16), help="of the model")
    parser.add_argument("--shards", type=int, default=8, help="M")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("steps", "model"), help="one half of it")
    parser.add_argument("--gigabits", type=float, default=10.0, help="assumed network of the model")
    options = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    supernet = SupernetConfig(num_classes=10, channels=options.channels)
    config = SearchConfig(num_shards=options.shards, batch_size=options.batch)
    rng = np.random.default_rng(0)
    images = TensorImages(
        rng.standard_normal((256, 3, 32, 32), dtype=np.float32), np.arange(256, dtype=np.int64) % 10, 10
    )
    parts = (supernet, config, images, images)
    print(machine())
    print("python " + " ".join(sys.argv))
    print(
        f"M = {options.shards} shards of {options.batch} images, C = {options.channels}, 6 + 2 cells, 32 x 32"
    )
    with Runtime(RuntimeConfig(workers=max(WORKERS), cpus_per_worker=0.25)):  # those inside use its Ray
        if options.only != "model":
            report_steps(parts, options.shards, options.rounds)
        if options.only != "steps":
            report_model(parts, options.model_batches, options.rounds, options.gigabits)


if __name__ == "__main__":
    main()
