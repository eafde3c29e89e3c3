"""One local Ray for all tests of a session, a search small enough to be run again and again, and registries.

Every test that asks for `registry` runs on SQLite and on PostgreSQL.
"""

import os
import shutil
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

from cluster.distributed.children import RayChildren
from cluster.distributed.config import RuntimeConfig
from cluster.distributed.runtime import Runtime
from cluster.distributed.strategies import ActorStrategy
from cluster.registry.registry import Registry
from nas.children import LocalChildren
from nas.config import SearchConfig
from nas.images import IntArray, TensorImages
from nas.search import Search
from nas.strategy import build_strategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig


@pytest.fixture(scope="session", autouse=True)
def own_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Searches keep what they sampled in a registry of the tests, not in one of the working directory."""
    with pytest.MonkeyPatch.context() as patch:
        url = f"sqlite:///{tmp_path_factory.mktemp('registry') / 'posenas.db'}"
        patch.setenv("POSENAS_DATABASE", url)
        yield url


@pytest.fixture(scope="session")
def made_databases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Engine -> the address of a registry without jobs, to be copied: making one takes a while."""
    return {}


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path, made_databases: dict[str, str]) -> str:
    """The address of a registry without jobs."""
    made = made_databases.get(request.param)
    if request.param == "sqlite":
        file = tmp_path / "posenas.db"
        if made is None:
            folder = request.getfixturevalue("tmp_path_factory").mktemp("registry")
            made = made_databases["sqlite"] = f"sqlite:///{folder / 'posenas.db'}"
            Registry.open(made).close()
        shutil.copy(made.removeprefix("sqlite:///"), file)
        return f"sqlite:///{file}"
    server = request.getfixturevalue("postgres")
    if made is None:
        made = made_databases["postgresql"] = server.new_database()
        Registry.open(made).close()
    return str(server.new_database(template=made))


@pytest.fixture
def registry(database_url: str) -> Iterator[Registry]:
    with Registry.open(database_url) as registry:
        yield registry


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
    """Images that take their time, and can end or freeze the process that asks for them.

    Delays differ between minibatches, so that shards do not finish in the order in which they began. While
    `trap` is a file whose text is a signal number, the first to ask for a batch takes the file away and
    sends itself that signal: exactly one process, in the middle of a shard.
    """

    images: TensorImages
    trap: Path
    delays: tuple[float, ...] = (0.04, 0.0, 0.02)

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


def images(count: int, seed: int) -> TensorImages:
    """Noise whose mean tells the class."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % SUPERNET.num_classes
    pixels = rng.standard_normal((count, 3, 8, 8)) + labels[:, None, None, None]
    return TensorImages(pixels.astype(np.float32), labels, SUPERNET.num_classes)


class Searches:
    """The same search with and without Ray. Actors are started once: they take seconds.

    Args:
        runtime: Ray.
        folder: where the trap is set.
    """

    config = CONFIG
    supernet = SUPERNET

    def __init__(self, runtime: Runtime, folder: Path) -> None:
        self._trap = folder / "trap"
        self.sources = [Disturbed(images(*what), self._trap) for what in ((24, 1), (12, 2))]
        self.children = RayChildren(runtime, SUPERNET, CONFIG, *self.sources)
        self.strategy = ActorStrategy(runtime, build_strategy(CONFIG, SUPERNET.num_nodes))

    @staticmethod
    def local() -> Search:
        """The search in this process, at its beginning."""
        children = LocalChildren(Supernet(SUPERNET), CONFIG, images(24, 1), images(12, 2))
        return Search(CONFIG, build_strategy(CONFIG, SUPERNET.num_nodes), children)

    def on_ray(self, workers: int = 2) -> Search:
        """The search on Ray, controller and all, at its beginning; with at least so many workers."""
        missing = workers - len(self.children.dispatcher.workers)
        if missing > 0:
            self.children.add_workers(missing)
        self.children.dispatcher.infos()
        search = Search(CONFIG, self.strategy, self.children)
        search.load_state_dict(self.local().state_dict())
        return search

    def set_trap(self, number: signal.Signals) -> None:
        """The next evaluator that fetches images gets this signal."""
        for old in self._trap.parent.glob("trap*"):
            old.unlink()
        self._trap.write_text(str(int(number)))

    def trapped(self, seconds: float = 30.0) -> int:
        """The process that went into the trap; waits for it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for path in self._trap.parent.glob("trap.*"):
                return int(path.suffix[1:])
            time.sleep(0.02)
        raise AssertionError("nobody went into the trap")

    def close(self) -> None:
        self.strategy.close()
        self.children.close()


def outcome(search: Search) -> dict[str, Any]:
    """All that a search gives, from where it stands to its end, to be compared exactly."""
    between_epochs = search.position.phase == "weights" and search.position.step == 0
    records = [] if between_epochs else [*search.epoch_records]
    while not search.finished:
        records.append(search.step())
    return {
        "records": [record.to_dict() for record in records],
        "digest": search.children.digest(),
        "proposals": [str(genotype) for genotype in search.strategy.sample(6, "derivation", 0)],
        "evaluation": search.children.evaluate(search.strategy.sample(3, "derivation", 1)),
        "epoch": search.epoch_metrics().scalars(),
    }


@pytest.fixture(scope="session")
def ray_runtime() -> Iterator[Runtime]:
    """Ray with room for the workers of `searches` and for more beside them."""
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a conftest
    with Runtime(RuntimeConfig(workers=1, worker_timeout_seconds=60), num_cpus=24) as runtime:
        yield runtime


@pytest.fixture(scope="session")
def searches(ray_runtime: Runtime, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searches]:
    """The search of these tests on the session's Ray; begins with one worker."""
    searches = Searches(ray_runtime, tmp_path_factory.mktemp("ray"))
    yield searches
    searches.close()


@pytest.fixture(scope="session")
def run_to_end() -> Callable[[Search], dict[str, Any]]:
    """`outcome`, for tests, which cannot import a conftest."""
    return outcome


@pytest.fixture(scope="session")
def expected() -> dict[str, Any]:
    """What every run of the search must give: that of this process, without Ray."""
    return outcome(Searches.local())
