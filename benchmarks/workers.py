"""What a weight step costs on a cluster, how evenly two cores are used, and where the owner saturates.

    python benchmarks/workers.py [--channels 12] [--batch 32] [--shards 8] [--rounds 5]

Three parts, all in one run:

1.  Seconds a step with W = 1, 2 and 4 workers (4 are more than this machine's cores, where it has two), bytes
    a step, idle share, and the share of the step that the owner's update takes.
2.  Parallel efficiency: the same shards computed by two processes that never talk to each other, in turn with
    the two workers; the efficiency is the ratio of the times, median of the rounds.
3.  A model of 8, 64 and 256 workers from measured parts, one shard for each worker: seconds of a shard, bytes
    of a gradient, seconds that the owner of the weights needs for each gradient and for each step, seconds to
    copy weights. It is a model: no network was measured, its bandwidth is an assumption that can be set.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np
import ray
import torch
from step import machine

from cluster.distributed.children import RayChildren
from cluster.distributed.measurements import Measurement
from cluster.distributed.runtime import Runtime, RuntimeConfig
from nas import kernels
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import TensorImages
from nas.shards import ShardGradient, train_shard
from nas.strategy import RandomStrategy
from nas.supernet import Supernet, SupernetConfig
from nas.weights import SharedWeights

RATE = 0.01
WORKERS = (1, 2, 4)


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
    with Runtime(RuntimeConfig(workers=max(WORKERS), cpus_per_worker=0.25)) as runtime:
        children = RayChildren(runtime, *parts)
        children.dispatcher.infos()
        everybody = list(children.dispatcher.workers)
        alone = [ray.remote(Alone).options(num_cpus=0.25).remote(*parts[:3]) for _ in range(2)]
        taken: dict[int, list[float]] = {who: [] for who in (0, *WORKERS)}
        measured: dict[int, list[Measurement]] = {who: [] for who in WORKERS}
        order = list(taken)
        for step in range(rounds + 1):
            genotypes = RandomStrategy(5, seed=1).sample(shards, "weights", step)
            order.append(order.pop(0))
            for who in order:
                children.dispatcher.workers = everybody[:who] or everybody
                start = time.perf_counter()
                if who:
                    children.train(step, genotypes, RATE)
                else:
                    ray.get(
                        [p.train.remote(step, genotypes, range(n, shards, 2)) for n, p in enumerate(alone)]
                    )
                if step:  # the first round warms up
                    taken[who].append(time.perf_counter() - start)
                    if who and children.measurement:
                        measured[who].append(children.measurement)
        children.dispatcher.workers = everybody
        children.dispatcher.kill()
        for process in (*alone, *(owner.handle for owner in children.owners.actors)):
            ray.kill(process)
    for who in WORKERS:
        _print_line(who, taken[who], measured[who])
    ratios = [mine / its for mine, its in zip(taken[0], taken[2], strict=True)]
    print(
        f"  two processes that do not talk: {median(taken[0]):.3f} s; efficiency {median(ratios):.3f}, "
        f"median of {rounds} rounds ({min(ratios):.3f}-{max(ratios):.3f})"
    )


def _print_line(workers: int, taken: Sequence[float], measured: Sequence[Measurement]) -> None:
    more = " (more workers than cores)" if workers > len(os.sched_getaffinity(0)) else ""
    idle = [median(m.idle[number] for m in measured) for number in range(workers)]
    print(
        f"  W = {workers}: {median(taken):.3f} s a step, "
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


def report_model(parts: Any, rounds: int, bandwidth: float) -> None:
    """Measured parts, and what follows from them."""
    supernet, config, images, _ = parts
    net = Supernet(supernet)
    genotypes = RandomStrategy(5, seed=3).sample(256, "weights", 0)
    torch.set_num_threads(1)
    kernels.select("auto")
    weights = net.initial_weights(0)
    shard = median(
        seconds(lambda g=g: train_shard(net, weights, g, images, config, 0, 0), 2) for g in genotypes[:4]
    )
    times = {}
    for count in (8, 64):
        owner = SharedWeights(net, config.model_copy(update={"num_shards": count}))
        gradients = synthetic(net, genotypes[:count])
        times[count] = seconds(lambda o=owner, g=gradients: o.apply(g, RATE), rounds)
    each = (times[64] - times[8]) / 56
    fixed = max(0.0, times[8] - 8 * each)
    size = synthetic(net, genotypes[:16])
    gradient_bytes = float(np.mean([g.values.nbytes + g.ranges.nbytes for g in size]))
    values = weights.numpy()
    publish = seconds(lambda: ray.put(values), rounds)
    stored = ray.put(values)
    received = np.empty_like(values)
    copy = seconds(lambda: np.copyto(received, ray.get(stored)), rounds)
    references = [ray.put(g) for g in size]
    fetch = seconds(lambda: ray.get(references), rounds) / len(references)
    link = 1e9 * bandwidth / 8
    print(
        f"  measured: a shard {shard:.3f} s; a gradient {gradient_bytes / 1e6:.2f} MB; weights "
        f"{values.nbytes / 1e6:.1f} MB\n"
        f"  owner: {1e3 * each:.2f} ms to add a gradient, {1e3 * fetch:.2f} ms to fetch it, "
        f"{1e3 * fixed:.1f} ms a step, {1e3 * publish:.1f} ms to publish; a copy takes {1e3 * copy:.1f} ms\n"
        f"  assumed: {bandwidth:g} Gbit/s for the owner's machine, weights handed on among machines"
    )
    each_total = each + fetch + gradient_bytes / link
    fixed_total = fixed + publish + copy + 2 * values.nbytes / link
    for workers in (8, 64, 256):
        owner = fixed_total + workers * each_total
        total = shard + owner
        print(
            f"  W = {workers:3}, one shard each: {total:.3f} s a step = {shard:.3f} + owner {owner:.3f}; "
            f"efficiency {shard / total:.2f}"
        )
    saturated = (shard - fixed_total) / each_total
    print(
        f"  the owner takes as long as a shard at W = {saturated:.0f}: from there on, more workers do not pay"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--channels", type=int, default=12, help="C; 12: 10 MB of weights, 20: 21 MB")
    parser.add_argument("--batch", type=int, default=32, help="images of a shard")
    parser.add_argument("--shards", type=int, default=8, help="M")
    parser.add_argument("--rounds", type=int, default=5)
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
        report_steps(parts, options.shards, options.rounds)
        report_model(parts, options.rounds, options.gigabits)


if __name__ == "__main__":
    main()
