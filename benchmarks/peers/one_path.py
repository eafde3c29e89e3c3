"""A network of one genotype timed step by step, for benchmarks/step.py, which starts this as a process.

    python one_path.py ours|torch|plain THREADS released|small

`ours` is the shared-weight step with compiled kernels, `torch` the same without them, `plain` a one-path
network of torch's own layers in channels_last; `small` has the sizes of that preset's search. Reads lines of
a kind ("train" or "score"), a tab and a genotype, and answers each with the seconds of one step, wall and
processor time.
"""

import sys
import time
from collections.abc import Callable
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor

from nas import kernels
from nas.config import PresetName
from nas.genotype import Genotype
from nas.network import Network
from nas.plan import NetworkConfig
from nas.random import generator, torch_generator
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig

BATCHES: dict[PresetName, int] = {"released": 64, "small": 16}
CLASSES = 10
AUXILIARY_WEIGHT = 0.4
Steps = tuple[Callable[[], None], Callable[[], None]]


def ours(genotype: Genotype, size: SupernetConfig, images: Tensor, labels: Tensor) -> Steps:
    """Training and scoring with shared weights."""
    net = Supernet(size)
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


def plain(genotype: Genotype, size: SupernetConfig, images: Tensor, labels: Tensor) -> Steps:
    """The same path as a network of its own."""
    config = NetworkConfig(
        num_classes=CLASSES,
        channels=size.channels,
        normal_cells=size.normal_cells,
        stem_stride=size.stem_stride,
        dropout_keep=size.dropout_keep,
        drop_path_keep=1,
        search_form=True,
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
    form, threads, preset = sys.argv[1], int(sys.argv[2]), cast(PresetName, sys.argv[3])
    torch.set_num_threads(threads)
    kernels.select("compiled" if form == "ours" else "torch")
    size, batch = SupernetConfig.preset(preset, num_classes=CLASSES), BATCHES[preset]
    images = torch.randn(batch, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(batch) % CLASSES
    known: dict[str, Steps] = {}
    for line in sys.stdin:
        kind, text = line.rstrip("\n").split("\t")
        if text not in known:
            known[text] = (plain if form == "plain" else ours)(Genotype.parse(text), size, images, labels)
        step = known[text][kind == "score"]
        wall, processor = time.perf_counter(), time.process_time()
        step()
        print(time.perf_counter() - wall, time.process_time() - processor, flush=True)


if __name__ == "__main__":
    main()
