"""Run folders: what lies where, and that no run writes over another."""

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.config import ExperimentConfig
from cluster.files import read_json, write_json
from cluster.stages.folder import RunFolder

CONFIG = ExperimentConfig.preset("small")


def test_a_run_keeps_the_settings_that_it_was_started_with(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "runs" / "a", CONFIG)
    assert RunFolder.open(run.path).config() == CONFIG
    assert len(run.run_id) == 32


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "a", CONFIG)
    with pytest.raises(
        FileExistsError, match="already holds a run; continue it with --resume, or give another"
    ):
        RunFolder.create(tmp_path / "a", CONFIG)


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty and holds no posenas run"):
        RunFolder.create(tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_start_that_was_killed_between_its_two_files_is_begun_again(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a", CONFIG)
    run.experiment_file.unlink()
    (run.path / ".tmp-0123456789abcdef").write_text("{")
    with pytest.raises(FileNotFoundError, match="holds no run"):
        RunFolder.open(run.path)
    first = run.run_id
    again = RunFolder.create(run.path, CONFIG)
    assert again.config() == CONFIG
    assert again.run_id != first


def test_opening_nothing_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"holds no run \(no experiment.json\); `posenas search --out"
    ):
        RunFolder.open(tmp_path / "none")


def test_a_run_without_genotype_says_how_to_get_one(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a", CONFIG)
    with pytest.raises(FileNotFoundError, match=r"has no genotype.json yet; `posenas search --resume"):
        run.genotype()


def test_a_second_writer_is_told_who_works_there_and_the_lock_falls_with_it(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a", CONFIG)
    hold = (
        "import sys, time; from pathlib import Path; from cluster.stages.folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked():\n print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(run.path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(BlockingIOError, match=f"process {other.pid} is working on the run"), run.locked():
            pass
        other.kill()
    with run.locked():
        pass


def test_stages_add_to_the_environment_without_losing_the_others(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "a", CONFIG)
    run.note_environment("search", {"threads": 1})
    run.note_environment("training", {"threads": 2})
    assert read_json(run.environment_file) == {"search": {"threads": 1}, "training": {"threads": 2}}


def test_json_that_is_no_object_or_no_json_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[]")
    with pytest.raises(ValueError, match="holds a JSON list; an object is needed"):
        read_json(path)
    path.write_text("{")
    with pytest.raises(ValueError, match="is not readable as JSON"):
        read_json(path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"loss": float("nan")})
