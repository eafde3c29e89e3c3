"""The final training of a run: the genotype found, at its full size, on all training sequences."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cluster.classifier import TrainedClassifier
from cluster.config import ExperimentConfig
from cluster.distributed.teams import open_trainers
from cluster.files import write_json
from cluster.interruption import Interruption
from cluster.progress import Progress, SilentProgress, duration
from cluster.recognition.model_folder import RecognitionModel
from cluster.report.results import write_results
from cluster.settings import difference
from cluster.stages.courses import Course, TrainingSpec
from cluster.stages.folder import RunFolder
from cluster.stages.lifted_data import keypoints_of, open_lifter
from cluster.stages.preparation import Experiment, environment
from cluster.stages.schedule import Remaining
from cluster.tracking.recording import Pack, open_tracker, record_model, start_training, watched
from cluster.tracking.system import SystemMonitor
from cluster.tracking.tracker import MetricPoint, Tracker, epoch_point
from encoding.datasets import load
from lifting.mapping import map_confidence, map_joints
from lifting.poses import Keypoints2D, PoseSequence3D
from nas.genotype import Genotype
from nas.images import ImageSource
from nas.network import Network, num_parameters

__all__ = ["TrainingOutcome", "run_training"]

# What may still be changed when the genotype is found.
TRAINING_SETTINGS = ("training", "network", "parameters", "augmentation", "compute")


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """A trained classifier, or one for each seed.

    Attributes:
        folder: the run.
        model: the classifier's folder; with several seeds, that of the experiment's own.
        genotype: its cells.
        num_parameters: that prediction uses.
        epochs: one row of metrics an epoch, of that classifier.
        seeds: all that were trained.
        seconds: of this call.
    """

    folder: Path
    model: Path
    genotype: Genotype
    num_parameters: int
    epochs: tuple[dict[str, float], ...]
    seeds: tuple[int, ...]
    seconds: float


def run_training(
    folder: Path,
    *,
    seeds: Sequence[int] | None = None,
    changes: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    tracker: Tracker | None = None,
) -> TrainingOutcome:
    """Train the genotype of a run from scratch on its training and validation clips, and save the classifier.

    Several seeds give several classifiers, trained side by side on the run's workers, whose spread says how
    much of an accuracy is chance. One training stays in this process unless `changes` names workers.

    Args:
        folder: the run of a finished search.
        seeds: of initial weights, order and augmentation; by default the experiment's `training.seed` alone.
        changes: settings by dotted name to train with, as {"training.epochs": 100}; they become the run's.
            What the genotype was found with cannot be changed; once training has begun, only `resources`.
        progress: hears of every epoch.
        tracker: records the training; by default the one that the experiment names.

    Raises:
        FileNotFoundError: no run, no genotype yet, or no data there.
        ValueError: a change is not allowed, the training diverges, or the cluster has no room.
        BlockingIOError: another process works on the run.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
    """
    progress = progress or SilentProgress()
    run, begin = RunFolder.open(folder), time.perf_counter()
    with run.locked():
        genotype = run.genotype()
        config = _changed(run, changes or {})
        experiment = Experiment.load(config)
        plan = _plan(config, seeds, "resources.workers" in (changes or {}))
        size = num_parameters(Network(genotype, experiment.network(genotype, config.parameters)))
        progress.say(experiment.split.describe())
        progress.say(f"network of {size:,} parameters, {plan.threads} torch threads")
        run.note_environment("training", environment(plan.threads))
        tracker = tracker or open_tracker(config, run, progress)
        start_training(tracker, run, experiment, size)
        with watched(tracker):
            courses = _train(run, experiment, plan, progress, tracker)
            classifier = _save(run, experiment, courses, plan)
            write_results(run, experiment, "training")
            record_model(tracker, run, experiment, classifier, _packing(experiment, classifier))
    return TrainingOutcome(
        folder=run.path,
        model=run.model,
        genotype=genotype,
        num_parameters=size,
        epochs=tuple(courses[plan.main].history),
        seeds=plan.seeds,
        seconds=time.perf_counter() - begin,
    )


def _packing(experiment: Experiment, classifier: TrainedClassifier) -> Pack:
    """The classifier with the lifter whose poses it has learned, if there is one."""

    def pack(folder: Path) -> PoseSequence3D | Keypoints2D:
        poses, clip = experiment.config.poses, experiment.split.train[0]
        lifter = open_lifter(poses) if poses.source == "lifted" else None
        RecognitionModel(classifier=classifier, lifter=lifter, notes=classifier.notes).save(folder)
        if lifter is None:
            return clip.poses
        data = experiment.config.located().data
        sensed = next(one for one in load(data).train if one.name == clip.name)
        seen = keypoints_of(data)(sensed)
        return replace(
            seen,
            xy=map_joints(seen.xy, seen.skeleton, lifter.keypoint_skeleton),
            confidence=map_confidence(seen.confidence, seen.skeleton, lifter.keypoint_skeleton),
            skeleton=lifter.keypoint_skeleton,
        )

    return pack


@dataclass(frozen=True)
class _Plan:
    """Which seeds, which of them gives the run's model, on how many workers and threads."""

    seeds: tuple[int, ...]
    main: int
    workers: int | Literal["auto"]
    threads: int


def _plan(config: ExperimentConfig, seeds: Sequence[int] | None, workers_named: bool) -> _Plan:
    own = config.training.seed
    chosen = tuple(seeds) if seeds else (own,)
    wrong = [seed for seed in chosen if seed < 0 or chosen.count(seed) > 1]
    if wrong:
        raise ValueError(f"the seeds are {list(chosen)}; different numbers of 0 or more are needed")
    beside = len(chosen) > 1 or workers_named
    workers = config.resources.workers if beside else 0
    # Trainings that share the cores have one thread each, so that the number of workers is not in the result.
    threads = config.resources.threads or (1 if beside else config.resources.training_threads)
    return _Plan(chosen, own if own in chosen else chosen[0], workers, threads)


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
    run: RunFolder, experiment: Experiment, plan: _Plan, progress: Progress, tracker: Tracker
) -> dict[int, Course]:
    """All trainings to their end, by seed."""
    config = experiment.config
    clips = experiment.split.development
    source = experiment.images(clips, experiment.statistics(clips))
    courses = {seed: _course(seed, run, experiment, source, plan) for seed in plan.seeds}
    total = len(courses) * config.training.epochs
    remaining, monitor = Remaining(total), SystemMonitor(run.started, run.path)

    def epochs_done() -> int:
        return sum(course.epoch for course in courses.values())

    def progressed(course: Course) -> None:
        row, done = course.history[-1], epochs_done()
        tracker.log_history([_point(course, row, plan), *monitor.due()])
        progress.advance(done, f"{course.name}accuracy {row['accuracy']:.3f}")
        line = _epoch_line(row, config.training.epochs)
        progress.say(f"{course.name}{line}  left {duration(remaining.seconds(done))}")

    tracker.log_history(_point(course, row, plan) for course in courses.values() for row in course.history)

    if all(course.finished for course in courses.values()):
        return courses
    several = f" --seeds {','.join(map(str, plan.seeds))}" if len(courses) > 1 else ""
    command = f"posenas train {run.path}{several}"
    with (
        open_trainers(config, plan.workers, len(courses), progress) as trainers,
        Interruption(f"`{command}` continues exactly here") as interruption,
    ):
        for course in courses.values():
            for note in course.notes:
                progress.say(note)
        progress.begin("training", total, epochs_done())
        remaining.begin(epochs_done())
        monitor.watch(trainers.machines)
        trainers.run(list(courses.values()), progressed, interruption)
    return courses


def _course(seed: int, run: RunFolder, experiment: Experiment, source: ImageSource, plan: _Plan) -> Course:
    config, genotype = experiment.config, run.genotype()
    spec = TrainingSpec(
        genotype=genotype,
        network=experiment.network(genotype, config.parameters),
        config=config.training.model_copy(update={"seed": seed}),
        compute=config.compute,
        threads=plan.threads,
    )
    return Course(
        f"seed {seed}  " if len(plan.seeds) > 1 else "",
        spec,
        source,
        None,
        run.training / f"seed-{seed}",
        config.training_settings(),
        config.resources.training_checkpoint_seconds,
    )


def _point(course: Course, row: Mapping[str, float], plan: _Plan) -> MetricPoint:
    """An epoch as it is recorded: the run's own seed under plain names, others with theirs."""
    point, seed = epoch_point(row), course.spec.config.seed
    if seed == plan.main:
        return point
    return replace(point, metrics={f"{name}_seed_{seed}": value for name, value in point.metrics.items()})


def _epoch_line(row: Mapping[str, float], epochs: int) -> str:
    done = int(row["epoch"])
    return (
        f"epoch {done:>{len(str(epochs))}}/{epochs}  loss {row['loss']:.3f}  accuracy {row['accuracy']:.3f}"
    )


def _save(
    run: RunFolder, experiment: Experiment, courses: Mapping[int, Course], plan: _Plan
) -> TrainedClassifier:
    """Every classifier in its folder; returns that of the run's own seed."""
    classifiers = {seed: _classifier(experiment, course) for seed, course in courses.items()}
    for seed, classifier in classifiers.items():
        classifier.save(run.model if seed == plan.main else run.seed_model(seed))
    write_json(
        run.training_file,
        {
            "seed": plan.main,
            "epochs": courses[plan.main].history,
            "seeds": [{"seed": seed, "epochs": course.history} for seed, course in courses.items()],
        },
    )
    return classifiers[plan.main]


def _classifier(experiment: Experiment, course: Course) -> TrainedClassifier:
    split, network = experiment.split, course.network
    return TrainedClassifier(
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
            "epochs": len(course.history),
            "seed": course.spec.config.seed,
            "configuration": experiment.config.hash,
        },
    )
