"""Who does the work of a search: this process alone, or actors on Ray; the result is the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from cluster.config import ExperimentConfig
from cluster.distributed.runtime import Runtime
from cluster.distributed.training_runs import LocalTrainingBackend, TrainingBackend
from cluster.progress import Progress
from cluster.stages.preparation import PreparedExperiment
from nas.children import Children, LocalChildren
from nas.images import ImageSource, fixed_copies
from nas.kernels import select
from nas.space import find_space
from nas.strategy import Strategy, build_strategy
from nas.supernet import Supernet

__all__ = ["SearchBackend", "open_search_backend", "open_training_backend"]


@dataclass(frozen=True, eq=False)
class SearchBackend:
    """Strategy and children of a search, who trains networks from scratch, and the images that all see.

    Attributes:
        train, validation: the parts; validation images are fixed.
    """

    strategy: Strategy
    children: Children
    training: TrainingBackend
    train: ImageSource
    validation: ImageSource


@contextmanager
def open_search_backend(experiment: PreparedExperiment, progress: Progress) -> Iterator[SearchBackend]:
    """The backend that `resources.workers` asks for; Ray is left again at the end.

    Raises:
        ValueError: the cluster cannot be joined or has no room; the data has no validation part.
    """
    config = experiment.config
    train, plain = experiment.search_images()
    validation = fixed_copies(plain, config.validation_copies, config.search.seed)
    supernet = Supernet(experiment.supernet, find_space(config.search.space))
    select(config.resources.kernels)
    if config.resources.workers == 0:
        children = LocalChildren(supernet, config.search, train, validation, config.compute)
        strategy = build_strategy(config.search, supernet.config.num_nodes)
        yield SearchBackend(strategy, children, LocalTrainingBackend(), train, validation)
        return
    from cluster.distributed.children import RayChildren
    from cluster.distributed.strategies import ActorStrategy
    from cluster.distributed.trainer import RayTrainingBackend

    progress.say("starting Ray" if config.resources.address is None else "joining Ray")
    with Runtime(config.resources) as runtime:
        progress.say(f"Ray has {runtime.describe()}")
        hosted = ActorStrategy(runtime, build_strategy(config.search, supernet.config.num_nodes))
        workers = RayChildren(runtime, supernet.config, config.search, train, validation, config.compute)
        yield SearchBackend(hosted, workers, RayTrainingBackend(workers.dispatcher), train, validation)


@contextmanager
def open_training_backend(
    config: ExperimentConfig, workers: int | Literal["auto"], most: int, progress: Progress
) -> Iterator[TrainingBackend]:
    """Who trains networks from scratch: this process (no worker), or `most` workers on Ray at most.

    Raises:
        ValueError: the cluster cannot be joined or has no room.
    """
    if workers == 0:
        yield LocalTrainingBackend()
        return
    from cluster.distributed.dispatch import Dispatcher
    from cluster.distributed.placement import Placement
    from cluster.distributed.trainer import RayTrainingBackend, Trainer

    settings = config.resources.model_copy(update={"workers": workers})
    progress.say("starting Ray" if settings.address is None else "joining Ray")
    with Runtime(settings) as runtime:
        progress.say(f"Ray has {runtime.describe()}")
        placement = Placement(runtime, Trainer, most)
        dispatcher = Dispatcher(
            placement.slots(min(most, runtime.room() or 1 if workers == "auto" else workers)),
            lambda actor: actor.prepare.remote(config.compute),
            shard_seconds=settings.shard_timeout_seconds,
            give_up_seconds=settings.worker_timeout_seconds,
            placement=placement,
        )
        yield RayTrainingBackend(dispatcher)
        dispatcher.kill()
