from pathlib import Path

import pytest

from cluster.progress import PlainProgress, SilentProgress
from cluster.progress_file import FileProgress, ProgressReport, read_progress, reported


def test_the_newest_state_is_in_the_file_with_the_time_left(tmp_path: Path) -> None:
    file, now = tmp_path / "progress.json", [0.0]
    assert read_progress(file) is None
    progress = FileProgress(SilentProgress(), file, clock=lambda: now[0])
    progress.begin("search", 10, done=2)
    assert read_progress(file) == ProgressReport(phase="search", done=2, total=10, note="", seconds_left=None)
    now[0] = 8.0  # two steps in 8 s: four seconds each for the six that are left
    progress.advance(4, "epoch 1")
    assert read_progress(file) == ProgressReport(
        phase="search", done=4, total=10, note="epoch 1", seconds_left=24.0
    )
    now[0] = 8.5
    progress.advance(5)  # half a second later: not written
    report = read_progress(file)
    assert report is not None
    assert report.done == 4


def test_the_other_progress_hears_everything(tmp_path: Path) -> None:
    lines: list[str] = []
    progress = FileProgress(PlainProgress(lines.append), tmp_path / "progress.json")
    progress.begin("search", 3)
    progress.say("a line", "its detail")
    assert lines == ["search: 3 steps", "a line  its detail"]


def test_a_disk_that_is_full_ends_no_run(tmp_path: Path) -> None:
    lines: list[str] = []
    (tmp_path / "file").touch()
    FileProgress(PlainProgress(lines.append), tmp_path / "file" / "progress.json").begin("search", 3)
    assert lines[1].startswith("progress could not be reported: ")


@pytest.mark.parametrize("asked", [True, False])
def test_only_a_job_of_a_worker_reports(asked: bool, tmp_path: Path) -> None:
    environment = {"POSENAS_PROGRESS": str(tmp_path / "p.json")} if asked else {}
    assert isinstance(reported(SilentProgress(), environment), FileProgress) == asked
