"""ENAS micro is one search space of several, and stays what it was when it was the only one, bit for bit.

The numbers were recorded before other spaces existed. Those of trained weights hold for one build of torch on
one kind of processor, because kernels differ in their rounding; elsewhere that comparison is skipped.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from nas.children import LocalChildren
from nas.config import SearchConfig
from nas.export import network_source
from nas.genotype import Genotype
from nas.images import TensorImages
from nas.network import Network
from nas.plan import NetworkConfig
from nas.random import generator, torch_generator
from nas.search import Search
from nas.strategy import build_strategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig

RECORDED_ON = ("2.13.0+cpu", "AVX512")
GENOTYPE = "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"
SIZE = SupernetConfig(
    num_classes=3, image_size=8, channels=4, normal_cells=3, num_nodes=3, auxiliary_channels=(4, 4)
)


def sha256(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else str(part).encode())
    return digest.hexdigest()[:16]


def images(count: int, key: int) -> TensorImages:
    """Three classes that a brighter channel tells apart."""
    rng = generator(key, "images")
    labels = rng.integers(0, 3, count)
    pixels = rng.standard_normal((count, 3, 8, 8))
    pixels[np.arange(count), labels] += 2.0
    return TensorImages(pixels.astype(np.float32), labels, 3)


def state(network: Network) -> str:
    return sha256(*(part for name, value in network.state_dict().items() for part in (name, value.numpy())))


def search(strategy: str) -> tuple[Search, LocalChildren]:
    config = SearchConfig.preset(
        "small", epochs=2, weight_steps_per_epoch=3, controller_steps_per_epoch=2, strategy=strategy
    )
    children = LocalChildren(Supernet(SIZE), config, images(30, 0), images(20, 1))
    return Search(config, build_strategy(config, 3), children), children


def texts(genotypes: list[Genotype]) -> str:
    return sha256(*(str(genotype) for genotype in genotypes))


def drawn_without_training() -> Mapping[str, str]:
    """Values that depend on random numbers and shapes, not on the kernels of a processor."""
    net, genotype = Supernet(SIZE), Genotype.parse(GENOTYPE)
    network = Network(genotype, NetworkConfig.preset("small", num_classes=5, channels=8), seed=3)
    layout = net.layout
    samples = [
        build_strategy(SearchConfig(strategy=s), 5).sample(20, "weights", 3) for s in ("enas", "random")
    ]
    return {
        "layout": sha256(layout.size, *layout.specs.values()),
        "initial weights": sha256(net.initial_weights(7).numpy()),
        "used": sha256(*(net.used(g) for g in build_strategy(SearchConfig(), 3).sample(5, "t", 0))),
        "enas samples": texts(samples[0]),
        "random samples": texts(samples[1]),
        "network": state(network),
        "source": sha256(network_source(network, list("abcde"))),
        "json": sha256(genotype.to_json(), json.dumps(genotype.to_numbers())),
    }


def after_a_search(strategy: str) -> Mapping[str, str]:
    """Shared weights, records and strategy after two epochs; a final network's answers."""
    one, children = search(strategy)
    epochs = [one.run_epoch() for _ in range(2)]
    records = [record.to_dict() for epoch in epochs for record in epoch.records]
    learned = one.strategy.state_dict().get("parameters", {})
    network = Network(epochs[-1].best_genotype, NetworkConfig.preset("small", num_classes=3, image_size=8))
    logits, _ = network.training_logits(
        torch.from_numpy(images(6, 2).images), 0.5, torch_generator(0, "test")
    )
    return {
        "shared weights": children.digest()[:16],
        "records": sha256(json.dumps(records)),
        "strategy": sha256(*(part for n, v in learned.items() for part in (n, v.detach().numpy()))),
        "logits": sha256(logits.detach().numpy()),
    }


DRAWN: dict[str, str] = {
    "enas samples": "1e18e4390354bf4a",
    "initial weights": "578ba3967623ce10",
    "json": "aabad2c9cc7c9244",
    "layout": "6d009219f1de8f6f",
    "network": "990bbca7861b1ffd",
    "random samples": "c1600e4f208126e0",
    "source": "fa43fb6f64f6c7a3",
    "used": "0df57bd287aaf53a",
}
SEARCHED: dict[str, dict[str, str]] = {
    "enas": {
        "logits": "c6f0554a63a2f573",
        "records": "ad4be18fb80b2d82",
        "shared weights": "87f6bfef74872ae7",
        "strategy": "3d5d8aa513177072",
    },
    "random": {
        "logits": "d6f74e7f1f82da7f",
        "records": "dca5f55b16ce937e",
        "shared weights": "7d671ab313db8203",
        "strategy": "e3b0c44298fc1c14",
    },
}


def test_names_shapes_random_numbers_and_notation_are_those_of_before() -> None:
    assert drawn_without_training() == DRAWN


@pytest.mark.parametrize("strategy", ["enas", "random"])
def test_a_search_gives_the_weights_of_before(strategy: str) -> None:
    here = (torch.__version__, torch.backends.cpu.get_cpu_capability())
    if here != RECORDED_ON:
        pytest.skip(f"recorded with torch {' and '.join(RECORDED_ON)}; here are {' and '.join(here)}")
    assert after_a_search(strategy) == SEARCHED[strategy]
