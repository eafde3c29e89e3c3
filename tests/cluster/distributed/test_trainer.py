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

from cluster.distributed.courses import Course, GenotypeSpec, LocalTrainers
from cluster.distributed.dispatch import Dispatcher
from cluster.distributed.processes import NotPreparedError
from cluster.distributed.runtime import Runtime
from cluster.distributed.trainer import RayTrainers, Trainer
from cluster.interruption import Interrupted, Interruption
from nas.compute import ComputeConfig
from nas.images import IntArray
from nas.network import NetworkConfig
from nas.train import TrainingConfig

pytestmark = pytest.mark.ray
EPOCHS = 3
MakeCourses = Callable[..., list[Course[Any]]]


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
def courses(searches: Any, tmp_path: Path) -> MakeCourses:
    """Three genotypes, each with a seed of its own, in folders of their own for every `name`."""
    genotypes = searches.local().strategy.sample(3, "weights", 0)

    def make(name: str, source: Any = None) -> list[Course[Any]]:
        return [
            Course(
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
def trainers(dispatcher: Dispatcher) -> RayTrainers:
    return RayTrainers(dispatcher)


def facts(courses: list[Course[Any]]) -> list[Any]:
    """Everything that trainings gave, without the time."""
    found = []
    for course in courses:
        rows = [{key: row[key] for key in row if key != "timestamp"} for row in course.history]
        weights = {name: value.numpy().tobytes() for name, value in course.network.state_dict().items()}
        found.append((rows, course.score, weights))
    return found


def ignore(_: Course[Any]) -> None:
    """No news."""


def run(
    trainers: Any, courses: list[Course[Any]], progressed: Callable[[Course[Any]], None] = ignore
) -> list[Any]:
    with Interruption() as interruption:
        trainers.run(courses, progressed, interruption)
    return facts(courses)


@pytest.fixture
def expected(courses: MakeCourses) -> list[Any]:
    return run(LocalTrainers(), courses("here"))


def test_no_worker_one_and_two_give_the_same_networks_curves_and_scores(
    courses: MakeCourses, dispatcher: Dispatcher, trainers: RayTrainers, expected: list[Any]
) -> None:
    assert run(trainers, courses("two")) == expected
    second = dispatcher.workers.pop()
    assert run(trainers, courses("one")) == expected
    dispatcher.workers.append(second)


def test_a_worker_killed_in_an_epoch_costs_that_epoch_alone(
    searches: Any, courses: MakeCourses, dispatcher: Dispatcher, trainers: RayTrainers, expected: list[Any]
) -> None:
    before = dispatcher.repeated
    killed = courses("killed")

    def progressed(course: Course[Any]) -> None:
        if course is killed[0] and course.epoch == 1:
            searches.set_trap(signal.SIGKILL)

    assert run(trainers, killed, progressed) == expected
    assert not Path(f"/proc/{searches.trapped()}").exists()
    assert dispatcher.repeated == before + 1


def test_a_straggler_holds_up_nobody_else(
    searches: Any, courses: MakeCourses, trainers: RayTrainers, tmp_path: Path
) -> None:
    slow, *others = courses("slow")
    slow.source = Gated(searches.sources[0], tmp_path / "open")
    ended: list[str] = []

    def progressed(course: Course[Any]) -> None:
        if course.finished:
            ended.append(course.name)
        if len(ended) == 2:
            (tmp_path / "open").touch()

    run(trainers, [slow, *others], progressed)
    assert ended == ["candidate 1", "candidate 2", "candidate 0"]


def test_a_stopped_training_is_saved_and_goes_on_anywhere(
    courses: MakeCourses, trainers: RayTrainers, expected: list[Any]
) -> None:
    stopped = courses("stopped")

    def progressed(course: Course[Any]) -> None:
        if course.epoch == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted, match="stopped by SIGINT"):
        run(trainers, stopped, progressed)
    done = [course.epoch for course in stopped]
    assert max(done) == 2
    again = courses("stopped")
    assert [course.epoch for course in again] == done
    assert run(LocalTrainers(), again) == expected


def test_a_state_that_died_with_its_machine_is_computed_again(
    courses: MakeCourses, trainers: RayTrainers, expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, losses = ray.get, [0, 0]

    def get(references: Any, timeout: float | None = None) -> Any:
        if timeout is not None and losses:
            losses.pop()
            raise GetTimeoutError("it does not come")
        return real(references, timeout=timeout)

    monkeypatch.setattr("cluster.distributed.trainer.ray.get", get)
    assert run(trainers, courses("lost")) == expected
    assert losses == []


def test_a_training_that_diverges_ends_all_with_its_error_and_what_was_done_saved(
    courses: MakeCourses, trainers: RayTrainers
) -> None:
    for name, who in (("there", trainers), ("here", LocalTrainers())):
        wild = courses(name)
        spec = wild[1].spec
        config = spec.config.model_copy(update={"learning_rate": 1e30})
        wild[1].spec = replace(spec, config=config)
        with pytest.raises(ValueError, match=r"training loss is .* lower `learning_rate`"):
            run(who, wild)
        done = [course.epoch for course in wild]
        assert [course.epoch for course in courses(name)] == done


def test_a_restarted_process_refuses_until_it_is_greeted(courses: MakeCourses) -> None:
    course = courses("new")[0]
    with pytest.raises(NotPreparedError):
        Trainer().advance(course.spec, [ray.put(course.source)], [], [], 0)
