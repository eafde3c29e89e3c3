"""A network of one genotype timed step by step, for benchmarks/step.py, which starts this as a process.

    python one_path.py ours|torch|plain THREADS

`ours` is the shared-weight step with compiled kernels, `torch` the same without them, `plain` a one-path
network of torch's own layers in channels_last. Reads lines of a kind ("train" or "score"), a tab and a
genotype, and answers each with the seconds of one step, wall and processor time.
"""

import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nas import kernels
from nas.genotype import Genotype
from nas.network import Network, NetworkConfig
from nas.random import generator, torch_generator
from nas.supernet import Supernet, SupernetConfig

BATCH, CHANNELS, CLASSES = 64, 20, 10
AUXILIARY_WEIGHT = 0.4


def ours(genotype: Genotype, images: Tensor, labels: Tensor) -> tuple[Callable[[], None], Callable[[], None]]:
    """Training and scoring with shared weights."""
    net = Supernet(SupernetConfig(num_classes=CLASSES, channels=CHANNELS))
    buffer, names = net.initial_weights(0), net.used(genotype)

    def train() -> None:
        leaves = [net.layout.view(buffer, name).detach().requires_grad_() for name in names]
        weights = dict(zip(names, leaves, strict=True))
        logits, auxiliary = net.logits(weights, genotype, images, generator(0, "dropout"))
        net.layout.pack(names, torch.autograd.grad(_loss(logits, auxiliary, labels), leaves))

    def score() -> None:
        with torch.inference_mode():
            net.logits(net.layout.views(buffer, names), genotype, images, None)

    return train, score


def plain(
    genotype: Genotype, images: Tensor, labels: Tensor
) -> tuple[Callable[[], None], Callable[[], None]]:
    """The same path as a network of its own."""
    config = NetworkConfig(
        num_classes=CLASSES, channels=CHANNELS, dropout_keep=0.9, drop_path_keep=1, search_form=True
    )
    net = Network(genotype, config)

    def train() -> None:
        logits, auxiliary = net.training_logits(images, 0.0, torch_generator(0, "dropout"))
        net.zero_grad()
        _loss(logits, auxiliary, labels).backward()

    def score() -> None:
        with torch.inference_mode():
            net(images)

    return train, score


def _loss(logits: Tensor, auxiliary: Tensor | None, labels: Tensor) -> Tensor:
    loss = F.cross_entropy(logits, labels)
    assert auxiliary is not None
    return loss + AUXILIARY_WEIGHT * F.cross_entropy(auxiliary, labels)


def main() -> None:
    """Answer until there is nothing more to read."""
    form, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    kernels.select("compiled" if form == "ours" else "torch")
    images = torch.randn(BATCH, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(BATCH) % CLASSES
    known: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {}
    for line in sys.stdin:
        kind, text = line.rstrip("\n").split("\t")
        if text not in known:
            known[text] = (plain if form == "plain" else ours)(Genotype.parse(text), images, labels)
        step = known[text][kind == "score"]
        wall, processor = time.perf_counter(), time.process_time()
        step()
        print(time.perf_counter() - wall, time.process_time() - processor, flush=True)


if __name__ == "__main__":
    main()
