"""Baselines on an experiment's data: trained like its final network, stopped and taken up, refused."""

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from cluster.config import ExperimentConfig
from cluster.files import read_json
from cluster.images import PoseImages
from cluster.interruption import Interrupted
from cluster.progress import SilentProgress
from cluster.recognition.kernel_model import TrainedKernels
from cluster.stages.baseline import run_baseline
from cluster.stages.comparisons import COMPARISONS, Comparison
from cluster.stages.preparation import PreparedExperiment
from cluster.tracking.tracker import MlflowTracker
from cluster.worker import run_search, run_training
from nas.baselines import nearest_neighbor

TINY = Path(__file__).parents[1] / "tiny.yaml"


def tiny(**changes: Any) -> ExperimentConfig:
    return ExperimentConfig.from_file(TINY, changes)


class Stopper(SilentProgress):
    """Presses Ctrl-C after some epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def advance(self, done: int, note: str = "") -> None:
        if done == self.epochs:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("comparison", COMPARISONS)
def test_a_baseline_is_scored_on_every_test_sequence_once(comparison: Comparison, tmp_path: Path) -> None:
    outcome = run_baseline(tiny(), tmp_path / "run", comparison, seeds=[0, 3])
    content = read_json(tmp_path / "run" / "baseline.json")
    experiment = PreparedExperiment.load(tiny())
    assert outcome.total == content["total"] == len(experiment.split.test) == np.sum(content["confusion"])
    assert content["mean"] == outcome.mean
    assert np.trace(content["confusion"]) == content["correct"]
    assert (tmp_path / "run" / "pictures" / "confusion.png").exists()
    if comparison == "neighbour":
        assert (list(outcome.seeds), outcome.num_parameters, outcome.latency) == ([0], 0, None)
        assert outcome.mean > 0.3  # of six classes, people unseen
        return
    assert list(outcome.seeds) == [0, 3]
    if comparison == "kernels":
        assert outcome.mean > 0.8
        assert outcome.num_parameters == (2 * 4 * 2000 + 1) * len(experiment.split.class_names)
        kept = TrainedKernels.load(tmp_path / "run" / "kernels")
        answers = kept.predict([clip.poses for clip in experiment.split.test]).argmax(axis=1)
        right = [clip.label == answer for clip, answer in zip(experiment.split.test, answers, strict=True)]
        assert sum(right) == content["correct"]
    else:
        assert 9_000 < outcome.num_parameters < 15_000  # widths and depths are whole numbers
        assert [len(row["epochs"]) for row in content["training"]] == [3, 3]


def test_a_stopped_baseline_ends_as_an_undisturbed_one_and_may_get_more_seeds(tmp_path: Path) -> None:
    whole = run_baseline(tiny(), tmp_path / "whole", "residual", seeds=[0, 1])
    with pytest.raises(
        Interrupted, match=f"baseline residual --config .* --out {tmp_path}/run --seeds 0,1` c"
    ):
        run_baseline(tiny(), tmp_path / "run", "residual", seeds=[0, 1], progress=Stopper(2))
    again = run_baseline(tiny(), tmp_path / "run", "residual", seeds=[0, 1])
    assert again.seeds == whole.seeds
    curves = [read_json(path / "baseline.json")["training"] for path in (whole.folder, again.folder)]
    assert [row["loss"] for row in curves[0][1]["epochs"]] == [row["loss"] for row in curves[1][1]["epochs"]]
    more = run_baseline(tiny(), tmp_path / "run", "residual", seeds=[0, 1, 2])
    assert {seed: more.seeds[seed] for seed in (0, 1)} == whole.seeds


def test_another_baseline_settings_or_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run_baseline(tiny(), folder, "neighbour")
    with pytest.raises(FileExistsError, match="run holds the baseline 'neighbour'; give a new folder"):
        run_baseline(tiny(), folder, "residual")
    with pytest.raises(FileExistsError, match="run holds this baseline with other settings"):
        run_baseline(tiny(**{"encoding.image_size": 16}), folder, "neighbour")
    with pytest.raises(
        ValueError, match="there is no baseline 'resnet'; there are kernels, residual, densenet, tall, n"
    ):
        run_baseline(tiny(), tmp_path / "new", "resnet")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="run holds the baseline 'neighbour', which has no search"):
        run_training(folder)
    with pytest.raises(
        ValueError, match=r"which has no search and no genotype; its score is in baseline.json"
    ):
        run_search(None, folder, resume=True)
    with pytest.raises(ValueError, match="`parameters` is null; a baseline needs"):
        run_baseline(tiny(parameters=None), tmp_path / "other", "residual")


def test_a_baseline_is_a_run_of_its_own_in_mlflow(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    config = tiny(tracking={"uri": uri})
    outcome = run_baseline(config, tmp_path / "run", "residual", seeds=[0, 1])
    tracker = MlflowTracker(uri)
    assert tracker.attach(read_json(tmp_path / "run" / "run.json")["run_id"])
    client = MlflowClient(uri)
    run = client.get_run(tracker.mlflow_run_id)
    assert run.data.tags["posenas.baseline"] == "residual"
    assert run.data.metrics["test_accuracy"] == outcome.mean
    assert [point.step for point in client.get_metric_history(tracker.mlflow_run_id, "loss")] == [1, 2, 3]
    assert "loss_seed_1" in run.data.metrics
    files = {file.path for file in client.list_artifacts(tracker.mlflow_run_id)}
    assert {"baseline.json", "experiment.json", "pictures"} <= files


def test_the_nearest_neighbor_of_a_known_image_is_itself() -> None:
    experiment = PreparedExperiment.load(tiny())
    clips = experiment.split.train
    images: PoseImages = experiment.images(clips, experiment.statistics(clips))
    assert (nearest_neighbor(images, images) == images.labels).all()
