"""Who does the work of a search: this process alone, or actors on Ray; the result is the same."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cluster.distributed.runtime import Runtime
from cluster.progress import Progress
from cluster.stages.preparation import Experiment
from nas.children import Children, LocalChildren
from nas.images import ImageSource, fixed_copies
from nas.strategy import Strategy, build_strategy
from nas.supernet import Supernet

__all__ = ["Team", "open_team"]


@dataclass(frozen=True, eq=False)
class Team:
    """Strategy and children of a search, and the images that they see.

    Attributes:
        train, validation: the parts; validation images are fixed.
    """

    strategy: Strategy
    children: Children
    train: ImageSource
    validation: ImageSource


@contextmanager
def open_team(experiment: Experiment, progress: Progress) -> Iterator[Team]:
    """The team that `resources.workers` asks for; Ray is left again at the end.

    Raises:
        ValueError: the cluster cannot be joined or has no room; the data has no validation part.
    """
    config = experiment.config
    train, plain = experiment.search_images()
    validation = fixed_copies(plain, config.validation_copies, config.search.seed)
    supernet = Supernet(experiment.supernet)
    if config.resources.workers == 0:
        children = LocalChildren(supernet, config.search, train, validation)
        yield Team(build_strategy(config.search, supernet.config.num_nodes), children, train, validation)
        return
    from cluster.distributed.children import RayChildren
    from cluster.distributed.strategies import ActorStrategy

    progress.say("starting Ray" if config.resources.address is None else "joining Ray")
    with Runtime(config.resources) as runtime:
        progress.say(f"Ray has {runtime.describe()}")
        local = build_strategy(config.search, supernet.config.num_nodes)
        strategy = ActorStrategy(runtime, local)
        workers = RayChildren(runtime, supernet.config, config.search, train, validation)
        yield Team(strategy, workers, train, validation)
