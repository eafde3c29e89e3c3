"""NNI 3.0's ENAS timed step by step, for benchmarks/step.py, which starts this in an environment of its own.

    python nni_enas.py THREADS

The space is `nni.nas.hub.pytorch.ENAS` made into a supernet by `nni.nas.strategy.ENAS`. Reads lines of a kind
("train" or "score"), a tab and a genotype, and answers each with the seconds of one step, wall and processor
time. Needs nothing of posenas.
"""

import sys
import time
import warnings

import torch
import torch.nn.functional as F

warnings.filterwarnings("ignore")

from nni.nas import strategy  # noqa: E402
from nni.nas.hub.pytorch import ENAS  # noqa: E402
from nni.nas.oneshot.pytorch.supermodule.base import BaseSuperNetModule  # noqa: E402

BATCH, CHANNELS, CELLS = 64, 20, 8
# Numbers of the genotype's operations to NNI's names.
OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "skip_connect")


def choices(text: str) -> dict[str, object]:
    """NNI's sample for a genotype in ENAS's notation: input and operation of x and y for each node."""
    numbers = [int(word) for word in text.split()]
    half = len(numbers) // 2
    sample: dict[str, object] = {}
    for cell, part in (("normal", numbers[:half]), ("reduce", numbers[half:])):
        for edge in range(half // 2):
            node, side = 2 + edge // 2, edge % 2
            sample[f"{cell}/input_{node}_{side}"] = [part[2 * edge]]
            sample[f"{cell}/op_{node}_{side}"] = OPERATIONS[part[2 * edge + 1]]
    return sample


def main() -> None:
    """Answer until there is nothing more to read."""
    torch.set_num_threads(int(sys.argv[1]))
    model = strategy.ENAS().mutate_model(ENAS(width=CHANNELS, num_cells=CELLS, dataset="cifar"))
    modules = [module for module in model.modules() if isinstance(module, BaseSuperNetModule)]
    images = torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(BATCH) % 10

    def train() -> None:
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()

    def score() -> None:
        with torch.no_grad():
            model(images)

    model.train()
    for line in sys.stdin:
        kind, text = line.rstrip("\n").split("\t")
        sample = choices(text)
        left = set(sample)
        for module in modules:
            new = module.resample(memo=sample)
            assert not new, f"NNI has choices that the genotype does not name: {sorted(new)}"
            left -= set(getattr(module, "_sampled", {}))
        assert not left, f"the genotype names choices that NNI does not have: {sorted(left)}"
        wall, processor = time.perf_counter(), time.process_time()
        (train if kind == "train" else score)()
        print(time.perf_counter() - wall, time.process_time() - processor, flush=True)


if __name__ == "__main__":
    main()
