"""What MLflow is told of a training and its evaluation; a resumed run tells its history, but not twice."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

from cluster.files import read_json
from cluster.lifter.config import LiftConfig
from cluster.lifter.evaluation import DEPLOYED, run_lift_evaluation
from cluster.lifter.training import run_lift_training
from cluster.tracking.tracker import MetricPoint, NullTracker, Status


class Notebook(NullTracker):
    """Writes down what it is told; a point told twice is one point."""

    def __init__(self) -> None:
        self.points: dict[tuple[str, int], float] = {}
        self.artifacts: list[str] = []
        self.started: list[tuple[str, str]] = []
        self.ended: list[Status] = []

    def start(
        self, run_id: str, name: str, params: Mapping[str, object], tags: Mapping[str, str], parent: str = ""
    ) -> None:
        self.started.append((run_id, tags["posenas.kind"]))

    def log(self, step: int, metrics: Mapping[str, float], timestamp: float | None = None) -> None:
        self.log_history([MetricPoint(step, metrics, timestamp or 0)])

    def log_history(self, points: Iterable[MetricPoint]) -> None:
        for point in points:
            self.points |= {(name, point.step): value for name, value in point.metrics.items()}

    def log_artifact(self, path: Path, folder: str = "") -> None:
        assert Path(path).exists()
        self.artifacts.append(Path(path).name)

    def finish(self, status: Status) -> None:
        self.ended.append(status)


def test_curves_of_both_streams_and_the_lifter_are_recorded_also_by_a_resumed_run(
    trained_run: Path, lift_settings: Callable[..., LiftConfig], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(trained_run, tmp_path / "run"))
    told = Notebook()
    run_lift_training(lift_settings(), run, resume=True, tracker=told)
    rows = read_json(run / "training.json")["streams"]
    for stream in ("gt", "detected"):
        for step, row in enumerate(rows[stream], start=1):
            assert told.points[f"{stream}.validation_p1", step] == row["validation_p1"]
    assert told.started == [(read_json(run / "run.json")["run_id"], "lifter")]
    assert "lifter" in told.artifacts
    assert told.ended == ["finished"]


def test_errors_and_pictures_are_recorded_by_the_evaluation(trained_run: Path, tmp_path: Path) -> None:
    run, told = Path(shutil.copytree(trained_run, tmp_path / "run")), Notebook()
    outcome = run_lift_evaluation(run, tracker=told)
    p1 = outcome.parts["held-out subject"][DEPLOYED].frame_wise.p1
    assert told.points["held-out subject.detected.p1", 0] == pytest.approx(p1)
    assert told.artifacts == ["evaluation.json", "pictures"]
