"""A search of the temporal space on Ray gives what the same search gives in this process."""

from typing import Any

import numpy as np
import pytest

from cluster.distributed.children import RayChildren
from cluster.distributed.runtime import Runtime
from cluster.distributed.strategies import ActorStrategy
from nas.children import LocalChildren
from nas.config import SearchConfig
from nas.images import TensorImages
from nas.search import Search
from nas.space import TEMPORAL
from nas.strategy import build_strategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig

pytestmark = pytest.mark.ray

SIZE = SupernetConfig(num_classes=3, image_size=16, channels=4, normal_cells=2, num_nodes=2)
CONFIG = SearchConfig.preset(
    "temporal", epochs=2, weight_steps_per_epoch=2, num_shards=3, batch_size=8, controller_steps_per_epoch=2
)


def images(count: int, seed: int) -> TensorImages:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = rng.standard_normal((count, 3, 16, 16)) + labels[:, None, None, None]
    return TensorImages(pixels.astype(np.float32), labels, 3)


def result(search: Search) -> tuple[Any, ...]:
    epochs = [search.run_epoch() for _ in range(2)]
    records = [record.to_dict() for epoch in epochs for record in epoch.records]
    return records, search.children.digest(), search.strategy.sample(4, "derivation", 0)


def test_a_temporal_search_on_ray_equals_one_without(ray_runtime: Runtime) -> None:
    sources = images(24, 1), images(12, 2)
    local = LocalChildren(Supernet(SIZE, TEMPORAL), CONFIG, *sources)
    expected = result(Search(CONFIG, build_strategy(CONFIG, SIZE.num_nodes), local))
    children = RayChildren(ray_runtime, SIZE, CONFIG, *sources)
    strategy = ActorStrategy(ray_runtime, build_strategy(CONFIG, SIZE.num_nodes))
    try:
        assert result(Search(CONFIG, strategy, children)) == expected
    finally:
        strategy.close()
        children.close()
