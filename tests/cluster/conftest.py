"""One local Ray for all tests of a session, and a search small enough to be run again and again."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from torch import Tensor

from cluster.children import RayChildren
from cluster.runtime import Runtime, RuntimeConfig
from cluster.strategies import ActorStrategy
from nas.children import LocalChildren
from nas.config import SearchConfig
from nas.images import IntArray, TensorImages
from nas.search import Search
from nas.strategy import build_strategy
from nas.supernet import Supernet, SupernetConfig

SUPERNET = SupernetConfig(
    num_classes=3, image_size=8, channels=8, normal_cells=3, num_nodes=2, auxiliary_channels=(8, 16)
)
CONFIG = SearchConfig(
    seed=3,
    epochs=2,
    num_shards=5,
    weight_steps_per_epoch=2,
    num_samples=4,
    controller_steps_per_epoch=2,
    batch_size=8,
    validation_batch_size=6,
)


@dataclass(frozen=True, eq=False)
class Disturbed:
    """Images that can take their time, and can end or freeze the process that asks for them.

    While `trap` is a file whose text is a signal number, the first to ask for a batch takes the file away
    and sends itself that signal: exactly one process, in the middle of a shard.
    """

    images: TensorImages
    delays: tuple[float, ...] = (0.0,)
    trap: Path = Path("/nonexistent")

    @property
    def labels(self) -> IntArray:
        return self.images.labels

    @property
    def num_classes(self) -> int:
        return self.images.num_classes

    @property
    def image_shape(self) -> tuple[int, int, int]:
        return self.images.image_shape

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        time.sleep(self.delays[int(indices[0]) % len(self.delays)])
        taken = self.trap.with_suffix(f".{os.getpid()}")
        try:
            self.trap.rename(taken)
        except FileNotFoundError:
            return self.images.batch(indices, rng)
        os.kill(os.getpid(), int(taken.read_text()))
        return self.images.batch(indices, rng)


class SearchCase:
    """Builds searches over the same data, alike in everything but who computes them."""

    supernet = SUPERNET
    config = CONFIG

    def __init__(self, runtime: Runtime | None, folder: Path) -> None:
        self.runtime = runtime
        self.trap = folder / "trap"
        self._open: list[Any] = []

    def images(self, count: int, seed: int) -> TensorImages:
        """Noise whose mean tells the class."""
        rng = np.random.default_rng(seed)
        labels = np.arange(count) % SUPERNET.num_classes
        images = rng.standard_normal((count, 3, 8, 8)) + labels[:, None, None, None]
        return TensorImages(images.astype(np.float32), labels, SUPERNET.num_classes)

    def local(self, **changes: Any) -> Search:
        """The search in this process."""
        config = CONFIG.model_copy(update=changes)
        children = LocalChildren(Supernet(SUPERNET), config, self.images(24, 1), self.images(12, 2))
        return Search(config, build_strategy(config, SUPERNET.num_nodes), children)

    def children(
        self, workers: int, delays: tuple[float, ...] = (0.0,), config: SearchConfig = CONFIG, **settings: Any
    ) -> RayChildren:
        """Children over `workers` evaluators."""
        assert self.runtime is not None
        runtime = Runtime(RuntimeConfig(workers=workers, worker_timeout_seconds=60, **settings))
        runtime.__enter__()
        train, validation = (Disturbed(self.images(*what), delays, self.trap) for what in ((24, 1), (12, 2)))
        children = RayChildren(runtime, SUPERNET, config, train, validation)
        self._open += [runtime, children]
        return children

    def on_ray(self, workers: int, **settings: Any) -> Search:
        """The search on Ray, controller and all."""
        children = self.children(workers, **settings)
        assert self.runtime is not None
        strategy = ActorStrategy(self.runtime, build_strategy(CONFIG, SUPERNET.num_nodes))
        self._open.append(strategy)
        return Search(CONFIG, strategy, children)

    def set_trap(self, number: signal.Signals) -> None:
        """The next evaluator that fetches images gets this signal."""
        self.trap.write_text(str(int(number)))

    def trapped(self, seconds: float = 20.0) -> int:
        """The process that went into the trap; waits for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for path in self.trap.parent.glob("trap.*"):
                return int(path.suffix[1:])
            time.sleep(0.02)
        raise AssertionError("nobody went into the trap")

    def close(self) -> None:
        for item in reversed(self._open):
            item.__exit__(None, None, None) if isinstance(item, Runtime) else item.close()


def outcome(search: Search) -> dict[str, Any]:
    """All that a search gives, from where it stands to its end: to be compared exactly."""
    records = []
    while not search.finished:
        records.append(search.step().to_dict())
    return {
        "records": records,
        "digest": search.children.digest(),
        "proposals": [str(genotype) for genotype in search.strategy.sample(6, "derivation", 0)],
        "evaluation": search.children.evaluate(search.strategy.sample(3, "derivation", 1)),
        "epoch": search.epoch_metrics().scalars(),
    }


@pytest.fixture(scope="session")
def ray_runtime() -> Iterator[Runtime]:
    """Ray with room for four workers; tests make children of their own and close them."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a conftest
    with Runtime(RuntimeConfig(workers=1), num_cpus=4) as runtime:
        yield runtime


@pytest.fixture
def case(ray_runtime: Runtime, tmp_path: Path) -> Iterator[SearchCase]:
    """Searches on the session's Ray."""
    case = SearchCase(ray_runtime, tmp_path)
    yield case
    case.close()


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every run of the search must give: that of this process, without Ray."""
    return outcome(SearchCase(None, tmp_path_factory.mktemp("local")).local())


@pytest.fixture(scope="session")
def run_to_end() -> Callable[[Search], dict[str, Any]]:
    """`outcome`, for tests, which cannot import a conftest."""
    return outcome
