"""What MLflow records of a training of the lifter: settings, curves, the lifter, errors, pictures."""

from cluster.lifter.config import LiftConfig
from cluster.lifter.folder import LiftRun
from cluster.tracking.facts import environment_tags
from cluster.tracking.tracker import SPLIT, Tracker
from lifting.datasets import LiftingSplit

__all__ = ["record_lift_scores", "record_lifter", "start_lifter"]


def start_lifter(tracker: Tracker, run: LiftRun, config: LiftConfig, split: LiftingSplit) -> None:
    """Begin the training's run, or go on with it."""
    tags = {
        **environment_tags(),
        "posenas.kind": "lifter",
        "posenas.data": config.data.name,
        SPLIT: split.name,
        "posenas.configuration": config.hash[:12],
    }
    tracker.start(run.run_id, run.path.name, config.to_dict(), tags)


def record_lifter(tracker: Tracker, run: LiftRun) -> None:
    """The trained lifter and the settings."""
    tracker.log_artifact(run.lifter, "lifter")
    for path in (run.config_file, run.environment_file, run.training_file):
        tracker.log_artifact(path)


def record_lift_scores(tracker: Tracker, run: LiftRun, scores: dict[str, float]) -> None:
    """Errors on the test parts, with the pictures."""
    tracker.log(0, scores)
    tracker.log_artifact(run.evaluation_file)
    tracker.log_artifact(run.pictures, "pictures")
