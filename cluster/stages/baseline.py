"""What a run is held against: random kernels, a network made by hand, or the nearest neighbor, on its data.

Of a network made by hand, everything else is the experiment's: split, encoding, augmentation, training,
parameter budget. So a difference between `baseline.json` here and `evaluation.json` there is one of the
networks. Random kernels have images and augmentation of their own (the settings `kernels`).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.config import ExperimentConfig
from cluster.distributed.training_runs import BaselineSpec
from cluster.files import write_atomically, write_json
from cluster.progress import Progress, SilentProgress
from cluster.report.figures import confusion_counts, confusion_figure
from cluster.scores import prediction_rows, score_metrics, scores_of
from cluster.stages.answers import named_alone, test_answers
from cluster.stages.comparisons import COMPARISONS, Comparison
from cluster.stages.data_identity import keep_fingerprint, load_to_learn
from cluster.stages.evaluation import accuracy_of, together
from cluster.stages.folder import RunFolder
from cluster.stages.kernels import describe_kernels, fit_kernels_on
from cluster.stages.latency import median_latency, median_milliseconds
from cluster.stages.preparation import PreparedExperiment
from cluster.stages.recording import open_tracker
from cluster.stages.seeds import SeedPlan, Seeds
from cluster.tracking.facts import as_csv, environment, environment_tags
from cluster.tracking.opening import watched
from cluster.tracking.tracker import SPLIT, Tracker
from encoding.augmentation import AugmentationConfig
from nas.baselines import BaselineKind, baseline_for_budget, nearest_neighbor
from nas.draw import save_figure
from nas.evaluate import evaluate
from nas.image_classifier import num_parameters
from nas.threads import torch_threads
from nas.training_config import TrainingConfig

__all__ = ["BaselineOutcome", "run_baseline"]


@dataclass(frozen=True, kw_only=True)
class BaselineOutcome:
    """The score of a baseline; every original test sequence counts once.

    Attributes:
        folder: where it lies.
        comparison: the baseline.
        seeds: accuracy by seed; of the nearest neighbor, which has no chance in it, one.
        total: test sequences.
        num_parameters: of the network, or the weights of the ridge; 0 for the nearest neighbor.
        latency: median milliseconds from one image to its logits on one thread; None for the neighbor.
        seconds: spent in this call.
    """

    folder: Path
    comparison: Comparison
    seeds: dict[int, float]
    total: int
    num_parameters: int
    latency: float | None
    seconds: float

    @property
    def mean(self) -> float:
        """Mean accuracy over the seeds."""
        return float(np.mean(list(self.seeds.values())))

    def lines(self) -> list[str]:
        """For a person: its accuracy, and that of each seed."""
        each = ", ".join(f"seed {seed}: {accuracy:.4f}" for seed, accuracy in self.seeds.items())
        what = "ridge  " if self.comparison == "kernels" else "network"
        trained = [f"{what}   {self.num_parameters:,} parameters; {each}"] if self.num_parameters else []
        return [
            f"accuracy  {self.mean:.4f} of {self.total} test sequences",
            *trained,
            f"score     {self.folder / 'baseline.json'}",
        ]


def run_baseline(
    config: ExperimentConfig,
    folder: Path,
    comparison: Comparison,
    *,
    seeds: Sequence[int] | None = None,
    progress: Progress | None = None,
    tracker: Tracker | None = None,
) -> BaselineOutcome:
    """Train a baseline on what an experiment trains its final network on, and score it on the same test part.

    Called again after a stop it continues where it was, and with more seeds it trains those that are new.

    Args:
        config: the experiment; of its search, nothing matters.
        folder: new, or of an earlier call with the same experiment and comparison.
        comparison: "kernels"; "residual", "densenet" or "tall", of as many parameters as
            `config.parameters`; or "neighbour".
        seeds: of the trainings; by default the experiment's `training.seed` alone.
        progress: receives every epoch.
        tracker: records it; by default the one that the experiment names.

    Raises:
        FileExistsError: the folder holds something else. FileNotFoundError: the data is not there.
        BlockingIOError: another process works on it.
        ValueError: there is no such comparison or no test clip, or the training diverges.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
    """
    if comparison not in COMPARISONS:
        raise ValueError(f"there is no baseline {comparison!r}; there are {', '.join(COMPARISONS)}")
    progress, begin = progress or SilentProgress(), time.perf_counter()
    plan = SeedPlan.of(config, seeds)
    _check_folder(RunFolder(Path(folder)), config, comparison)
    data = load_to_learn(RunFolder(Path(folder)), config)
    experiment = data.experiment
    if not experiment.split.test:
        raise ValueError(f"{experiment.split.name} has no test clip to evaluate on")
    run = _folder(folder, config, comparison)
    with run.locked():
        keep_fingerprint(run, experiment)
        data.say(progress)
        run.note_environment("training", environment(plan.threads))
        tracker = tracker or open_tracker(config, run, progress)
        tags = {**environment_tags(), SPLIT: experiment.split.name, "posenas.baseline": comparison}
        tracker.start(run.run_id, run.path.name, config.to_dict(), tags)
        with watched(tracker):
            if comparison == "neighbour":
                score = _neighbor(run, experiment)
            elif comparison == "kernels":
                score = _kernels(run, experiment, plan, progress)
            else:
                trained = _seeds(run, experiment, comparison, plan)
                size = num_parameters(trained.main.spec.build())
                progress.say(f"{comparison} of {size:,} parameters, {plan.threads} torch threads")
                command = f"posenas baseline {comparison} --config {run.experiment_file} --out {run.path}"
                trained.train(command, progress, tracker)
                score = _score(run, experiment, trained)
            _keep(run, experiment, comparison, score, tracker)
    return BaselineOutcome(
        folder=run.path,
        comparison=comparison,
        seeds={row["seed"]: row["accuracy"] for row in score["seeds"]},
        total=score["total"],
        num_parameters=score["parameters"],
        latency=score["latency_ms"],
        seconds=time.perf_counter() - begin,
    )


def _folder(folder: Path, config: ExperimentConfig, comparison: Comparison) -> RunFolder:
    run = RunFolder(Path(folder))
    if not run.experiment_file.exists():
        return RunFolder.create(run.path, config, baseline=comparison)
    run.replace_config(config)
    return run


def _check_folder(run: RunFolder, config: ExperimentConfig, comparison: Comparison) -> None:
    """Whether the folder is free or holds this very baseline."""
    if not run.experiment_file.exists():
        return
    if run.baseline != comparison or run.config().hash != config.hash:
        if run.baseline is None:
            held = "a run"
        else:
            same = run.baseline == comparison
            held = "this baseline with other settings" if same else f"the baseline {run.baseline!r}"
        raise FileExistsError(f"{run.path} holds {held}; give a new folder with --out")


def _seeds(
    run: RunFolder, experiment: PreparedExperiment, comparison: BaselineKind, plan: SeedPlan
) -> Seeds[BaselineSpec]:
    config, split = experiment.config, experiment.split
    statistics = experiment.statistics(split.development)
    source = experiment.images(split.development, statistics, config.training_augmentation)
    if config.parameters is None:
        raise ValueError("`parameters` is null; a baseline needs the number of parameters to have as many")
    network = baseline_for_budget(
        comparison,
        split.num_classes,
        config.encoding.image_size,
        config.parameters,
        config.network.stem_stride,
        len(config.encoding.image_kinds),
    )

    def spec(training: TrainingConfig, threads: int) -> BaselineSpec:
        return BaselineSpec(network=network, config=training, compute=config.compute, threads=threads)

    return Seeds(plan, run, config, source, spec)


def _score(run: RunFolder, experiment: PreparedExperiment, trained: Seeds[BaselineSpec]) -> dict[str, Any]:
    """Every network on the test part, each sequence once."""
    split = experiment.split
    images = experiment.images(
        split.test, experiment.statistics(split.development), AugmentationConfig.none()
    )
    with torch_threads(trained.plan.threads):
        scores = {seed: evaluate(training_run.network, images) for seed, training_run in trained.items()}
    network = trained.main.network
    return {
        "seeds": [{"seed": seed, "accuracy": score.accuracy} for seed, score in scores.items()],
        "together": together([score.probabilities for score in scores.values()], images.labels),
        "parameters": num_parameters(network),
        "latency_ms": median_latency(network),
        **_counts(run, experiment, scores[trained.plan.main].probabilities),
        "training": trained.rows(),
    }


def _neighbor(run: RunFolder, experiment: PreparedExperiment) -> dict[str, Any]:
    split = experiment.split
    statistics = experiment.statistics(split.development)
    known, unknown = (experiment.images(clips, statistics) for clips in (split.development, split.test))
    shares = named_alone(nearest_neighbor(known, unknown), split.num_classes)
    counts = _counts(run, experiment, shares, ranked=False)
    accuracy = counts["correct"] / counts["total"]
    return {"seeds": [{"seed": 0, "accuracy": accuracy}], "parameters": 0, "latency_ms": None, **counts}


def _kernels(
    run: RunFolder, experiment: PreparedExperiment, plan: SeedPlan, progress: Progress
) -> dict[str, Any]:
    """Kernels of every seed on the test part; those of the main seed stay in the folder."""
    split = experiment.split
    clips, labels = [clip.poses for clip in split.test], np.array([clip.label for clip in split.test])
    answers, rows, main = {}, [], None
    for seed in plan.seeds:
        kernels = fit_kernels_on(experiment, split.development, seed, plan.threads)
        answers[seed] = kernels.predict(clips)
        rows.append({"seed": seed, **describe_kernels(kernels)})
        progress.say(
            f"seed {seed}: fitted in {rows[-1]['seconds']} s, {rows[-1]['left_out']:.4f} on training people "
            "left out"
        )
        if seed == plan.main:
            main = kernels
            kernels.save(run.kernels)
    assert main is not None, "the main seed is one of the plan's"
    return {
        "seeds": [{"seed": seed, "accuracy": accuracy_of(row, labels)} for seed, row in answers.items()],
        "together": together(list(answers.values()), labels),
        "parameters": main.num_parameters,
        "latency_ms": median_milliseconds(lambda: main.predict(clips[:1]), 10),
        **_counts(run, experiment, answers[plan.main]),
        "fits": rows,
    }


def _counts(
    run: RunFolder,
    experiment: PreparedExperiment,
    probabilities: NDArray[np.floating[Any]],
    *,
    ranked: bool = True,
) -> dict[str, Any]:
    """The scores of one network, and its answers in predictions.csv."""
    split, said = experiment.split, test_answers(experiment.split, probabilities)
    confusion = confusion_counts(said.labels, said.answers, split.num_classes)
    write_atomically(run.predictions_file, as_csv(prediction_rows(said)))
    return {
        "correct": int(said.right.sum()),
        "total": len(said.labels),
        **scores_of(said, ranked=ranked),
        "class_names": list(split.class_names),
        "confusion": confusion.tolist(),
    }


def _keep(
    run: RunFolder,
    experiment: PreparedExperiment,
    comparison: Comparison,
    score: dict[str, Any],
    tracker: Tracker,
) -> None:
    """baseline.json, the confusion matrix as a picture, and both for MLflow."""
    accuracies = [row["accuracy"] for row in score["seeds"]]
    content = {
        "baseline": comparison,
        "split": experiment.split.name,
        "mean": float(np.mean(accuracies)),
        "spread": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else 0.0,
        "counted": "every original test sequence once, without augmentation",
        **score,
    }
    write_json(run.baseline_file, content)
    run.pictures.mkdir(exist_ok=True)
    for ending in ("svg", "png"):
        figure = confusion_figure(score["confusion"], score["class_names"])
        save_figure(figure, run.pictures / f"confusion.{ending}")
    latency = {} if score["latency_ms"] is None else {"latency_ms": score["latency_ms"]}
    tracker.log(0, score_metrics(content))
    tracker.log(0, {"test_accuracy": content["mean"], "parameters": float(score["parameters"]), **latency})
    for path in (run.baseline_file, run.predictions_file, run.experiment_file, run.environment_file):
        tracker.log_artifact(path)
    tracker.log_artifact(run.pictures, "pictures")
