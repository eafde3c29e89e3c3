"""A tuning as a person runs it: from the command line, on synthetic people, killed and taken up again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.commands.lift_tune import seconds
from cluster.lifter.config import LiftConfig
from cluster.tracking.mlflow_store import connect
from cluster.tracking.outbox import Outbox, store_name
from cluster.tuning.journal import Journal, TrialRecord
from cluster.tuning.run import LiftTuningConfig, run_tuning

# About a thousand pairs and a network of 32 units: an epoch takes milliseconds.
TINY = {
    "lift.data.num_subjects": 2,
    "lift.data.clips_per_action": 1,
    "lift.data.cameras_per_clip": 1,
    "lift.data.stride": 4,
    "lift.training.steps_per_epoch": 2,
    "lift.training.batch_size": 16,
    "lift.tracking": None,
    "tuning.trials": 4,
    "tuning.epochs": 3,
    "resources.max_concurrent": 1,
}
SPACE = {"model.width": {"choice": [16, 32]}, "training.learning_rate": {"log_uniform": [0.001, 0.01]}}


def tiny(**changes: Any) -> LiftTuningConfig:
    lift = LiftConfig.preset("paper", {"tracking": None})
    return LiftTuningConfig.of(lift, {**TINY, "space": SPACE, **changes})


@pytest.mark.ray
@pytest.mark.slow
def test_a_tuning_gives_the_same_trials_in_whatever_order_and_process_they_run(
    ray_runtime: object, tmp_path: Path
) -> None:
    """Without early stopping a trial's errors depend on its settings alone."""
    one = run_tuning(tiny(**{"tuning.scheduler": "none"}), tmp_path / "one")
    fresh = {"tuning.scheduler": "none", "resources.max_concurrent": 2, "resources.reuse_actors": False}
    two = run_tuning(tiny(**fresh), tmp_path / "two")
    assert [errors(record) for record in one.records] == [errors(record) for record in two.records]
    assert [record.state for record in one.records] == ["finished"] * 4
    best = min(one.records, key=lambda record: errors(record)[-1])
    assert one.best == best
    trained = LiftConfig.from_file(one.best_file)
    assert trained.model.width == best.settings["model.width"]
    assert trained.training.learning_rate == best.settings["training.learning_rate"]


def errors(record: TrialRecord) -> list[float]:
    return [row["validation_p1"] for row in record.rows]


@pytest.mark.ray
@pytest.mark.slow
def test_a_population_and_optuna_run_to_their_end_on_ray(ray_runtime: object, tmp_path: Path) -> None:
    # two of the four at a time on the session's Ray: with room for all, Ray ends the process of each member
    # that waits for the others, and starts a new one at the next round
    population = {"tuning.scheduler": "pbt", "tuning.perturbation_epochs": 1, "resources.cpus_per_trial": 12}
    population |= {"tuning.epochs": 2}
    found = run_tuning(tiny(**population), tmp_path / "pbt")
    assert [record.epoch for record in found.records] == [2] * 4
    assert any(record.changes for record in found.records)
    again = run_tuning(tiny(**population), tmp_path / "again")
    assert [errors(record) for record in again.records] == [errors(record) for record in found.records]
    asked = run_tuning(tiny(**{"tuning.sampler": "optuna"}), tmp_path / "optuna")
    assert len(asked.records) == 4
    assert all(record.has_ended for record in asked.records)


@pytest.mark.ray
@pytest.mark.slow
def test_a_trial_that_cannot_be_trained_fails_with_its_reason_and_has_no_score(
    ray_runtime: object, tmp_path: Path
) -> None:
    space = {"training.learning_rate": {"choice": [0.001, 1e30]}}
    found = run_tuning(tiny(space=space, **{"tuning.trials": 6}), tmp_path / "tuning")
    failed = [record for record in found.records if record.state == "failed"]
    assert failed
    assert all(record.settings["training.learning_rate"] == 1e30 for record in failed)
    assert "the training loss is" in failed[0].error
    assert failed[0].score is None
    assert found.best.settings["training.learning_rate"] == 0.001


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """A tuning of which, after two trials had ended, every process was killed at once."""
    out = tmp_path / "tuning"
    command = [sys.executable, "-m", "cluster.cli", "lift", "tune", "--out", str(out), "--no-mlflow"]
    options = {name.removeprefix("lift."): value for name, value in TINY.items() if value is not None}
    options |= {"tuning.trials": 6, "tuning.epochs": 12, "tuning.grace_epochs": 6}
    options |= {"resources.checkpoint_seconds": 0}
    for name, value in options.items():
        command += ["--set", f"{name}={value}"]
    space = tmp_path / "space.json"
    space.write_text(json.dumps(SPACE))
    process = subprocess.Popen([*command, "--space", str(space)], cwd=tmp_path)
    try:
        deadline = time.monotonic() + 600
        while sum(record.has_ended for record in whole(out)) < 2:
            assert process.poll() is None, "the tuning ended before it was killed"
            assert time.monotonic() < deadline, "no two trials in ten minutes"
            time.sleep(0.05)
    finally:
        kill_all(process)
    return out


def whole(out: Path) -> list[TrialRecord]:
    return Journal(out).read() if (out / "trials").exists() else []


def kill_all(process: "subprocess.Popen[bytes]") -> None:
    """kill -9 of the driver and of all of Ray that it has started, by process id."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for member in family:
        with suppress(ProcessLookupError):
            os.kill(member.pid, signal.SIGKILL)
    process.wait()
    psutil.wait_procs(family, timeout=30)


@pytest.mark.ray
@pytest.mark.slow
def test_after_kill_9_of_everything_no_finished_trial_is_lost_and_none_runs_again(
    killed: Path, tmp_path: Path
) -> None:
    before = {record.number: record for record in whole(killed)}
    ended = {number: record for number, record in before.items() if record.has_ended}
    command = [sys.executable, "-m", "cluster.cli", "lift", "tune", "--resume", "--out", str(killed)]
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False)
    assert again.returncode == 0, again.stderr
    after = {record.number: record for record in whole(killed)}
    assert sorted(after) == list(range(6))
    assert all(record.has_ended for record in after.values())
    assert {number: after[number] for number in ended} == ended  # not a byte of theirs has changed
    for number, record in before.items():
        assert after[number].rows[: record.epoch] == record.rows
    assert (killed / "best.yaml").exists()


@pytest.mark.ray
@pytest.mark.slow
def test_mlflow_has_one_run_and_a_child_for_every_trial(ray_runtime: object, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    lift = LiftConfig.preset("paper", {"tracking.uri": uri})
    changes = {name: value for name, value in TINY.items() if name != "lift.tracking"}
    config = LiftTuningConfig.of(lift, {**changes, "space": SPACE})
    found = run_tuning(config, tmp_path / "tuning")
    client = connect(uri)
    experiment = client.get_experiment_by_name("posenas")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    assert sorted(run.info.run_name for run in children) == [record.name for record in found.records]
    child = next(run for run in children if run.info.run_name == found.best.name)
    history = client.get_metric_history(child.info.run_id, "validation_p1")
    assert [point.value for point in sorted(history, key=lambda p: p.step)] == errors(found.best)
    assert {item.path for item in client.list_artifacts(parent.info.run_id)} >= {"best.yaml", "pictures"}


@pytest.mark.ray
@pytest.mark.slow
def test_a_tracking_server_that_is_down_never_stops_a_tuning(ray_runtime: object, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}"
    changes = {**TINY, "lift.tracking": {"uri": nobody, "wait_seconds": 0}, "space": SPACE}
    found = run_tuning(LiftTuningConfig.of(LiftConfig(), changes), tmp_path / "tuning")
    assert all(record.has_ended for record in found.records)
    assert found.best_file.exists()
    outbox = Outbox(tmp_path / "tuning" / "outbox")
    told = outbox.backlog(store_name(nobody, "posenas"))
    outbox.close()
    assert told.points >= sum(len(record.rows) for record in found.records)  # all of it waits for the server


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--space", "SPACE"], "did you mean 'model.activation'?"),
        (["--space", "none.yaml"], "none.yaml"),
        (["--resume", "--out", "none"], "none holds no tuning"),
        (["--resume", "--preset", "best"], "leave --config, --preset and --space away"),
        (["--scheduler", "ashaa"], "scheduler is 'ashaa'; it must be 'asha', 'pbt' or 'none'"),
        (["--set", "trainin.epochs=3"], "there is no setting"),
        (["--time-limit", "soon"], "a number with s, m or h is needed"),
        (["--gpus-per-trial", "1.5"], "a whole number, or a fraction below 1"),
        (["--data", "nothing"], "'synthetic'"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.yaml").write_text("model.activaton: {choice: [relu, selu]}")
    given = ["space.yaml" if argument == "SPACE" else argument for argument in arguments]
    result = CliRunner().invoke(app, ["lift", "tune", *given])
    assert result.exit_code == 2, result.output
    assert sentence in " ".join(result.stderr.split())
    assert not Path("runs").exists()


def test_the_default_space_can_be_printed_and_read_again(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["lift", "tune", "--print-space"])
    assert result.exit_code == 0
    (tmp_path / "space.yaml").write_text(result.stdout)
    read = LiftTuningConfig.of(LiftConfig(), {}, tmp_path / "space.yaml")
    assert read.search_space().to_dict() == LiftTuningConfig().search_space().to_dict()


def test_a_time_limit_is_written_as_people_write_it() -> None:
    assert [seconds(text) for text in ("90", "90s", "1.5m", "2h")] == [90, 90, 90, 7200]
