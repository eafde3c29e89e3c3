"""The process of a job: JSON in, the documented function called, an exit code and sentences out."""

import json
import sqlite3
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

from cluster.files import read_json
from cluster.registry.database import upgrade_schema
from cluster.registry.registry import Registry
from cluster.scheduling.job_process import main
from cluster.scheduling.jobs import JOB_KINDS, JobRequest
from cluster.scheduling.worker import WorkerConfig, run_worker

SCHEMAS = Path(__file__).parents[1] / "registry" / "schemas"
DATA = {"name": "synthetic", "num_subjects": 2, "clips_per_action": 1}


def request(tmp_path: Path, kind: str = "encode", **settings: object) -> JobRequest:
    desk = tmp_path / "desk"
    desk.mkdir(exist_ok=True)
    return JobRequest(
        kind=kind, folder=str(tmp_path / "run"), settings=settings, address=None, desk=str(desk)
    )


def test_a_request_comes_back_from_its_file_with_the_experiment_beside_it(tmp_path: Path) -> None:
    written = request(tmp_path, config={"data": DATA})
    assert JobRequest.read(written.write()) == written
    assert read_json(written.config_file) == {"data": DATA}


def test_the_log_has_the_line_to_paste_and_the_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = request(tmp_path, config={"data": DATA})
    assert main([str(asked.write())]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == f"by hand: posenas encode --config {asked.config_file} --out {asked.folder}"
    assert last == f"look at {Path(asked.folder) / 'contact_sheet.png'}"
    line = first.removeprefix("by hand: posenas ").split()
    line[-1] = str(tmp_path / "by_hand")
    done = subprocess.run([sys.executable, "-m", "cluster.cli", *line], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
    images = {path.relative_to(asked.folder) for path in Path(asked.folder).rglob("*.png")}
    assert images == {path.relative_to(line[-1]) for path in Path(line[-1]).rglob("*.png")}


def test_bad_input_ends_with_its_sentence_and_a_code_that_no_attempt_mends(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = request(tmp_path, config={"data": {"name": "synthetic", "num_subjects": -1}})
    assert main([str(asked.write())]) == 2
    assert "data.num_subjects is -1" in capsys.readouterr().out.splitlines()[-1]


def test_a_setting_is_pasted_as_text_that_reads_back_to_its_value(tmp_path: Path) -> None:
    from cluster.commands.options import parse_settings

    changes = {"training.epochs": 3, "tracking": None, "training.schedule": "1e3", "network.widths": [1, 2]}
    line = JOB_KINDS["train"].line(request(tmp_path, kind="train", changes=changes))
    pasted = [value for flag, value in pairwise(line) if flag == "--set"]
    assert parse_settings(pasted) == changes


def test_a_job_that_was_queued_under_the_first_schema_runs(tmp_path: Path) -> None:
    place = tmp_path / "old.db"
    with sqlite3.connect(place) as old:
        old.executescript((SCHEMAS / "0001.sqlite.sql").read_text(encoding="utf-8"))
        old.execute(
            "UPDATE job SET kind = 'encode', settings = ?, folder = ? WHERE name = 'waiting'",
            (json.dumps({"config": {"data": DATA}}), str(tmp_path / "runs" / "waiting")),
        )
    old.close()
    url = f"sqlite:///{place}"
    upgrade_schema(url)
    with Registry.open(url) as registry:
        with registry.database.writing() as connection:
            connection.execute(text("UPDATE job SET state = 'finished' WHERE name = 'running'"))
            connection.execute(text("UPDATE experiment SET every = NULL, next_at = NULL"))
        run_worker(registry, WorkerConfig(cpus=1, gpus=0, poll_seconds=0.1, until_empty=True))
        job = next(job for job in registry.jobs() if job.name == "waiting")
        assert job.state == "finished", job.error
        assert (Path(job.folder) / "contact_sheet.png").exists()
        assert Path(str(job.log)).read_text(encoding="utf-8").startswith("by hand: posenas encode")
