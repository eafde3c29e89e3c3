"""The final training of a run: the genotype found, at its full size, on all training sequences."""

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from cluster.config import TRAINING_SETTINGS, ExperimentConfig
from cluster.distributed.training_runs import GenotypeSpec, TrainingRun
from cluster.files import write_json
from cluster.last_words import LastWords
from cluster.progress import Progress, SilentProgress, duration
from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.learned import LearnedPoses, window_config
from cluster.recognition.model_folder import RecognitionModel
from cluster.settings import difference
from cluster.stages.data_identity import keep_fingerprint, load_to_learn
from cluster.stages.folder import RunFolder
from cluster.stages.kernels import kernels_of
from cluster.stages.lifted_data import keypoints_of, open_lifter
from cluster.stages.pictures import write_results
from cluster.stages.preparation import PreparedExperiment
from cluster.stages.recording import Pack, open_tracker, record_model, start_training
from cluster.stages.seeds import SeedPlan, Seeds
from cluster.tracking.facts import environment
from cluster.tracking.opening import watched
from cluster.tracking.tracker import Tracker
from encoding.datasets import load
from lifting.mapping import map_confidence, map_joints
from lifting.poses import Keypoints2D, PoseSequence3D
from nas.genotype import Genotype
from nas.network import Network, num_parameters
from nas.training_config import TrainingConfig

__all__ = ["Partner", "TrainingOutcome", "run_training"]

Partner = Literal["kernels"]

# What may still be changed when the genotype is found.


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

    def lines(self) -> list[str]:
        """For a person: the size of the network, and where it lies."""
        seeds = f", {len(self.seeds)} seeds" if len(self.seeds) > 1 else ""
        return [
            f"trained   {self.num_parameters:,} parameters, {len(self.epochs)} epochs, "
            f"{duration(self.seconds)}{seeds}",
            f"model     {self.model}",
            f"next      posenas evaluate {self.folder}",
        ]


def run_training(
    folder: Path,
    *,
    seeds: Sequence[int] | None = None,
    changes: Mapping[str, Any] | None = None,
    partner: Partner | None = None,
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
        partner: "kernels": random kernels with a ridge are fitted on the same clips, and the evaluation
            scores them and the networks as one, half and half. None: that of an earlier call, if any.
        progress: receives every epoch.
        tracker: records the training; by default the one that the experiment names.

    Raises:
        FileNotFoundError: no run, no genotype yet, or no data there.
        ValueError: a change is not allowed, the training diverges, or the cluster has no room.
        BlockingIOError: another process works on the run.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
    """
    if partner is not None and partner not in get_args(Partner):
        raise ValueError(f"a network cannot be trained with {partner!r}; kernels is the one partner")
    progress = progress or SilentProgress()
    run, begin = RunFolder.open(folder), time.perf_counter()
    with run.locked():
        genotype = run.genotype()
        config = _changed(run, changes or {})
        data = load_to_learn(run, config)
        experiment = data.experiment
        keep_fingerprint(run, experiment)
        plan = SeedPlan.of(config, seeds, "resources.workers" in (changes or {}))
        size = num_parameters(Network(genotype, experiment.network(genotype, config.parameters)))
        data.say(progress)
        progress.say(f"network of {size:,} parameters, {plan.threads} torch threads")
        run.note_environment("training", environment(plan.threads))
        tracker = tracker or open_tracker(config, run, progress)
        start_training(tracker, run, experiment, size)
        command = f"posenas train {shlex.quote(str(run.path))}"
        with watched(tracker), LastWords(f"`{command}` continues exactly here"):
            training_runs = _courses(run, experiment, plan)
            training_runs.train(command, progress, tracker)
            if partner is not None:
                kernels_of(run, experiment, config.training.seed, plan.threads, progress)
            classifier = _save(run, experiment, training_runs, partner or run.partner)
            write_results(run, experiment, "training")
            record_model(tracker, run, experiment, classifier, _packing(experiment, classifier))
    return TrainingOutcome(
        folder=run.path,
        model=run.model,
        genotype=genotype,
        num_parameters=size,
        epochs=tuple(training_runs.main.history),
        seeds=plan.seeds,
        seconds=time.perf_counter() - begin,
    )


def _packing(experiment: PreparedExperiment, classifier: TrainedClassifier) -> Pack:
    """The classifier with the lifter whose poses it has learned, if there is one."""

    def pack(folder: Path) -> PoseSequence3D | Keypoints2D:
        poses, clip = experiment.config.poses, experiment.split.train[0]
        lifter = open_lifter(poses) if poses.source == "lifted" else None
        RecognitionModel(
            classifier=classifier,
            lifter=lifter,
            windows=window_config(classifier.learned),
            notes=classifier.notes,
        ).save(folder)
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


def _changed(run: RunFolder, changes: Mapping[str, Any]) -> ExperimentConfig:
    """The run's settings with changes; those that the result depends on only while nothing is trained."""
    before = run.config()
    after = before.changed(changes)
    for name, value in (after.final_augmentation or {}).items():
        if f"augmentation.{name}" in changes:
            raise ValueError(
                f"augmentation.{name} would change nothing in the final training, where "
                f"final_augmentation.{name} is {value:g}; change that one"
            )
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


def _courses(run: RunFolder, experiment: PreparedExperiment, plan: SeedPlan) -> Seeds[GenotypeSpec]:
    config, genotype, clips = experiment.config, run.genotype(), experiment.split.development
    network = experiment.network(genotype, config.parameters)

    def spec(training: TrainingConfig, threads: int) -> GenotypeSpec:
        return GenotypeSpec(
            genotype=genotype, network=network, config=training, compute=config.compute, threads=threads
        )

    source = experiment.images(clips, experiment.statistics(clips), config.training_augmentation)
    return Seeds(plan, run, config, source, spec)


def _save(
    run: RunFolder,
    experiment: PreparedExperiment,
    training_runs: Seeds[GenotypeSpec],
    partner: str | None,
) -> TrainedClassifier:
    """Every classifier in its folder; returns that of the run's own seed."""
    main = training_runs.plan.main
    classifiers = {
        seed: _classifier(experiment, training_run) for seed, training_run in training_runs.items()
    }
    for seed, classifier in classifiers.items():
        classifier.save(run.model if seed == main else run.seed_model(seed))
    content = {"seed": main, "epochs": training_runs.main.history, "seeds": training_runs.rows()}
    write_json(run.training_file, content if partner is None else {**content, "partner": partner})
    return classifiers[main]


def _classifier(experiment: PreparedExperiment, training_run: TrainingRun[GenotypeSpec]) -> TrainedClassifier:
    split, network = experiment.split, training_run.network
    assert isinstance(network, Network)  # a genotype's
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
            "epochs": len(training_run.history),
            "seed": training_run.spec.config.seed,
            "configuration": experiment.config.hash,
        },
        learned=LearnedPoses.of([clip.poses for clip in split.development]),
    )
