"""A real search whose server and driver are killed together, in the middle of things."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.files import read_json
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
    _check(mlflow_server.uri, folder)


def _check(uri: str, folder: Path) -> None:
    """One run, finished, with every point of every curve once, at the time of the run's own history."""
    tracker = MlflowTracker(uri, "killed")
    assert tracker.attach(read_json(folder / "run.json")["run_id"])
    client: Any = tracker._client
    top = [
        run
        for run in client.search_runs([tracker.experiment_id])
        if "mlflow.parentRunId" not in run.data.tags
    ]
    assert [(run.info.run_id, run.info.status) for run in top] == [(tracker.mlflow_run_id, "FINISHED")]
    rows = read_json(folder / "search.json")["epochs"]
    for name in ("loss", "reward", "entropy"):
        history = client.get_metric_history(tracker.mlflow_run_id, name)
        assert sorted((point.step, point.value) for point in history) == [
            (row["epoch"], row[name]) for row in rows
        ]
    assert {"genotype.json", "sampled.csv"} <= {
        file.path for file in client.list_artifacts(tracker.mlflow_run_id)
    }
