"""The whole chain on built-in data: clips, images, search, final training, test, pictures, report, MLflow."""

import time
from dataclasses import dataclass
from pathlib import Path

from cluster.config import ExperimentConfig
from cluster.progress import Progress, SilentProgress, duration
from cluster.stages.folder import RunFolder
from cluster.worker import (
    EvaluationOutcome,
    SearchOutcome,
    TrainingOutcome,
    run_evaluation,
    run_search,
    run_training,
)

__all__ = ["DemoOutcome", "demo_config", "run_demo"]


@dataclass(frozen=True, kw_only=True)
class DemoOutcome:
    """What the demo did.

    Attributes:
        search, training, evaluation: outcomes of the three stages.
        tracking: the MLflow store.
        seconds: of it all.
    """

    search: SearchOutcome
    training: TrainingOutcome
    evaluation: EvaluationOutcome
    tracking: str
    seconds: float

    def lines(self) -> list[str]:
        """For a person: what came out, and where to look."""
        folder, test = self.search.folder, self.evaluation
        return [
            f"accuracy  {test.accuracy:.3f} ({test.correct} of {test.total} test sequences of unseen people)",
            f"genotype  {self.search.genotype}",
            f"network   {self.training.num_parameters:,} parameters",
            f"pictures  {folder / 'pictures'}",
            f"report    {folder / 'report.html'}",
            f"MLflow    posenas ui --tracking {self.tracking}",
            f"time      {duration(self.seconds)}",
        ]


def demo_config(workers: int = 2, tracking: str | None = None) -> ExperimentConfig:
    """Small enough for a few minutes on two cores."""
    return ExperimentConfig.preset(
        "small",
        {
            "search.epochs": 5,
            "search.weight_steps_per_epoch": 16,
            "search.controller_steps_per_epoch": 4,
            "derivation.num_samples": 20,
            "derivation.num_retrained": 2,
            "derivation.parameters": 60_000,
            "derivation.epochs": 12,
            "training.epochs": 40,
            "parameters": 150_000,
            "resources.workers": workers,
            **({"tracking.uri": tracking} if tracking else {}),
        },
    )


def run_demo(
    folder: Path, *, workers: int = 2, tracking: str | None = None, progress: Progress | None = None
) -> DemoOutcome:
    """Search, train and test on synthetic clips; everything goes to `folder` and to MLflow.

    A demo that was stopped goes on where it was; one that is finished shows its results again.

    Args:
        folder: a new run folder, or that of an earlier demo.
        workers: Ray evaluators; 0 searches in this process, with the same result.
        tracking: MLflow store; by default sqlite:///mlflow.db.
        progress: hears of every step.

    Raises:
        FileExistsError: the folder holds something else.
        ValueError: it holds another run.
    """
    progress, begin = progress or SilentProgress(), time.perf_counter()
    config = demo_config(workers, tracking)
    resume = RunFolder(folder).experiment_file.exists()
    search = run_search(config, folder, resume=resume, progress=progress)
    training = run_training(folder, progress=progress)
    evaluation = run_evaluation(folder, progress=progress)
    return DemoOutcome(
        search=search,
        training=training,
        evaluation=evaluation,
        tracking=config.tracking.uri if config.tracking else "none",
        seconds=time.perf_counter() - begin,
    )
