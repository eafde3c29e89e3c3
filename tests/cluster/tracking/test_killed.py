"""Real searches in trouble: server and driver killed together; two of them at once on one new file."""

import subprocess
import sys
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from cluster.config import ExperimentConfig
from cluster.files import read_json
from cluster.stages import search
from cluster.tracking.tracker import MlflowTracker
from cluster.worker import run_search
from mlflow_server import MlflowServer

TINY_FILE = Path(__file__).parents[1] / "tiny.yaml"


@pytest.mark.slow
def test_a_search_killed_with_its_server_completes_the_record_when_it_is_resumed(
    mlflow_server: MlflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "cluster.stages.search.write_results", lambda *_: None
    )  # pictures take longer than all
    folder = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "cluster.cli",
        "search",
        "--config",
        str(TINY_FILE),
        "--out",
        str(folder),
    ]
    command += ["--set", f"tracking={{uri: '{mlflow_server.uri}', experiment: killed}}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        assert driver.stderr is not None
        for line in driver.stdout:
            if line.startswith("epoch 1/3"):
                mlflow_server.kill()
            if line.startswith("epoch 2/3"):
                driver.kill()
                break
        else:
            pytest.fail(driver.stderr.read())
    mlflow_server.start()
    run_search(None, folder, resume=True)
    _check(mlflow_server.uri, "killed", folder)


def _search(uri: str, folder: Path) -> None:
    """A whole search of its own process; without pictures, which take longer than all the rest."""
    search.write_results = lambda *_: None  # type: ignore[assignment]
    tracking = {"uri": uri, "experiment": "together", "wait_seconds": 120}
    run_search(ExperimentConfig.from_file(TINY_FILE).changed({"tracking": tracking}), folder)


@pytest.mark.slow
def test_two_searches_at_once_on_a_new_sqlite_file_are_both_recorded_whole(tmp_path: Path) -> None:
    uri, folders = f"sqlite:///{tmp_path}/mlflow.db", (tmp_path / "left", tmp_path / "right")
    both = [get_context("spawn").Process(target=_search, args=(uri, folder)) for folder in folders]
    for process in both:
        process.start()
    for process in both:
        process.join(600)
    assert [process.exitcode for process in both] == [0, 0]
    _check(uri, "together", *folders)


def _check(uri: str, experiment: str, *folders: Path) -> None:
    """A finished run each and no other, with every point of every curve once, as in the run's own history."""
    tracker = MlflowTracker(uri, experiment)
    client: Any = tracker._client
    top = [
        run
        for run in client.search_runs([tracker.experiment_id])
        if "mlflow.parentRunId" not in run.data.tags
    ]
    assert {run.info.status for run in top} == {"FINISHED"}
    assert sorted(run.data.tags["posenas.run_id"] for run in top) == sorted(
        read_json(folder / "run.json")["run_id"] for folder in folders
    )
    for folder in folders:
        _check_curves(tracker, folder)


def _check_curves(tracker: MlflowTracker, folder: Path) -> None:
    assert tracker.attach(read_json(folder / "run.json")["run_id"])
    client: Any = tracker._client
    rows = read_json(folder / "search.json")["epochs"]
    for name in ("loss", "reward", "entropy"):
        history = client.get_metric_history(tracker.mlflow_run_id, name)
        assert sorted((point.step, point.value) for point in history) == [
            (row["epoch"], row[name]) for row in rows
        ]
    assert {"genotype.json", "sampled.csv"} <= {
        file.path for file in client.list_artifacts(tracker.mlflow_run_id)
    }
