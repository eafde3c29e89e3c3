"""One network trained from several seeds, side by side: how much of an accuracy is chance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from cluster.config import ExperimentConfig
from cluster.distributed.training_runs import SpecT, TrainingRun
from cluster.interruption import Interruption
from cluster.progress import Progress, duration
from cluster.schedule import Remaining
from cluster.stages.backends import open_training_backend
from cluster.stages.folder import RunFolder
from cluster.tracking.system import SystemMonitor
from cluster.tracking.tracker import MetricPoint, Tracker, epoch_point
from nas.images import ImageSource
from nas.training_config import TrainingConfig

__all__ = ["SeedPlan", "Seeds"]


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
        """The seeds asked for, or the experiment's own alone, which stays in this process by default.

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


class Seeds(dict[int, TrainingRun[SpecT]]):
    """The trainings of a run by seed, each where it was left.

    Args:
        plan: the seeds.
        run: keeps them.
        config: the run's settings.
        source: training images.
        spec: the training of a network with these settings, on this many threads.
    """

    def __init__(
        self,
        plan: SeedPlan,
        run: RunFolder,
        config: ExperimentConfig,
        source: ImageSource,
        spec: Callable[[TrainingConfig, int], SpecT],
    ) -> None:
        several = len(plan.seeds) > 1
        super().__init__(
            {
                seed: TrainingRun(
                    f"seed {seed}  " if several else "",
                    spec(config.training.model_copy(update={"seed": seed}), plan.threads),
                    source,
                    None,
                    run.training / f"seed-{seed}",
                    config.training_settings(),
                    config.resources.training_checkpoint_seconds,
                )
                for seed in plan.seeds
            }
        )
        self.plan, self._run, self._config = plan, run, config

    @property
    def main(self) -> TrainingRun[SpecT]:
        """The run's own."""
        return self[self.plan.main]

    @property
    def epoch(self) -> int:
        """Epochs done, of all together."""
        return sum(training_run.epoch for training_run in self.values())

    def rows(self) -> list[dict[str, Any]]:
        """The curve of every seed, for training.json."""
        return [{"seed": seed, "epochs": training_run.history} for seed, training_run in self.items()]

    @property
    def option(self) -> str:
        """How a command names them, with a blank before; empty for a single one."""
        return f" --seeds {','.join(map(str, self))}" if len(self) > 1 else ""

    def train(self, command: str, progress: Progress, tracker: Tracker) -> None:
        """Bring all trainings to their end, each from where it is; what is done already is reported again.

        Args:
            command: what a person types to go on after a stop, but for the seeds.
            progress: receives every epoch.
            tracker: records every epoch.

        Raises:
            ValueError: a training diverges, or the cluster has no room.
            Interrupted: SIGINT or SIGTERM came; the state is saved.
        """
        epochs = self._config.training.epochs
        total = len(self) * epochs
        remaining, monitor = Remaining(total), SystemMonitor(self._run.started, self._run.path)

        def progressed(training_run: TrainingRun[SpecT]) -> None:
            row, done = training_run.history[-1], self.epoch
            tracker.log_history([self._point(training_run, row), *monitor.due()])
            progress.advance(done, f"{training_run.name}accuracy {row['accuracy']:.3f}")
            left = duration(remaining.seconds(done))
            progress.say(f"{training_run.name}{_epoch_line(row, epochs)}  left {left}")

        tracker.log_history(
            self._point(training_run, row) for training_run in self.values() for row in training_run.history
        )
        if all(training_run.finished for training_run in self.values()):
            return
        with (
            open_training_backend(self._config, self.plan.workers, len(self), progress) as trainers,
            Interruption(f"`{command}{self.option}` continues exactly here") as interruption,
        ):
            for training_run in self.values():
                for note in training_run.notes:
                    progress.say(note)
            progress.begin("training", total, self.epoch)
            remaining.begin(self.epoch)
            monitor.watch(trainers.machines)
            trainers.run(list(self.values()), progressed, interruption)

    def _point(self, training_run: TrainingRun[SpecT], row: Mapping[str, float]) -> MetricPoint:
        """An epoch as it is recorded: the run's own seed under plain names, others with theirs."""
        point, seed = epoch_point(row), training_run.spec.config.seed
        if seed == self.plan.main:
            return point
        return replace(point, metrics={f"{name}_seed_{seed}": value for name, value in point.metrics.items()})


def _epoch_line(row: Mapping[str, float], epochs: int) -> str:
    done = int(row["epoch"])
    return (
        f"epoch {done:>{len(str(epochs))}}/{epochs}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}"
    )
