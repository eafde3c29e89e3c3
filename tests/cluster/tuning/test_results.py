import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from cluster.tuning.figures import curves_figure, importance_figure
from cluster.tuning.folder import TuningFolder
from cluster.tuning.importance import importance
from cluster.tuning.journal import TrialRecord
from cluster.tuning.results import write_best, write_results
from cluster.tuning.space import SearchSpace

Make = Callable[..., TrialRecord]

SPACE = SearchSpace({"x": {"uniform": [0, 1]}, "y": {"uniform": [0, 1]}, "kind": {"choice": [None, 1.0]}})


@pytest.fixture
def records(trial: Make) -> list[TrialRecord]:
    """The error follows x, hardly y, and not at all kind; half of the trials were stopped after one epoch."""
    found = []
    for number in range(16):
        settings = SPACE.sample(0, number)
        error = 40 + 50 * float(settings["x"] or 0) + 2 * float(settings["y"] or 0)
        errors = [error] if number % 2 else [error, 30 + error]
        found.append(trial(number, errors, "stopped" if number % 2 else "finished", **settings))
    return found


def test_importance_finds_what_the_error_follows(records: list[TrialRecord]) -> None:
    found = importance(records, SPACE)
    assert next(iter(found.shares)) == "x"
    assert found.shares["x"] > 0.8
    assert sum(found.shares.values()) == pytest.approx(1)


def test_trials_are_compared_at_the_last_epoch_that_all_of_them_had(records: list[TrialRecord]) -> None:
    """Errors after epoch 2 are 30 mm higher: told apart by their last ones, the finished would look worse."""
    assert importance(records, SPACE).epoch == 1


def test_of_few_trials_nothing_is_said(records: list[TrialRecord]) -> None:
    found = importance(records[:7], SPACE)
    assert found.shares == {}
    with pytest.raises(ValueError, match="needs 8 ended trials with different errors; there are 7"):
        importance_figure(found)


def test_a_tuning_leaves_table_importance_and_pictures(records: list[TrialRecord], tmp_path: Path) -> None:
    folder = TuningFolder.create(tmp_path / "tuning", {})
    write_results(folder, records, SPACE, seed=0)
    rows = list(csv.DictReader(folder.table_file.read_text().splitlines()))
    assert len(rows) == 16
    finished = [float(row["validation_p1"]) for row in rows if row["state"] == "finished"]
    assert finished == sorted(finished)
    assert rows[0]["state"] == "finished"
    names = {path.name for path in folder.pictures.iterdir()}
    assert names == {
        f"{n}.{e}" for n in ("trials", "parallel_coordinates", "importance") for e in ("svg", "png")
    }
    picture = (folder.pictures / "parallel_coordinates.svg").read_text()
    assert "validation error" in picture
    assert ">off<" in picture  # the choice of null


def test_pictures_of_nothing_are_refused(trial: Make) -> None:
    with pytest.raises(ValueError, match="no trial has a result yet"):
        curves_figure([trial(0, [], "running")])


def test_the_best_settings_are_a_file_that_says_where_they_come_from(tmp_path: Path, trial: Make) -> None:
    best = trial(4, [50.0, 41.234], "finished", **{"model.dropout": 0.1})
    settings = {"model": {"dropout": 0.1}}
    write_best(tmp_path / "best.yaml", best, settings, "posenas lift train --config best.yaml")
    text = (tmp_path / "best.yaml").read_text()
    assert "trial 0004, 41.23 mm on the validation part after 2 epochs" in text
    assert yaml.safe_load(text) == settings
