"""The command as a person meets it: help, errors in one sentence, exit codes, and what each command says."""

import errno
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from cluster.cli import app
from cluster.commands.options import place_changes
from cluster.config import ExperimentConfig
from cluster.stages.folder import RunFolder

TINY_FILE = Path(__file__).parent / "tiny.yaml"


def posenas(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_comes_within_a_second_since_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, cluster.cli; "
        "heavy = {'torch', 'ray', 'mlflow', 'numpy', 'cv2', 'matplotlib', 'pydantic'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    begin = time.process_time()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)
    assert time.process_time() - begin < 1


@pytest.mark.parametrize(
    "command",
    [
        "search",
        "train",
        "evaluate",
        "register",
        "demo",
        "encode",
        "data check",
        "cells list",
        "cells show",
        "cells compare",
        "cells export",
        "ui",
        "doctor",
        "submit",
        "queue",
        "show",
        "logs",
        "cancel",
        "retry",
        "resume",
        "pause",
        "drain",
        "worker",
        "db upgrade",
    ],
)
def test_every_command_shows_an_example_and_its_python_form(command: str) -> None:
    result = posenas(*command.split(), "--help")
    assert result.exit_code == 0
    assert f"posenas {command}" in result.stdout
    assert "Example" in result.stdout
    assert "From Python" in result.stdout


def test_the_version_is_shown() -> None:
    assert posenas("--version").stdout.startswith("posenas 0.")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["search", "--set", "search.epochz=3"], "did you mean 'epochs'?"),
        (["search", "--set", "nonsense"], "--set 'nonsense' must read NAME=VALUE"),
        (["search", "--data", "mrs"], "data.name: there is no data set 'mrs'; 'msr', 'sbu', 'npz'"),
        (["search", "--data", "msr", "--root", "nowhere"], "get 'Skeleton data in real world coordinates'"),
        (["search", "--preset", "huge"], "there is no preset 'huge'"),
        (["search", "--config", "none.yaml"], "there is no experiment file none.yaml"),
        (["search", "--config", TINY_FILE, "--preset", "small"], "give --config or --preset"),
        (["search", "--resume", "--out", "none"], "none holds no run"),
        (["search", "--resume"], "--resume needs --out"),
        (["search"], "posenas search needs data: --data msr --root PATH, or --config FILE"),
        (["train", "none"], "none holds no run"),
        (["evaluate", "none"], "none holds no run"),
        (["data", "check"], "name one thing to check"),
        (["data", "check", "none.npz"], "none.npz"),
        (["cells", "list", "--sort", "size"], "--sort is 'size'"),
        (["cells", "show", "x", "--tracking", "sqlite:///none.db"], "none.db"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    arguments: list[object], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = posenas(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_unknown_options_are_usage_errors_with_code_2() -> None:
    result = posenas("search", "--epoch", "3")
    assert result.exit_code == 2
    assert "--epochs" in result.stderr


def test_what_is_no_bad_input_ends_with_code_1_and_verbose_shows_where(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the weather")

    monkeypatch.setattr("cluster.worker.run_evaluation", broken)
    result = posenas("evaluate", "x")
    assert result.exit_code == 1
    assert result.stderr.strip() == "RuntimeError: the weather (--verbose shows where)"
    assert "in broken" in posenas("--verbose", "evaluate", "x").stderr


def test_resume_auto_begins_a_run_and_then_continues_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def note(config: object, folder: Path, *, resume: bool, **_: object) -> None:
        calls.append((folder.name, resume, config.search.seed))  # type: ignore[attr-defined]
        raise RuntimeError("enough")

    monkeypatch.setattr("cluster.worker.run_search", note)
    command = ("search", "--resume=auto", "--config", TINY_FILE, "--out", tmp_path / "run")
    posenas(*command, "--seed", 3)
    RunFolder.create(tmp_path / "run", ExperimentConfig.preset("small", {"search.seed": 5}))
    posenas(*command)
    assert calls == [("run", False, 3), ("run", True, 5)]
    assert "--resume needs --out" in posenas("search", "--resume=auto").stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "weights"), 74),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT), "weights"), 74),
        (RuntimeError("I/O error: No space left on device (os error 28)"), 74),  # as safetensors says it
        (sqlite3.OperationalError("database or disk is full"), 74),
        (OSError(errno.ESTALE, os.strerror(errno.ESTALE), "weights"), 75),
        (OSError(errno.EIO, os.strerror(errno.EIO), "weights"), 75),
        (PermissionError(errno.EACCES, os.strerror(errno.EACCES), "weights"), 2),
    ],
)
def test_a_full_disk_and_a_lost_file_server_are_no_bad_input(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("cluster.worker.run_evaluation", failing)
    assert posenas("evaluate", "x").exit_code == code


def test_encode_writes_a_png_for_each_clip_by_class_and_a_contact_sheet(tmp_path: Path) -> None:
    out = tmp_path / "images"
    arguments = ["encode", "--set", "data.num_subjects=2", "--set", "data.clips_per_action=1", "--out", out]
    result = posenas(*arguments)
    assert result.exit_code == 0, result.output
    assert (out / "contact_sheet.png").exists()
    assert len(list(out.glob("high_arm_wave/*.png"))) == 2
    assert "20 images" in result.stdout
    again = posenas(*arguments)
    assert again.exit_code == 2
    assert "is not empty; give a new folder with --out" in again.stderr


def test_data_check_says_what_is_wrong_and_whether_it_can_be_used(tmp_path: Path) -> None:
    result = posenas("data", "check", "--data", "synthetic")
    assert result.exit_code == 0
    assert "can be used" in result.stdout
    np.savez(tmp_path / "bad.npz", xyz=np.zeros(3))
    bad = posenas("data", "check", tmp_path / "bad.npz")
    assert bad.exit_code == 2
    assert "error: " in bad.stdout
    assert "cannot be used" in bad.stdout


def test_search_train_and_evaluate_say_what_they_found_and_what_comes_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = Path("runs/tiny")
    found = posenas("search", "--config", TINY_FILE, "--epochs", 1, "--out", out)
    assert found.exit_code == 0, found.output
    for text in ("epoch 1/1  reward", "entropy", "left 0 s  best ", "genotype  ", f"posenas train {out}"):
        assert text in found.stdout
    trained = posenas("train", out, "--epochs", 2)
    assert trained.exit_code == 0, trained.output
    assert f"posenas evaluate {out}" in trained.stdout
    scored = posenas("evaluate", out)
    assert scored.exit_code == 0, scored.output
    assert "of 40 original test sequences" in scored.stdout
    assert posenas("search", "--config", TINY_FILE, "--out", out).exit_code == 2


def test_doctor_shows_a_table(tmp_path: Path) -> None:
    result = posenas("doctor", "--no-ray", "--folder", tmp_path)
    assert result.exit_code == 0
    for subject in ("Python", "MLflow store", "data set msr", "how to mend it"):
        assert subject in result.stdout


def test_who_names_a_cluster_or_gpus_means_workers_on_ray() -> None:
    assert place_changes(None, "auto", None, "spread", 5.0) == {
        "resources.workers": "auto",
        "resources.address": "auto",
        "resources.gpus_per_worker": None,
        "resources.placement": "SPREAD",
        "resources.placement_timeout_seconds": 5.0,
    }
    assert place_changes("3", "auto", 0.5, None, None)["resources.workers"] == "3"
    assert place_changes(None, None, None, None, None)["resources.workers"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["search", "--device", "gpu"], "compute.device is 'gpu'; it must be 'cpu' or 'cuda'"),
        (["search", "--placement", "heap"], "resources.placement is 'HEAP'; it must be 'PACK' or 'SPREAD'"),
        (["search", "--gpus-per-worker", "0.5"], "compute.device is 'cpu'"),
        (["train", "x", "--seeds", "0,one"], "--seeds is '0,one'; numbers of 0 or more"),
    ],
)
def test_places_devices_and_seeds_are_checked(arguments: list[str], sentence: str) -> None:
    result = posenas(*arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_a_letter_that_the_terminal_lacks_ends_no_command(tmp_path: Path) -> None:
    """The lines of a search hold a plus-minus sign; here a setting's name holds one."""
    program = (
        "import sys; from cluster.cli import main; "
        "sys.argv = ['posenas', 'encode', '--set', 'a\xb1b=1', '--out', sys.argv[1]]; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "out")],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "there is no setting 'a?b'" in done.stderr
    assert "UnicodeEncodeError" not in done.stderr
