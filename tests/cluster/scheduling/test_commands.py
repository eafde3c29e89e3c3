"""The commands of the queue as a person meets them."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cluster.cli import app
from cluster.registry.records import Resources
from cluster.registry.registry import Registry
from cluster.scheduling.queue import Host, Queue


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSENAS_DATABASE", raising=False)
    Path("mine.yaml").write_text(
        "kind: encode\nseeds: [1, 2]\ntracking: null\n".replace("tracking: null\n", "")
    )


def posenas(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def lines(*arguments: object) -> str:
    result = posenas(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_dry_run_shows_what_would_run_and_queues_nothing() -> None:
    shown = lines("submit", "mine.yaml", "--dry-run")
    assert "mine-seed-1" in shown
    assert "2 job(s)" in shown
    assert "need 2 CPUs; nothing was queued" in shown
    assert not Path("posenas.db").exists()


def test_from_submitting_to_the_end_of_a_job() -> None:
    assert "job 1  mine-seed-1  encode" in lines("submit", "mine.yaml", "--priority", 1)
    assert "after 1" in lines("submit", "mine.yaml", "--after", 1)
    assert "2 running" not in lines("queue")
    assert "0 running, 4 queued, 0 ended; the queue is open" in lines("queue")
    assert "cancelled; `posenas resume 2`" in lines("cancel", 2)
    assert "job 2 mine-seed-2: queued" in lines("resume", 2)
    assert "nothing new begins" in lines("pause")
    assert "the queue is paused" in lines("queue")
    assert "workers end after their jobs" in lines("drain")
    assert "the queue is open" in lines("resume")
    with Registry.open() as registry:
        queue = Queue(registry)
        claim = queue.claim("w", Host(name="here", capacity=Resources(cpus=1)))
        assert claim is not None
        queue.fail(claim, "no data\nlast line of its log", final=True)
    shown = lines("show", 1)
    for words in ("state      failed", "1 begun, 1 of 3 failed", "last line of its log", "claimed"):
        assert words in shown
    assert "job 1 mine-seed-1: queued" in lines("retry", 1)
    assert "job 3 mine-seed-1: cancelled" in lines("cancel", "--experiment", 2)


def test_the_log_of_another_machine_is_shown_as_far_as_it_is_known() -> None:
    lines("submit", "mine.yaml")
    with Registry.open() as registry:
        queue = Queue(registry)
        claim = queue.claim("w", Host(name="here", capacity=Resources(cpus=1)))
        assert claim is not None
        queue.note_log(claim, "/elsewhere/attempt-1.log")
        queue.finish(claim)
    assert "/elsewhere/attempt-1.log is not on this machine" in lines("logs", 1, "--follow")
    Path("here.log").write_text("step 1\nstep 2\n")
    with Registry.open() as registry:
        claim = Queue(registry).claim("w", Host(name="here", capacity=Resources(cpus=1)))
        assert claim is not None
        Queue(registry).note_log(claim, str(Path("here.log").absolute()))
    assert lines("logs", 2) == "step 1\nstep 2\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["submit", "none.yaml"], "there is no experiment file none.yaml"),
        (["submit", "mine.yaml", "--at", "soon"], "--at 'soon' is no time"),
        (["submit", "mine.yaml", "--every", "daily"], "--every 'daily' is no cron form"),
        (["submit", "mine.yaml", "--after", 9], "--after 9: there is no such job"),
        (["show", 9], "there is no job 9; `posenas queue --all` lists them"),
        (["cancel"], "name one thing to cancel"),
        (["retry", 9], "there is no job 9"),
        (["queue", "--database", "mysql://x/y"], "can be SQLite or PostgreSQL"),
        (["worker", "--cpus", 0], "cpus is 0.0; more than 0 is needed"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(arguments: list[object], sentence: str) -> None:
    result = posenas(*arguments)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())


def test_a_worker_that_finds_the_queue_empty_ends_when_asked_to() -> None:
    shown = lines("worker", "--until-empty", "--name", "mine", "--cpus", 1)
    assert "worker mine at" in shown


def test_upgrade_says_what_it_found() -> None:
    assert "was at nothing, is at" in lines("db", "upgrade", "--database", "sqlite:///new.db")
    assert "already" in lines("db", "upgrade", "--database", "sqlite:///new.db")


def test_several_scores_have_a_table_in_the_end_and_it_is_said() -> None:
    text = "kind: baseline\nbaselines: [kernels]\nconfiguration: {tracking: null}\n"
    Path("left.yaml").write_text(
        f"{text}data: {{protocol: leave-one-subject-out}}\ngrid: {{data.test_part: [1, 2]}}\n"
    )
    assert "left-1` makes one table of their scores" in " ".join(lines("submit", "left.yaml").split())
    Path("one.yaml").write_text(text)
    assert "makes one table" not in lines("submit", "one.yaml")
