from pathlib import Path

import pytest

from cluster.tuning.folder import TuningFolder

SETTINGS = {"tuning": {"trials": 8, "seed": 0}, "space": {"x": {"uniform": [0, 1]}}}


def test_a_tuning_is_never_written_over(tmp_path: Path) -> None:
    TuningFolder.create(tmp_path / "tuning", SETTINGS)
    with pytest.raises(FileExistsError, match="continue it with --resume"):
        TuningFolder.create(tmp_path / "tuning", SETTINGS)


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is not empty and holds no tuning"):
        TuningFolder.create(tmp_path, SETTINGS)


def test_a_resumed_tuning_may_have_more_trials_and_keeps_its_id(tmp_path: Path) -> None:
    first = TuningFolder.create(tmp_path / "tuning", SETTINGS)
    longer = {**SETTINGS, "tuning": {"trials": 12, "seed": 0}}
    again = TuningFolder.open(tmp_path / "tuning", longer)
    assert again.run_id == first.run_id
    assert again.settings["tuning"]["trials"] == 12


@pytest.mark.parametrize(
    ("tuning", "sentence"),
    [
        ({"trials": 8, "seed": 1}, r"tuning.seed 0, and is asked to go on with 1"),
        ({"trials": 4, "seed": 0}, "8"),
    ],
)
def test_other_settings_cannot_be_resumed(tuning: dict[str, int], sentence: str, tmp_path: Path) -> None:
    TuningFolder.create(tmp_path / "tuning", SETTINGS)
    with pytest.raises(ValueError, match=sentence):
        TuningFolder.open(tmp_path / "tuning", {**SETTINGS, "tuning": tuning})


def test_a_folder_without_a_tuning_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no tuning"):
        TuningFolder.open(tmp_path / "nothing")


def test_a_second_process_is_told_which_one_works_on_it(tmp_path: Path) -> None:
    folder = TuningFolder.create(tmp_path / "tuning", SETTINGS)
    refused = pytest.raises(BlockingIOError, match=r"process \d+ is working on the run")
    with folder.locked(), refused, folder.locked():
        pass
