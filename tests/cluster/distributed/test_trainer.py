"""Trainings from scratch on Ray give what one process alone gives; who dies or dawdles delays itself only."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.exceptions import GetTimeoutError
from torch import Tensor

from cluster.distributed.dispatch import Dispatcher
from cluster.distributed.processes import NotPreparedError
from cluster.distributed.runtime import Runtime
from cluster.distributed.trainer import RayTrainingBackend, Trainer
from cluster.distributed.training_runs import GenotypeSpec, LocalTrainingBackend, TrainingRun
from cluster.interruption import Interrupted, Interruption
from nas.compute_config import ComputeConfig
from nas.images import IntArray
from nas.plan import NetworkConfig
from nas.training_config import TrainingConfig

pytestmark = pytest.mark.ray
EPOCHS = 3
MakeTrainingRuns = Callable[..., list[TrainingRun[Any]]]


@dataclass(frozen=True, eq=False)
class Gated:
    """Images that come when a file is there, or after a minute."""

    images: Any
    gate: Path

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
        deadline = time.monotonic() + 60
        while not self.gate.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.images.batch(indices, rng)


@pytest.fixture(scope="module", autouse=True)
def by_value(ray_runtime: Runtime) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test


@pytest.fixture
def training_runs(searches: Any, tmp_path: Path) -> MakeTrainingRuns:
    """Three genotypes, each with a seed of its own, in folders of their own for every `name`."""
    genotypes = searches.local().strategy.sample(3, "weights", 0)

    def make(name: str, source: Any = None) -> list[TrainingRun[Any]]:
        return [
            TrainingRun(
                f"candidate {seed}",
                GenotypeSpec(
                    genotype=genotype,
                    network=NetworkConfig(
                        num_classes=3, image_size=8, channels=4, normal_cells=1, stem_stride=1
                    ),
                    config=TrainingConfig(epochs=EPOCHS, warmup_epochs=0, seed=seed, ema_decay=0.9),
                    compute=ComputeConfig(),
                ),
                source or searches.sources[0],
                searches.sources[1],
                tmp_path / name / str(seed),
                {},
                checkpoint_seconds=1000,
            )
            for seed, genotype in enumerate(genotypes)
        ]

    return make


@pytest.fixture(scope="module")
def dispatcher(ray_runtime: Runtime) -> Iterator[Dispatcher]:
    """Two workers."""
    dispatcher = Dispatcher(
        [ray_runtime.in_place(Trainer, place) for place in ray_runtime.place(2)],
        lambda actor: actor.prepare.remote(ComputeConfig()),
        shard_seconds=60,
        give_up_seconds=60,
    )
    dispatcher.infos()
    yield dispatcher
    dispatcher.kill()


@pytest.fixture
def trainers(dispatcher: Dispatcher) -> RayTrainingBackend:
    return RayTrainingBackend(dispatcher)


def facts(training_runs: list[TrainingRun[Any]]) -> list[Any]:
    """Everything that trainings gave, without the time."""
    found = []
    for training_run in training_runs:
        rows = [{key: row[key] for key in row if key != "timestamp"} for row in training_run.history]
        weights = {name: value.numpy().tobytes() for name, value in training_run.network.state_dict().items()}
        found.append((rows, training_run.score, weights))
    return found


def ignore(_: TrainingRun[Any]) -> None:
    """No news."""


def run(
    trainers: Any,
    training_runs: list[TrainingRun[Any]],
    progressed: Callable[[TrainingRun[Any]], None] = ignore,
) -> list[Any]:
    with Interruption() as interruption:
        trainers.run(training_runs, progressed, interruption)
    return facts(training_runs)


@pytest.fixture
def expected(training_runs: MakeTrainingRuns) -> list[Any]:
    return run(LocalTrainingBackend(), training_runs("here"))


def test_no_worker_one_and_two_give_the_same_networks_curves_and_scores(
    training_runs: MakeTrainingRuns, dispatcher: Dispatcher, trainers: RayTrainingBackend, expected: list[Any]
) -> None:
    assert run(trainers, training_runs("two")) == expected
    second = dispatcher.workers.pop()
    assert run(trainers, training_runs("one")) == expected
    dispatcher.workers.append(second)


def test_a_worker_killed_in_an_epoch_costs_that_epoch_alone(
    searches: Any,
    training_runs: MakeTrainingRuns,
    dispatcher: Dispatcher,
    trainers: RayTrainingBackend,
    expected: list[Any],
) -> None:
    before = dispatcher.repeated
    killed = training_runs("killed")

    def progressed(training_run: TrainingRun[Any]) -> None:
        if training_run is killed[0] and training_run.epoch == 1:
            searches.set_trap(signal.SIGKILL)

    assert run(trainers, killed, progressed) == expected
    assert not Path(f"/proc/{searches.trapped()}").exists()
    assert dispatcher.repeated == before + 1


def test_a_straggler_holds_up_nobody_else(
    searches: Any, training_runs: MakeTrainingRuns, trainers: RayTrainingBackend, tmp_path: Path
) -> None:
    slow, *others = training_runs("slow")
    slow.source = Gated(searches.sources[0], tmp_path / "open")
    ended: list[str] = []

    def progressed(training_run: TrainingRun[Any]) -> None:
        if training_run.finished:
            ended.append(training_run.name)
        if len(ended) == 2:
            (tmp_path / "open").touch()

    run(trainers, [slow, *others], progressed)
    assert ended == ["candidate 1", "candidate 2", "candidate 0"]


def test_a_stopped_training_is_saved_and_goes_on_anywhere(
    training_runs: MakeTrainingRuns, trainers: RayTrainingBackend, expected: list[Any]
) -> None:
    stopped = training_runs("stopped")

    def progressed(training_run: TrainingRun[Any]) -> None:
        if training_run.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted, match="stopped by SIGINT"):
        run(trainers, stopped, progressed)
    done = [training_run.epoch for training_run in stopped]
    assert max(done) == 2
    again = training_runs("stopped")
    assert [training_run.epoch for training_run in again] == done
    assert run(LocalTrainingBackend(), again) == expected


def test_a_state_that_died_with_its_machine_is_computed_again(
    training_runs: MakeTrainingRuns,
    trainers: RayTrainingBackend,
    expected: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, losses = ray.get, [0, 0]

    def get(references: Any, timeout: float | None = None) -> Any:
        if timeout is not None and losses:
            losses.pop()
            raise GetTimeoutError("it does not come")
        return real(references, timeout=timeout)

    monkeypatch.setattr("cluster.distributed.trainer.ray.get", get)
    assert run(trainers, training_runs("lost")) == expected
    assert losses == []


def test_a_training_that_diverges_ends_all_with_its_error_and_what_was_done_saved(
    training_runs: MakeTrainingRuns, trainers: RayTrainingBackend
) -> None:
    for name, who in (("there", trainers), ("here", LocalTrainingBackend())):
        wild = training_runs(name)
        spec = wild[1].spec
        config = spec.config.model_copy(update={"learning_rate": 1e30})
        wild[1].spec = replace(spec, config=config)
        with pytest.raises(ValueError, match=r"training loss is .* lower `learning_rate`"):
            run(who, wild)
        done = [training_run.epoch for training_run in wild]
        assert [training_run.epoch for training_run in training_runs(name)] == done


def test_a_restarted_process_refuses_until_the_handshake(training_runs: MakeTrainingRuns) -> None:
    training_run = training_runs("new")[0]
    with pytest.raises(NotPreparedError):
        Trainer().advance(training_run.spec, [ray.put(training_run.source)], [], [], 0)
