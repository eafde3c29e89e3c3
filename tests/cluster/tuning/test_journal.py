from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.tuning.journal import SCORE, Journal, TrialRecord, best_of

Make = Callable[..., TrialRecord]


def test_a_record_comes_back_as_it_was_written(tmp_path: Path, trial: Make) -> None:
    journal = Journal(tmp_path)
    record = trial(3, [90.0, 80.0], "finished", x=0.5, kind="a")
    journal.write(record)
    assert journal.read() == [record]


def test_an_epoch_done_again_after_a_crash_changes_nothing(trial: Make) -> None:
    record = trial(0, [90.0, 80.0], "running")
    again = record.with_rows([{"epoch": 2, SCORE: 80.0, "time": 999.0}, {"epoch": 3, SCORE: 70.0}])
    assert [row[SCORE] for row in again.rows] == [90.0, 80.0, 70.0]
    assert again.rows[1]["time"] == 102.0


def test_the_checkpoints_of_a_trial_go_when_it_ends_and_not_before(tmp_path: Path, trial: Make) -> None:
    journal = Journal(tmp_path)
    state = journal.state_folder(0) / "step-1.json"
    state.parent.mkdir(parents=True)
    state.write_text("{}")
    journal.write(trial(0, [90.0], "running"))
    assert state.exists()
    journal.write(trial(0, [90.0, 80.0], "stopped"))
    assert not state.exists()


def test_a_file_that_is_no_trial_is_named(tmp_path: Path) -> None:
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "0000.json").write_text('{"number": 0}')
    with pytest.raises(ValueError, match=r"0000\.json holds no trial of a tuning"):
        Journal(tmp_path).read()


def test_the_best_is_chosen_among_those_that_went_on_longest(trial: Make) -> None:
    records = [
        trial(0, [50.0], "stopped"),  # lower, but after one epoch only
        trial(1, [90.0, 70.0], "finished"),
        trial(2, [95.0, 60.0], "finished"),
        trial(3, [1.0, 1.0], "failed"),
    ]
    best = best_of(records)
    assert best is not None
    assert best.number == 2


def test_without_a_result_there_is_no_best(trial: Make) -> None:
    assert best_of([trial(0, [], "running"), trial(1, [1.0], "failed")]) is None
