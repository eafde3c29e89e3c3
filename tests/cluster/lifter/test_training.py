"""A training of the lifter: what it leaves behind, killed, taken up again, and refused."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cluster.files import read_json
from cluster.lifter.config import LiftConfig
from cluster.lifter.training import run_lift_training
from cluster.progress import PlainProgress
from lifting.trained_lifter import TwoStreamLifter

Settings = Callable[..., LiftConfig]


def weights(run: Path) -> dict[str, torch.Tensor]:
    streams = TwoStreamLifter.load(run / "lifter", runtime="torch").streams
    return {
        f"{name}.{key}": value
        for name, stream in streams.items()
        for key, value in stream.network.state_dict().items()
    }


def assert_same(one: Path, other: Path) -> None:
    expected = weights(other)
    for name, value in weights(one).items():
        assert torch.equal(value, expected[name]), name
    assert read_json(one / "training.json") == read_json(other / "training.json")


def test_both_streams_are_trained_with_the_same_settings_and_saved(trained_run: Path) -> None:
    lifter = TwoStreamLifter.load(trained_run / "lifter")
    gt, detected = lifter.streams["gt"], lifter.streams["detected"]
    assert gt.network.config == detected.network.config
    assert (gt.keypoints.mean != detected.keypoints.mean).any()  # each saw its own keypoints
    rows = read_json(trained_run / "training.json")["streams"]
    assert [row["epoch"] for row in rows["gt"]] == [1, 2, 3]
    assert rows["detected"][-1]["loss"] < rows["detected"][0]["loss"]
    assert lifter.notes["validation_p1"]["gt"] == rows["gt"][-1]["validation_p1"]


def test_another_run_of_the_same_settings_gives_the_same_bits(
    trained_run: Path, lift_settings: Settings, tmp_path: Path
) -> None:
    class StopError(Exception):
        pass

    said: list[str] = []

    def stop_in_the_second_stream(line: str) -> None:
        said.append(line)
        if line.startswith("detected  epoch 2/3"):
            raise StopError

    run = tmp_path / "run"
    with pytest.raises(StopError):
        run_lift_training(lift_settings(), run, progress=PlainProgress(stop_in_the_second_stream))
    run_lift_training(lift_settings(), run, resume=True)
    assert_same(run, trained_run)
    assert any("held-out" in line for line in said)  # the split is described


@pytest.mark.slow
def test_a_training_killed_with_9_is_taken_up_exactly(
    trained_run: Path, lift_settings: Settings, tmp_path: Path
) -> None:
    import yaml

    run, file = tmp_path / "run", tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(lift_settings().to_dict()))
    command = [sys.executable, "-m", "cluster.cli", "lift", "train", "--config", str(file), "--out", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tmp_path)
    deadline = time.monotonic() + 120
    while not list(run.glob("streams/gt/step-*.json")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, "no checkpoint came"
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (run / "lifter").exists()
    run_lift_training(lift_settings(), run, resume=True)
    assert_same(run, trained_run)


def test_a_folder_that_holds_a_run_is_not_written_over(trained_run: Path, lift_settings: Settings) -> None:
    with pytest.raises(
        FileExistsError, match="already holds a training of a lifter; continue it with --resume"
    ):
        run_lift_training(lift_settings(), trained_run)


def test_a_run_is_not_resumed_with_another_configuration(trained_run: Path, lift_settings: Settings) -> None:
    with pytest.raises(ValueError, match=r"has begun with model\.width 64 and cannot go on with 32"):
        run_lift_training(lift_settings(**{"model.width": 32}), trained_run, resume=True)


def test_a_checkpoint_of_another_configuration_is_refused(
    trained_run: Path, lift_settings: Settings, tmp_path: Path
) -> None:
    import shutil

    run = tmp_path / "run"
    config = lift_settings(**{"training.loss": "mse"})
    from cluster.lifter.folder import LiftRun

    LiftRun.begin(run, config, resume=False)
    shutil.copytree(trained_run / "streams", run / "streams")
    with pytest.raises(ValueError, match="was made with another configuration"):
        run_lift_training(config, run, resume=True)


def test_a_start_that_was_killed_between_its_two_files_is_begun_again(
    lift_settings: Settings, tmp_path: Path
) -> None:
    from cluster.lifter.folder import LiftRun

    LiftRun.begin(tmp_path / "run", lift_settings(), resume=False).config_file.unlink()
    assert LiftRun.begin(tmp_path / "run", lift_settings(), resume=False).config() == lift_settings()


def test_resuming_where_nothing_is_says_how_to_start(lift_settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no training of a lifter"):
        run_lift_training(lift_settings(), tmp_path / "none", resume=True)


def test_a_wrong_setting_is_named(lift_settings: Settings) -> None:
    with pytest.raises(ValueError, match=r"training\.loss is 'hubert'; it must be .*did you mean 'huber'"):
        lift_settings(**{"training.loss": "hubert"})


def test_a_file_of_tuned_settings_is_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "best.yaml"
    file.write_text("preset: best\nmodel: {activation: silu}\ntraining: {learning_rate: 0.002}\n")
    config = LiftConfig.from_file(file)
    assert (config.model.activation, config.normalization.kind) == ("silu", "root")
    assert config.training.learning_rate == 0.002


def test_settings_of_earlier_trainings_keep_their_hash() -> None:
    """As it was before there was `wild_keypoints`; a training with it has another."""
    assert LiftConfig.preset("best").hash.startswith("0e3c572a34da0e5a")
    assert LiftConfig.preset("best", {"training.wild_keypoints": 0.03}).hash[:16] != "0e3c572a34da0e5a"
