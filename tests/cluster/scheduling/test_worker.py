"""What a worker does when things go wrong. Jobs are real processes, and so are workers that are killed."""

import contextlib
import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import text

from cluster.registry.records import Job, Resources
from cluster.registry.registry import Registry
from cluster.scheduling.jobs import JOB_KINDS
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.submission import Options, submit
from cluster.scheduling.worker import run_worker

HERE = Path(__file__).parent
PATIENCE = 60.0
"""Seconds within which everything here happens, on a busy machine too."""


@pytest.fixture(scope="module")
def trial() -> Iterator[ModuleType]:
    """trial_worker.py, its kind of job added."""
    spec = importlib.util.spec_from_file_location("trial_worker", HERE / "trial_worker.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.add_trial_kind()
    yield module
    del JOB_KINDS["trial"]


@pytest.fixture
def queue_trial(registry: Registry, tmp_path: Path) -> Callable[..., Job]:
    """queue_trial("a", steps=10, seconds=0.05) -> the job that counts so far."""

    def add(name: str, *, max_attempts: int = 3, limit: float | None = None, **settings: object) -> Job:
        planned = PlannedJob(
            name=name, kind="trial", settings=settings, run=name, needs=Resources(cpus=1), limit_seconds=limit
        )
        plan = Plan(name=name, kind="trial", source="", jobs=(planned,))
        return submit(registry, plan, Options(out=str(tmp_path / "runs"), max_attempts=max_attempts)).jobs[0]

    return add


@pytest.fixture
def start_worker(database_url: str, tmp_path: Path) -> Iterator[Callable[..., "Started"]]:
    """start_worker("w1", lease=3) -> a worker as a process."""
    started: list[Started] = []

    def start(name: str, lease: float, hours_off: float = 0.0) -> Started:
        started.append(Started(tmp_path / f"{name}.out", database_url, name, lease, hours_off))
        return started[-1]

    yield start
    for worker in started:
        worker.end()


class Started:
    """A worker's process and what it has printed."""

    def __init__(self, output: Path, url: str, name: str, lease: float, hours_off: float) -> None:
        self._output = output
        command = [sys.executable, str(HERE / "trial_worker.py"), url, name, str(lease)]
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [*command, *([str(hours_off)] if hours_off else [])], stdout=file, stderr=subprocess.STDOUT
            )

    @property
    def said(self) -> str:
        return self._output.read_text()

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self) -> None:
        assert self.process.wait(PATIENCE) == 0, self.said

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.02)


def locked(url: str) -> bool:
    """Whether somebody is in the middle of writing to a registry in an SQLite file."""
    if not url.startswith("sqlite"):
        return False
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=1)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        connection.rollback()
    return False


def steps(job: Job) -> list[int]:
    file = Path(job.folder) / "steps"
    return [int(line.split()[0]) for line in file.read_text().splitlines()] if file.exists() else []


def work(registry: Registry, trial: ModuleType, name: str = "w", lease: float = 30.0) -> list[str]:
    """Let a worker run in this process until the queue is empty; what it said."""
    said: list[str] = []
    run_worker(registry, trial.config(name, lease), said.append)
    return said


def ends(registry: Registry, job: Job) -> list[str]:
    return [
        event.kind for event in registry.events(job.id) if event.kind in ("finished", "failed", "cancelled")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_the_job_of_a_lost_worker_goes_on_elsewhere_and_ends_once(
    registry: Registry,
    queue_trial: Callable[..., Job],
    start_worker: Callable[..., Started],
    database_url: str,
    fate: signal.Signals,
) -> None:
    job = queue_trial("search", steps=60, seconds=0.1)
    lost = start_worker("lost", lease=3)
    until(lambda: len(steps(job)) >= 3)
    lost.send(fate)
    # Frozen with the file's lock, it would stop everybody.
    while fate == signal.SIGSTOP and locked(database_url):
        lost.send(signal.SIGCONT)
        time.sleep(0.05)
        lost.send(fate)
    heir = start_worker("heir", lease=30)  # on a busy machine 3 s pass without a renewal
    until(lambda: registry.job(job.id).worker == "heir")
    lost.send(signal.SIGCONT)  # to find that its job is another's
    heir.wait()
    after = registry.job(job.id)
    assert (after.state, after.attempt, after.worker) == ("finished", 2, "heir")
    assert ends(registry, job) == ["finished"]
    # From the step where it stood; never by two at once, which the next test would see.
    assert steps(job) == list(range(1, 61))
    if fate == signal.SIGSTOP:
        lost.wait()
        assert "no longer held by attempt 1 of lost" in lost.said or "another worker has it" in lost.said


def test_two_processes_at_once_on_one_job_would_be_seen(queue_trial: Callable[..., Job]) -> None:
    """The control of the steps' check: nobody stops the first process before the second begins."""
    job = queue_trial("search")
    command = [sys.executable, str(HERE / "counting.py"), job.folder, "20", "0.02"]
    both = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    for process in both:
        process.wait(PATIENCE)
    assert steps(job) != list(range(1, 21))


@pytest.mark.slow
def test_a_worker_whose_clock_is_an_hour_off_takes_nothing_from_others(
    registry: Registry, queue_trial: Callable[..., Job], start_worker: Callable[..., Started]
) -> None:
    job = queue_trial("search", steps=40, seconds=0.1)
    later = queue_trial("other", steps=1, seconds=0)
    right = start_worker("right", lease=5)
    until(lambda: len(steps(job)) >= 2)
    wrong = start_worker("wrong", lease=5, hours_off=1)
    until(lambda: "my clock says" in wrong.said)
    lease_until, its_time = registry.job(job.id).lease_until, float(wrong.said.split()[3])
    # The control: by its own clock the lease has long run out, and it would take the job away.
    assert lease_until is not None
    assert lease_until < its_time
    right.wait()
    wrong.wait()
    assert "less what is in use" not in right.said
    assert "less what is in use by jobs of right" in wrong.said  # both have one CPU of this machine, the same
    assert [registry.job(one.id).state for one in (job, later)] == ["finished", "finished"]
    assert registry.job(job.id).attempt == 1
    assert steps(job) == list(range(1, 41))


@pytest.mark.slow
def test_a_database_that_is_away_for_a_while_disturbs_no_job(
    registry: Registry,
    queue_trial: Callable[..., Job],
    trial: ModuleType,
    request: pytest.FixtureRequest,
) -> None:
    job = queue_trial("search", steps=30, seconds=0.1)
    said: list[str] = []
    worker = threading.Thread(target=run_worker, args=(registry, trial.config("w", 30), said.append))
    worker.start()
    until(lambda: len(steps(job)) >= 3)
    if registry.database.is_postgresql:
        request.getfixturevalue("postgres").restart()
    else:  # SQLite has no server; somebody else keeps the file to himself
        file = registry.database.url.removeprefix("sqlite:///")
        with sqlite3.connect(file, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(1)
            other.execute("ROLLBACK")
        other.close()
    worker.join(PATIENCE)
    assert not worker.is_alive()
    after = registry.job(job.id)
    assert (after.state, after.attempt) == ("finished", 1)
    assert steps(job) == list(range(1, 31))


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (signal.SIGSEGV, "ended by SIGSEGV: segmentation fault"),
        (signal.SIGKILL, "killed by the system, probably out of memory (SIGKILL)"),
    ],
)
def test_a_job_that_crashes_is_retried_then_failed_with_reason_and_log_and_blocks_nobody(
    registry: Registry,
    queue_trial: Callable[..., Job],
    trial: ModuleType,
    number: signal.Signals,
    reason: str,
) -> None:
    poison = queue_trial("poison", signal=int(number), max_attempts=2)
    good = queue_trial("good", steps=2, seconds=0.01)
    work(registry, trial)
    after = registry.job(poison.id)
    assert (after.state, after.attempt, after.failures) == ("failed", 2, 2)
    assert after.error == f"{reason}\nabout to crash"
    kinds = [event.kind for event in registry.events(poison.id)]
    assert kinds == ["submitted", "claimed", "retry", "claimed", "failed"]
    finished = registry.job(good.id)
    assert finished.state == "finished"
    assert (finished.ended_at or 0) < (after.ended_at or 0)  # it did not wait for the poisoned one's end


def test_a_job_that_is_given_no_more_memory_is_retried_then_failed_with_the_error_and_its_log(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType
) -> None:
    """The limit is a real one (RLIMIT_AS), met by a real allocation."""
    hungry = queue_trial("hungry", memory=256 * 2**20, max_attempts=2)
    modest = queue_trial("modest", memory=4 * 2**20)  # the control: under the same limit
    work(registry, trial)
    after = registry.job(hungry.id)
    assert (after.state, after.attempt, after.failures) == ("failed", 2, 2)
    reason, *log = str(after.error).splitlines()
    assert reason == "MemoryError (exit code 1)"
    assert "about to take 268435456 bytes" in log
    retry = next(event for event in registry.events(hungry.id) if event.kind == "retry")
    assert retry.text.startswith("again in 0.2 s: MemoryError (exit code 1)")
    assert registry.job(modest.id).state == "finished"


def test_a_job_killed_by_its_own_time_limit_is_not_taken_for_one_out_of_memory(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = queue_trial("deaf", deaf=True, limit=0.5)
    monkeypatch.setattr(trial, "GRACE_SECONDS", 0.5)
    work(registry, trial)
    after = registry.job(deaf.id)
    assert (after.state, after.attempt) == ("failed", 1)
    assert str(after.error).startswith("stopped at its time limit")


def test_cancel_stops_at_the_next_step_and_resume_goes_on_from_there(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType
) -> None:
    job = queue_trial("search", steps=25, seconds=0.1)
    worker = threading.Thread(target=work, args=(registry, trial))
    worker.start()
    until(lambda: len(steps(job)) >= 3)
    registry.cancel(job.id)
    worker.join(PATIENCE)
    done = len(steps(job))
    assert registry.job(job.id).state == "cancelled"
    assert 3 <= done < 25
    registry.resume(job.id)
    work(registry, trial)
    assert registry.job(job.id).state == "finished"
    assert steps(job) == list(range(1, 26))


def test_a_worker_that_is_asked_to_end_gives_its_job_back_saved(
    registry: Registry,
    queue_trial: Callable[..., Job],
    start_worker: Callable[..., Started],
    trial: ModuleType,
) -> None:
    job = queue_trial("search", steps=30, seconds=0.1, max_attempts=1)
    worker = start_worker("first", lease=30)
    until(lambda: len(steps(job)) >= 2)
    worker.send(signal.SIGTERM)
    worker.process.wait(PATIENCE)
    assert "given back" in worker.said
    assert (registry.job(job.id).state, registry.job(job.id).failures) == ("queued", 0)
    work(registry, trial)
    assert registry.job(job.id).state == "finished"
    assert steps(job) == list(range(1, 31))


def test_a_job_is_stopped_at_its_time_limit(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType
) -> None:
    job = queue_trial("endless", steps=10_000, seconds=0.05, limit=0.5)
    work(registry, trial)
    after = registry.job(job.id)
    assert after.state == "failed"
    assert str(after.error).startswith("stopped at its time limit of 0 s; its checkpoint is kept")


def test_a_job_whose_supervisor_is_killed_does_not_outlive_it(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType
) -> None:
    job = queue_trial("search", steps=20, seconds=0.1)
    worker = threading.Thread(target=work, args=(registry, trial))
    worker.start()
    until(lambda: len(steps(job)) >= 2)
    os.kill(supervisor_of(job), signal.SIGKILL)
    worker.join(PATIENCE)
    assert (registry.job(job.id).state, registry.job(job.id).attempt) == ("finished", 2)
    retry = next(event for event in registry.events(job.id) if event.kind == "retry")
    assert "the process that watches over it was ended by SIGKILL" in retry.text
    assert steps(job) == list(range(1, 21))


def supervisor_of(job: Job) -> int:
    """The parent of the process that counts."""
    counting = int((Path(job.folder) / "steps").read_text().split()[-1])
    status = Path(f"/proc/{counting}/stat").read_text()
    return int(status.rpartition(")")[2].split()[1])


def test_a_drained_worker_ends_after_its_job(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType
) -> None:
    first = queue_trial("first", steps=10, seconds=0.1)
    second = queue_trial("second", steps=1, seconds=0)
    worker = threading.Thread(target=work, args=(registry, trial))
    worker.start()
    until(lambda: len(steps(first)) >= 1)
    registry.set_mode("draining")
    worker.join(PATIENCE)
    assert [registry.job(job.id).state for job in (first, second)] == ["finished", "queued"]


def test_a_kind_that_this_worker_does_not_know_is_a_reason_and_no_end(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = queue_trial("new", steps=1, seconds=0, max_attempts=1)
    good = queue_trial("good", steps=1, seconds=0)
    known = JOB_KINDS["trial"]

    def only_good(found: Job, desk: Path, address: str | None) -> list[str]:
        if found.name == "new":
            raise KeyError("kind-of-tomorrow")
        return list(known.process(found, desk, address))

    monkeypatch.setitem(JOB_KINDS, "trial", replace(known, process=only_good))
    work(registry, trial)
    assert registry.job(job.id).state == "failed"
    assert "kind-of-tomorrow" in str(registry.job(job.id).error)
    assert registry.job(good.id).state == "finished"


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("outbox/mlflow_runs.json", b'{"a'),
        ("outbox/mlflow_runs.json", b"[1]"),
        ("checkpoints/LATEST", b"\xff\xfe"),
        ("../jobs/1/progress.json", b"\x80"),
        (
            "../jobs/1/progress.json",
            b'{"phase": 1, "done": "x", "total": 1e99, "note": 0, "seconds_left": []}',
        ),
        ("../jobs/1/progress.json", b'{"done": 1}'),
    ],
)
def test_a_small_file_that_cannot_be_read_disturbs_no_job(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType, file: str, content: bytes
) -> None:
    if registry.database.is_postgresql:
        pytest.skip("no statement differs")
    job = queue_trial("search", steps=10, seconds=0.1)
    other = queue_trial("other", steps=1, seconds=0)
    worker = threading.Thread(target=work, args=(registry, trial))
    worker.start()
    until(lambda: len(steps(job)) >= 1)
    damaged = Path(job.folder) / file
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(content)
    worker.join(PATIENCE)
    assert [registry.job(one.id).state for one in (job, other)] == ["finished", "finished"]
    assert registry.job(job.id).attempt == 1


def test_a_job_with_a_folder_that_cannot_be_is_a_reason_and_no_end(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType
) -> None:
    job, good = queue_trial("long", steps=1, seconds=0), queue_trial("good", steps=1, seconds=0)
    with registry.database.writing() as connection:  # as an older version would have queued it
        long = {"folder": str(Path(job.folder) / ("y" * 300) / "run"), "id": job.id}
        connection.execute(text("UPDATE job SET folder = :folder WHERE id = :id"), long)
    said = work(registry, trial)
    after = registry.job(job.id)
    assert (after.state, after.attempt) == ("failed", 1)
    assert "File name too long" in str(after.error)
    assert any("File name too long" in line for line in said)
    assert registry.job(good.id).state == "finished"


def test_a_full_disk_holds_a_job_until_there_is_room(
    registry: Registry, queue_trial: Callable[..., Job], trial: ModuleType, tmp_path: Path
) -> None:
    """The job ends as `posenas` does on a full disk, twice more often than attempts may fail."""
    job = queue_trial("full", full=str(tmp_path / "count"), max_attempts=1)
    work(registry, trial)
    after = registry.job(job.id)
    assert (after.state, after.attempt, after.failures) == ("finished", 3, 0)
    held = [event.text for event in registry.events(job.id) if event.kind == "held"]
    assert held[0].startswith("again in 0.2 s: No space left on device: weights (exit code 74)")
    assert len(held) == 2
