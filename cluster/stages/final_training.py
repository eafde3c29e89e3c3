"""The final training of a run: the genotype found, at its full size, on all training sequences."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.classifier import TrainedClassifier
from cluster.config import ExperimentConfig
from cluster.files import write_json
from cluster.interruption import Interruption
from cluster.progress import Progress, SilentProgress, duration
from cluster.report.results import write_results
from cluster.settings import difference
from cluster.stages.folder import RunFolder
from cluster.stages.preparation import Experiment, environment, torch_threads
from cluster.stages.schedule import Remaining
from cluster.stages.training import train_network
from cluster.tracking.recording import open_tracker, record_model, start_training, watched
from cluster.tracking.system import SystemMonitor
from cluster.tracking.tracker import Tracker, epoch_point
from nas.genotype import Genotype
from nas.network import Network, num_parameters

__all__ = ["TrainingOutcome", "run_training"]

# What may still be changed when the genotype is found.
TRAINING_SETTINGS = ("training", "network", "parameters", "augmentation")


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """A trained classifier.

    Attributes:
        folder: the run.
        model: the classifier's folder.
        genotype: its cells.
        num_parameters: that prediction uses.
        epochs: one row of metrics an epoch.
        seconds: of this call.
    """

    folder: Path
    model: Path
    genotype: Genotype
    num_parameters: int
    epochs: tuple[dict[str, float], ...]
    seconds: float


def run_training(
    folder: Path,
    *,
    changes: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    tracker: Tracker | None = None,
) -> TrainingOutcome:
    """Train the genotype of a run from scratch on its training and validation clips, and save the classifier.

    A training that was interrupted goes on where it was; one that is finished is not repeated.

    Args:
        folder: a run that has a genotype.
        changes: settings of the final training by dotted name, as {"training.epochs": 200}, before its first
            epoch; `resources` and `tracking` at any time.
        progress: hears of every epoch.
        tracker: records the training; by default the one that the experiment names.

    Raises:
        FileNotFoundError: no run, no genotype, or no data there.
        BlockingIOError: another process works on the run.
        ValueError: a setting does not fit, or the training has begun with others.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
    """
    progress = progress or SilentProgress()
    run, begin = RunFolder.open(folder), time.perf_counter()
    with run.locked():
        genotype = run.genotype()
        config = _changed(run, changes or {})
        experiment = Experiment.load(config)
        threads = config.resources.training_threads
        network = Network(genotype, experiment.network(genotype, config.parameters), config.training.seed)
        progress.say(experiment.split.describe())
        progress.say(f"network of {num_parameters(network):,} parameters, {threads} torch threads")
        run.note_environment("training", environment(threads))
        tracker = tracker or open_tracker(config, progress)
        start_training(tracker, run, experiment, num_parameters(network))
        with watched(tracker):
            with torch_threads(threads):
                history = _train(run, experiment, network, progress, tracker)
            classifier = _save(run, experiment, network, history)
            write_results(run, experiment, "training")
            record_model(tracker, run, experiment, classifier)
    return TrainingOutcome(
        folder=run.path,
        model=run.model,
        genotype=genotype,
        num_parameters=num_parameters(network),
        epochs=tuple(history),
        seconds=time.perf_counter() - begin,
    )


def _changed(run: RunFolder, changes: Mapping[str, Any]) -> ExperimentConfig:
    """The run's settings with changes; those that the result depends on only while nothing is trained."""
    before = run.config()
    after = before.changed(changes)
    differing = difference(before.result_settings(), after.result_settings())
    for name, was, now in differing:
        if name.split(".")[0] not in TRAINING_SETTINGS:
            raise ValueError(
                f"{name} is {was!r} in {run.path} and cannot become {now!r}: the genotype was found with it"
            )
    if differing and run.training.exists():
        name, was, now = differing[0]
        raise ValueError(
            f"the training in {run.path} has begun with {name} {was!r} and cannot go on with {now!r}; "
            f"remove {run.training} to begin anew"
        )
    run.replace_config(after)
    run.training.mkdir(exist_ok=True)
    return after


def _train(
    run: RunFolder, experiment: Experiment, network: Network, progress: Progress, tracker: Tracker
) -> list[dict[str, float]]:
    config = experiment.config
    clips = experiment.split.development
    source = experiment.images(clips, experiment.statistics(clips))
    epochs = config.training.epochs
    remaining = Remaining(epochs)

    monitor = SystemMonitor(run.started, run.path)

    def taken_up(rows: Sequence[Mapping[str, float]]) -> None:
        tracker.log_history(epoch_point(row) for row in rows)
        progress.begin("training", epochs, len(rows))
        remaining.begin(len(rows))

    def epoch_done(row: Mapping[str, float]) -> None:
        done = int(row["epoch"])
        tracker.log_history([epoch_point(row), *monitor.due()])
        progress.advance(done, f"accuracy {row['accuracy']:.3f}")
        progress.say(
            f"epoch {done:>{len(str(epochs))}}/{epochs}  loss {row['loss']:.3f}  "
            f"accuracy {row['accuracy']:.3f}  left {duration(remaining.seconds(done))}"
        )

    with Interruption(f"`posenas train {run.path}` continues exactly here") as interruption:
        return train_network(
            network,
            source,
            config.training,
            run.training,
            progress=progress,
            interruption=interruption,
            checkpoint_seconds=config.resources.checkpoint_seconds,
            context=config.training_settings(),
            taken_up=taken_up,
            epoch_done=epoch_done,
        )


def _save(
    run: RunFolder, experiment: Experiment, network: Network, history: list[dict[str, float]]
) -> TrainedClassifier:
    split = experiment.split
    classifier = TrainedClassifier(
        network=network.eval(),
        class_names=split.class_names,
        skeleton=split.skeleton,
        num_people=split.num_people,
        encoding=experiment.config.encoding,
        statistics=experiment.statistics(split.development),
        notes={
            "data": split.name,
            "training_clips": len(split.development),
            "parameters": num_parameters(network),
            "epochs": len(history),
            "configuration": experiment.config.hash,
        },
    )
    classifier.save(run.model)
    write_json(run.training_file, {"epochs": history})
    return classifier
