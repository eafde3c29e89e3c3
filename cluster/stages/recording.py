"""What each stage records of its run, and when."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cluster.config import ExperimentConfig
from cluster.files import read_json
from cluster.progress import Progress
from cluster.recognition.classifier import TrainedClassifier
from cluster.registry.architectures import record_architectures
from cluster.registry.registry import Registry
from cluster.scores import score_metrics
from cluster.stages.folder import RunFolder
from cluster.stages.preparation import PreparedExperiment
from cluster.tracking.facts import environment_tags
from cluster.tracking.mlflow_model import save_network_model, save_recognition_model
from cluster.tracking.opening import open_store
from cluster.tracking.tracker import NullTracker, Tracker, epoch_point
from lifting.poses import Keypoints2D, PoseSequence3D
from nas.genotype import Genotype
from nas.images import to_network

__all__ = [
    "RECOGNIZER",
    "Pack",
    "keep_architectures",
    "open_tracker",
    "record_evaluation",
    "record_model",
    "record_search",
    "start_search",
    "start_training",
]


RECOGNIZER = "recognizer"
"""The model in the final training's run that takes clips; the recognition model's folder lies in it."""

Pack = Callable[[Path], PoseSequence3D | Keypoints2D]
"""Writes the recognition model of a run as a folder, and gives a clip as it takes them."""

DESCRIPTION = "mlflow.note.content"
"""The tag whose text MLflow shows as the description of a run."""


def open_tracker(config: ExperimentConfig, run: RunFolder, progress: Progress) -> Tracker:
    """The tracker that the experiment names, with its outbox in the run's folder.

    Raises:
        ValueError, OSError: the store's address itself is wrong.
    """
    return open_store(config.tracking, run.path, progress)


def start_search(tracker: Tracker, run: RunFolder, experiment: PreparedExperiment) -> None:
    """Begin the search's run, or go on with it."""
    config = experiment.config
    tags = {
        **environment_tags(),
        "posenas.data": config.data.label if config.data.data_set.folder is None else config.data.name,
        "posenas.split": experiment.split.name,
        "posenas.strategy": config.search.strategy,
        "posenas.configuration": config.hash[:12],
        "posenas.data_fingerprint": experiment.fingerprint.digest[:12],
    }
    tracker.start(run.run_id, run.path.name, config.to_dict(), tags)


def start_training(
    tracker: Tracker, run: RunFolder, experiment: PreparedExperiment, num_parameters: int
) -> None:
    """Begin the final training's run as a child of the search's, which may have been recorded elsewhere."""
    start_search(tracker, run, experiment)
    tracker.finish("finished")
    config = experiment.config
    params = {"training": config.training.model_dump(mode="json"), "parameters": num_parameters}
    tags = {"posenas.split": experiment.split.name, "posenas.genotype": str(run.genotype())}
    tracker.start(training_id(run), _training_name(run), params, tags, parent=run.run_id)


def record_search(tracker: Tracker, run: RunFolder, experiment: PreparedExperiment) -> None:
    """Genotype, candidates, every architecture sampled, pictures and report of a finished search."""
    content = read_json(run.search_file)
    for row in content["candidates"]:
        if row["retrained"] is not None:
            _record_candidate(tracker, run, experiment, row)
    start_search(tracker, run, experiment)
    tracker.set_tags({"posenas.genotype": content["genotype"], DESCRIPTION: _description(run, experiment)})
    tracker.log(0, {"retrained_accuracy": content["candidates"][0]["retrained"]})
    tracker.log_table("sampled.csv", content["sampled"])
    tracker.log_table("candidates.csv", content["candidates"])
    _record_files(tracker, run)


def keep_architectures(run: RunFolder, config: ExperimentConfig, progress: Progress) -> None:
    """Every architecture sampled with its reward, into the registry; where it fails, a line says so."""
    if config.tracking is None:
        return
    try:
        with Registry.open() as registry:
            record_architectures(
                registry, run.run_id, config.data_label, read_json(run.search_file)["sampled"]
            )
    except (ValueError, OSError) as error:
        progress.say(f"the architectures sampled are in {run.search_file} but not in the registry: {error}")


def _description(run: RunFolder, experiment: PreparedExperiment) -> str:
    """What MLflow shows of the run in words, as Markdown: the result so far, and where to look."""
    score = read_json(run.evaluation_file) if run.evaluation_file.exists() else None
    result = (
        f"**{score['accuracy']:.1%}** of the test sequences right ({score['correct']} of {score['total']}), "
        f"{score['parameters']:,} parameters, {score['latency_ms']:.1f} ms an answer on one thread."
        if score
        else "Not tested yet."
    )
    return (
        f"Cells found on {experiment.split.name}. {result}\n\n"
        f"Genotype: `{run.genotype()}`\n\n"
        "The artifact **report.html** shows cells, curves and the clips behind every number; "
        f"`posenas cells show {run.run_id[:8]}` says the same in a terminal, `posenas cells export "
        f"{run.run_id[:8]}` gives the network as a Python file, weights and ONNX."
    )


def _record_candidate(
    tracker: Tracker, run: RunFolder, experiment: PreparedExperiment, row: Mapping[str, Any]
) -> None:
    """A retrained candidate as a child of the search's run: its genotype, curves and scores."""
    file = run.candidate_file(Genotype.parse(row["genotype"]))
    content = read_json(file)
    params = {name: content[name] for name in ("training", "parameters")}
    tags = {"posenas.split": experiment.split.name, "posenas.genotype": row["genotype"]}
    # the number that the terminal gave it; runs of older versions have kept none
    name = f"{run.path.name} candidate {row.get('number', row['rank'])}"
    tracker.start(f"{run.run_id}-{file.stem}", name, params, tags, parent=run.run_id)
    tracker.log_history(epoch_point(epoch) for epoch in content["epochs"])
    tracker.log(0, {"retrained_accuracy": content["accuracy"], "shared_accuracy": row["shared_accuracy"]})
    tracker.finish("finished")


def record_model(
    tracker: Tracker,
    run: RunFolder,
    experiment: PreparedExperiment,
    classifier: TrainedClassifier,
    pack: Pack,
) -> None:
    """What was trained: its network on images, and the whole recognition model on clips, registered.

    The classifier's folder lies in the latter; beside it too, it would be 15 MB more.
    The alias "champion" goes to the version whose genotype had the highest validation accuracy when it was
    retrained; test accuracies choose nothing.
    """
    start_search(tracker, run, experiment)  # pictures and report belong to the search; now they tell of both
    _record_files(tracker, run)
    tracker.finish("finished")
    tracker.start(training_id(run), _training_name(run), {}, {}, parent=run.run_id)
    if isinstance(tracker, NullTracker):
        return
    clips = [clip.poses for clip in experiment.split.train[:2]]
    score = float(read_json(run.search_file)["candidates"][0]["retrained"])
    with TemporaryDirectory(prefix="posenas-") as place:
        network, packed, recognizer = (Path(place) / name for name in ("network", "packed", "recognizer"))
        images = to_network(classifier.images(clips))
        save_network_model(network, classifier.network, images, classifier.class_names)
        tracker.log_model(network, "network")
        example = pack(packed)
        save_recognition_model(recognizer, packed, example, classifier.class_names)
        tracker.log_model(
            recognizer,
            RECOGNIZER,
            registered_name=f"posenas-{experiment.config.data_label}",
            alias="champion",
            score=score,
        )


def record_evaluation(tracker: Tracker, run: RunFolder, experiment: PreparedExperiment) -> None:
    """Test accuracy, size and latency, in the run of the search and in that of the training."""
    content = read_json(run.evaluation_file)
    scores = {
        "test_accuracy": float(content["accuracy"]),
        "parameters": float(content["parameters"]),
        "latency_ms": float(content["latency_ms"]),
        **score_metrics(content),
    }
    start_search(tracker, run, experiment)
    tracker.set_tags({DESCRIPTION: _description(run, experiment)})
    _record_files(tracker, run)
    _record_scores(tracker, run, scores)
    tracker.start(training_id(run), _training_name(run), {}, {}, parent=run.run_id)
    _record_scores(tracker, run, scores)


def _record_files(tracker: Tracker, run: RunFolder) -> None:
    files = (
        run.genotype_file,
        run.experiment_file,
        run.environment_file,
        run.evaluation_file,
        run.report_file,
    )
    for path in files:
        if path.exists():
            tracker.log_artifact(path)
    if run.pictures.exists():
        tracker.log_artifact(run.pictures, "pictures")


def training_id(run: RunFolder) -> str:
    """Our own id of the MLflow run that holds the final training."""
    return f"{run.run_id}-training"


def _training_name(run: RunFolder) -> str:
    return f"{run.path.name} final"


def _record_scores(tracker: Tracker, run: RunFolder, scores: Mapping[str, float]) -> None:
    tracker.log(0, scores)
    content = read_json(run.evaluation_file)
    tracker.log_table("classes.csv", content["classes"])
    tracker.log_table("subjects.csv", content["subjects"])
    tracker.log_artifact(run.predictions_file)
    tracker.finish("finished")
