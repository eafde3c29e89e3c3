"""The score of a trained classifier on the test part of its data, which nothing has seen before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.files import read_json, write_atomically, write_json
from cluster.progress import Progress, SilentProgress
from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.kernel_model import TrainedKernels
from cluster.report.figures import confusion_counts
from cluster.scores import prediction_rows, score_lines, scores_of
from cluster.stages.answers import test_answers
from cluster.stages.data_identity import keep_fingerprint, load_to_evaluate
from cluster.stages.folder import RunFolder
from cluster.stages.kernels import check_partner, kernels_of
from cluster.stages.latency import median_latency
from cluster.stages.pictures import write_results
from cluster.stages.preparation import PreparedExperiment
from cluster.stages.recording import open_tracker, record_evaluation
from cluster.stages.standing import standing_of
from cluster.tracking.facts import as_csv, environment
from cluster.tracking.tracker import Tracker
from nas.kernels_config import KernelsTooLargeError
from nas.network import num_parameters
from nas.random_kernels import mixed
from nas.threads import torch_threads

__all__ = ["EvaluationOutcome", "accuracy_of", "class_lines", "run_evaluation", "seed_line", "together"]


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationOutcome:
    """The score; every original sequence counts once, none is augmented.

    Attributes:
        folder: the run.
        accuracy: fraction of sequences that are right.
        correct, total: the counts behind it.
        class_names: K names.
        confusion: int64 (K, K), row the true class, column the answer.
        latency: median milliseconds from one image to its logits, on one thread.
        seeds: accuracy of every seed that was trained, by seed; the above is of the run's own.
        together: accuracy of the mean of all seeds' probabilities; None for a single seed.
        scores: `cluster.scores.scores_of` the run's own seed.
        with_kernels: accuracy of all seeds and random kernels, half and half; None where the run was not
            trained with them.
        standing: one sentence, how the network stands against the baselines; None where it was not asked.
    """

    folder: Path
    accuracy: float
    correct: int
    total: int
    class_names: tuple[str, ...]
    confusion: NDArray[np.int64]
    latency: float
    seeds: Mapping[int, float]
    together: float | None
    scores: Mapping[str, Any] = field(default_factory=dict)
    with_kernels: float | None = None
    standing: str | None = None

    @property
    def mean(self) -> float:
        """Mean accuracy over the seeds."""
        return float(np.mean(list(self.seeds.values())))

    @property
    def spread(self) -> float:
        """Standard deviation of the seeds' accuracies (n - 1); 0 for a single seed."""
        return float(np.std(list(self.seeds.values()), ddof=1)) if len(self.seeds) > 1 else 0.0

    def lines(self) -> list[str]:
        """For a person: classes, scores, accuracy, and how it stands."""
        return [
            *class_lines(self),
            *(f"scores    {line}" for line in score_lines(self.scores)),
            f"accuracy  {self.accuracy:.4f} ({self.correct} of {self.total} original test sequences)",
            *([f"seeds     {seed_line(self)}"] if len(self.seeds) > 1 else []),
            *(
                []
                if self.with_kernels is None
                else [f"committee {self.with_kernels:.4f} with random kernels, half and half"]
            ),
            *([] if self.standing is None else [f"standing  {self.standing}"]),
            f"report    {self.folder / 'report.html'}",
            "compare   posenas cells list; posenas ui",
        ]


def run_evaluation(
    folder: Path,
    *,
    baselines: bool = True,
    progress: Progress | None = None,
    tracker: Tracker | None = None,
) -> EvaluationOutcome:
    """Score the classifier of a run on its original test sequences, and write evaluation.json.

    Args:
        folder: a run with a trained classifier.
        baselines: fit random kernels, which takes seconds, and compare with them, with the nearest neighbor
            and with the baselines whose folders lie beside the run's.
        progress: receives a line about the split.
        tracker: records the accuracy; by default the one that the experiment names.

    Raises:
        FileNotFoundError: no run, no classifier, or no data there.
        ValueError: there is no test clip, or the classifier was changed.
        BlockingIOError: another process works on the run.
    """
    progress = progress or SilentProgress()
    run = RunFolder.open(folder)
    with run.locked():
        config = run.config()
        classifier = TrainedClassifier.load(run.model)
        data = load_to_evaluate(run, config, classifier)
        experiment = data.experiment
        keep_fingerprint(run, experiment)
        data.say(progress)
        threads = config.resources.training_threads
        run.note_environment("evaluation", environment(threads))
        with torch_threads(threads):
            outcome = _evaluate(run, experiment, classifier, baselines, progress)
        write_results(run, experiment, "evaluation")
        tracker = tracker or open_tracker(config, run, progress)
        record_evaluation(tracker, run, experiment)
        tracker.close()
        return outcome


def _evaluate(
    run: RunFolder,
    experiment: PreparedExperiment,
    classifier: TrainedClassifier,
    baselines: bool,
    progress: Progress,
) -> EvaluationOutcome:
    clips = experiment.split.test
    if not clips:
        raise ValueError(f"{experiment.split.name} has no test clip to evaluate on")
    probabilities = classifier.predict([clip.poses for clip in clips])
    labels = np.array([clip.label for clip in clips])
    answers = probabilities.argmax(axis=1)
    own, others = _seeds(run)
    by_seed = {own: probabilities}
    for seed in others:
        other = TrainedClassifier.load(run.seed_model(seed))
        by_seed[seed] = other.predict([clip.poses for clip in clips])
    names = classifier.class_names
    said = test_answers(experiment.split, probabilities)
    scores = scores_of(said)
    confusion = confusion_counts(labels, answers, len(names))
    accuracies = {seed: accuracy_of(row, labels) for seed, row in sorted(by_seed.items())}
    partner = run.partner
    kernels = _kernels(run, experiment, progress) if baselines or partner else None
    with_kernels = None
    if partner and kernels is not None:
        check_partner(names, kernels)
        answered = kernels.predict([clip.poses for clip in clips])
        with_kernels = accuracy_of(mixed(np.mean(list(by_seed.values()), axis=0), answered), labels)
    standing = (
        standing_of(run, experiment, float(np.mean([*accuracies.values()])), kernels) if baselines else None
    )
    outcome = EvaluationOutcome(
        folder=run.path,
        accuracy=accuracy_of(probabilities, labels),
        correct=int((answers == labels).sum()),
        total=len(clips),
        class_names=names,
        confusion=confusion,
        latency=median_latency(classifier.network),
        seeds=accuracies,
        together=together(list(by_seed.values()), labels),
        scores=scores,
        with_kernels=with_kernels,
        standing=None if standing is None else standing.sentence,
    )
    predictions = [
        {"clip": clip.name, "class": names[label], "answer": names[answer], "probability": float(row[answer])}
        for clip, label, answer, row in zip(clips, labels, answers, probabilities, strict=True)
    ]
    write_json(
        run.evaluation_file,
        {
            "split": experiment.split.name,
            "accuracy": outcome.accuracy,
            "correct": outcome.correct,
            "total": outcome.total,
            "seeds": [{"seed": seed, "accuracy": accuracy} for seed, accuracy in outcome.seeds.items()],
            "mean": outcome.mean,
            "spread": outcome.spread,
            "together": outcome.together,
            "with_kernels": outcome.with_kernels,
            **({} if standing is None else standing.to_dict()),
            "counted": "every original test sequence once, without augmentation",
            "parameters": num_parameters(classifier.network),
            "latency_ms": outcome.latency,
            "class_names": list(names),
            **{name: value for name, value in scores.items() if name != "accuracy"},
            "confusion": confusion.tolist(),
            "predictions": predictions,
        },
    )
    write_atomically(run.predictions_file, as_csv(prediction_rows(said)))
    return outcome


def _kernels(run: RunFolder, experiment: PreparedExperiment, progress: Progress) -> TrainedKernels | None:
    """Random kernels on what the networks learned from; None, and it is said, where memory does not do."""
    config = experiment.config
    try:
        return kernels_of(run, experiment, config.training.seed, config.resources.training_threads, progress)
    except KernelsTooLargeError as error:
        progress.say(f"random kernels are not fitted: {error}")
        return None


def accuracy_of(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Fraction of the clips whose likeliest class is right: (N, K) probabilities against N labels."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def together(probabilities: Sequence[NDArray[np.float32]], labels: NDArray[np.int64]) -> float | None:
    """Accuracy of several networks that answer as one, by the mean of their probabilities; None for one."""
    return accuracy_of(np.mean(probabilities, axis=0), labels) if len(probabilities) > 1 else None


def _seeds(run: RunFolder) -> tuple[int, list[int]]:
    """The seed of the run's own model, and those of the others."""
    if not run.training_file.exists():
        return run.config().training.seed, []
    content = read_json(run.training_file)
    own = content.get("seed", run.config().training.seed)  # before there were several, it was not noted
    return own, [row["seed"] for row in content.get("seeds", []) if row["seed"] != own]


def seed_line(outcome: EvaluationOutcome) -> str:
    """Mean and spread over several seeds, and how they do together, for a person."""
    each = ", ".join(f"{accuracy:.4f}" for accuracy in outcome.seeds.values())
    names = ", ".join(map(str, outcome.seeds))
    return (
        f"{outcome.mean:.4f} ± {outcome.spread:.4f} over seeds {names} ({each}); "
        f"{outcome.together:.4f} by the mean of their answers"
    )


def class_lines(outcome: EvaluationOutcome) -> list[str]:
    """One line a class: how many of its sequences are right, and what the others were taken for."""
    width = max(len(name) for name in outcome.class_names)
    lines = []
    for name, counts in zip(outcome.class_names, outcome.confusion.tolist(), strict=True):
        label = outcome.class_names.index(name)
        taken = [
            f"{count} as {outcome.class_names[other]}"
            for other, count in enumerate(counts)
            if count and other != label
        ]
        lines.append(f"{name:<{width}}  {counts[label]:>3} of {sum(counts):<3}  {', '.join(taken)}".rstrip())
    return lines
