"""One network trained from several seeds, side by side: how much of an accuracy is chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from cluster.config import ExperimentConfig
from cluster.distributed.teams import open_trainers
from cluster.interruption import Interruption
from cluster.progress import Progress, duration
from cluster.stages.courses import Course, SpecT
from cluster.stages.folder import RunFolder
from cluster.stages.schedule import Remaining
from cluster.tracking.system import SystemMonitor
from cluster.tracking.tracker import MetricPoint, Tracker, epoch_point

__all__ = ["SeedPlan", "Seeds", "train_seeds"]


@dataclass(frozen=True)
class SeedPlan:
    """Which seeds, which of them gives the run's model, on how many workers and threads.

    Attributes:
        seeds: each once.
        main: the run's own.
        workers: Ray workers; 0: this process.
        threads: torch threads of each training.
    """

    seeds: tuple[int, ...]
    main: int
    workers: int | Literal["auto"]
    threads: int

    @classmethod
    def of(
        cls, config: ExperimentConfig, seeds: Sequence[int] | None, workers_named: bool = False
    ) -> "SeedPlan":
        """The seeds asked for, or the experiment's own alone, which stays in this process unless told.

        Raises:
            ValueError: a seed is negative, or there twice.
        """
        own = config.training.seed
        chosen = tuple(seeds) if seeds else (own,)
        wrong = [seed for seed in chosen if seed < 0 or chosen.count(seed) > 1]
        if wrong:
            raise ValueError(f"the seeds are {list(chosen)}; different numbers of 0 or more are needed")
        beside = len(chosen) > 1 or workers_named
        workers = config.resources.workers if beside else 0
        # Trainings beside each other have one thread each: the number of workers is not in the result.
        threads = config.resources.threads or (1 if beside else config.resources.training_threads)
        return cls(chosen, own if own in chosen else chosen[0], workers, threads)


class Seeds(dict[int, Course[SpecT]]):
    """Trainings by seed, made by `course` for every seed of a plan.

    Args:
        plan: the seeds.
        course: makes the training of a seed; its first argument names it for people.
    """

    def __init__(self, plan: SeedPlan, course: Callable[[str, int], Course[SpecT]]) -> None:
        several = len(plan.seeds) > 1
        super().__init__({seed: course(f"seed {seed}  " if several else "", seed) for seed in plan.seeds})
        self.plan = plan

    @property
    def main(self) -> Course[SpecT]:
        """The run's own."""
        return self[self.plan.main]

    @property
    def epoch(self) -> int:
        """Epochs done, of all together."""
        return sum(course.epoch for course in self.values())

    def rows(self) -> list[dict[str, Any]]:
        """The curve of every seed, for training.json."""
        return [{"seed": seed, "epochs": course.history} for seed, course in self.items()]

    def points(self) -> list[MetricPoint]:
        """Everything so far, as it is recorded."""
        return [self.point(course, row) for course in self.values() for row in course.history]

    def point(self, course: Course[SpecT], row: Mapping[str, float]) -> MetricPoint:
        """An epoch as it is recorded: the run's own seed under plain names, others with theirs."""
        point, seed = epoch_point(row), course.spec.config.seed
        if seed == self.plan.main:
            return point
        return replace(point, metrics={f"{name}_seed_{seed}": value for name, value in point.metrics.items()})


def train_seeds(
    seeds: Seeds[SpecT],
    run: RunFolder,
    config: ExperimentConfig,
    command: str,
    progress: Progress,
    tracker: Tracker,
) -> None:
    """Bring all trainings to their end, each from where it is; what is done already is told again.

    Args:
        seeds: the trainings.
        run: where they are kept.
        config: the run's settings.
        command: what a person types to go on after a stop.
        progress: hears of every epoch.
        tracker: told of every epoch.

    Raises:
        ValueError: a training diverges, or the cluster has no room.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
    """
    epochs = config.training.epochs
    total = len(seeds) * epochs
    remaining, monitor = Remaining(total), SystemMonitor(run.started, run.path)

    def progressed(course: Course[SpecT]) -> None:
        row, done = course.history[-1], seeds.epoch
        tracker.log_history([seeds.point(course, row), *monitor.due()])
        progress.advance(done, f"{course.name}accuracy {row['accuracy']:.3f}")
        left = duration(remaining.seconds(done))
        progress.say(f"{course.name}{_epoch_line(row, epochs)}  left {left}")

    tracker.log_history(seeds.points())
    if all(course.finished for course in seeds.values()):
        return
    with (
        open_trainers(config, seeds.plan.workers, len(seeds), progress) as trainers,
        Interruption(f"`{command}` continues exactly here") as interruption,
    ):
        for course in seeds.values():
            for note in course.notes:
                progress.say(note)
        progress.begin("training", total, seeds.epoch)
        remaining.begin(seeds.epoch)
        monitor.watch(trainers.machines)
        trainers.run(list(seeds.values()), progressed, interruption)


def _epoch_line(row: Mapping[str, float], epochs: int) -> str:
    done = int(row["epoch"])
    return (
        f"epoch {done:>{len(str(epochs))}}/{epochs}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}"
    )
