"""A run that is stopped, whoever stops it and however, keeps what is done and says how to go on."""

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cluster.checkpoints.store import Checkpoints
from cluster.config import ExperimentConfig
from cluster.interruption import Interrupted, Interruption
from cluster.progress import PlainProgress, SilentProgress
from cluster.settings import configuration_hash
from cluster.stages import search
from cluster.worker import run_search
from nas.children import LocalChildren
from nas.shards import NonFiniteLossError
from search_facts import search_facts

TINY_FILE = Path(__file__).parent / "tiny.yaml"
TINY = ExperimentConfig.from_file(TINY_FILE)
SHORT = TINY.changed({"search.epochs": 1})


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "write_results", lambda *_: None)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What an undisturbed search without Ray finds in three epochs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(search, "write_results", lambda *_: None)
        folder = tmp_path_factory.mktemp("straight") / "run"
        run_search(TINY, folder)
    return search_facts(folder)


def started(*arguments: str) -> subprocess.Popen[str]:
    """`posenas search`, in a session and so in a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "cluster.cli", "search", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def await_line(process: subprocess.Popen[str], beginning: str) -> None:
    assert process.stdout is not None
    assert process.stderr is not None
    assert any(line.startswith(beginning) for line in process.stdout), process.stderr.read()


def daemons(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Ray's processes below the command; not its agents, which notice after a minute that they are alone."""
    below = psutil.Process(process.pid).children(recursive=True)
    found = [one for one in below if not one.name().endswith("Agent")]
    assert {"raylet", "gcs_server"} <= {one.name() for one in found}
    return found


def await_end(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=60)
    assert alive == []


@pytest.mark.ray
@pytest.mark.slow
def test_a_run_is_killed_resumed_on_more_workers_terminated_with_its_group_and_resumed_without_ray(
    tmp_path: Path, expected: dict[str, Any]
) -> None:
    folder = tmp_path / "run"
    process = started("--config", str(TINY_FILE), "--out", str(folder), "--workers", "1")
    await_line(process, "epoch 1/3")
    below = daemons(process)
    process.kill()
    process.communicate()
    await_end(below)

    often = "resources.checkpoint_seconds=1000"  # only the signal has it saved
    process = started("--resume", "--out", str(folder), "--workers", "3", "--set", often)
    await_line(process, "epoch 2/3")
    below = daemons(process)
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 128 + signal.SIGTERM, said  # 1 where Ray was ended with it
    assert f"stopped by SIGTERM, all is saved: `posenas search --resume --out {folder}`" in said
    await_end(below)

    lines: list[str] = []
    config = TINY.changed({"resources.workers": 0})
    run_search(config, folder, resume=True, progress=PlainProgress(lines.append))
    (taken_up,) = [int(line.split()[4]) for line in lines if line.startswith("going on after step")]
    assert taken_up >= 10  # two epochs of five steps
    assert search_facts(folder) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_waits_for_the_step_and_the_second_ends_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interruption("begin anew") as interruption:
        signal.raise_signal(number)
        assert interruption.requested
        message = f"stopped by {number.name}, all is saved: begin anew"
        with pytest.raises(Interrupted, match=message) as stopped:
            interruption.stop_if_requested()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert stopped.value.exit_code == 128 + number
    assert signal.getsignal(number) is before


FULL = "No space left on device; those before it are untouched: make room and resume the run"
READ_ONLY = "Read-only file system; those before it are untouched: make the folder writable and resume"


@pytest.mark.parametrize(("number", "sentence"), [(errno.ENOSPC, FULL), (errno.EROFS, READ_ONLY)])
def test_a_folder_that_can_no_longer_be_written_ends_the_search_with_the_last_checkpoint_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, Any], number: int, sentence: str
) -> None:
    folder, real = tmp_path / "run", os.fsync

    def fsync(descriptor: int) -> None:
        if (folder / "checkpoints" / "step-00000004.json").exists():
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr("lifting.files.os.fsync", fsync)
    with pytest.raises(OSError, match=rf"the checkpoint of step 4 could not be written to .*{sentence}"):
        run_search(TINY, folder)
    assert not list(folder.rglob(".tmp-*"))
    monkeypatch.undo()
    monkeypatch.setattr(search, "write_results", lambda *_: None)
    run_search(None, folder, resume=True)
    assert search_facts(folder) == expected


def test_a_disk_that_fills_while_a_step_runs_ends_the_search_at_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, Any]
) -> None:
    """With checkpoints beside the steps, as they are by default."""
    folder, real = tmp_path / "run", os.fsync

    def fsync(descriptor: int) -> None:
        if (folder / "checkpoints" / "step-00000001.json").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(descriptor)

    monkeypatch.setattr("lifting.files.os.fsync", fsync)
    beside = TINY.changed({"resources.checkpoint_seconds": "auto"})
    with pytest.raises(OSError, match=rf"the checkpoint of step \d+ could not be written to .*{FULL}"):
        run_search(beside, folder)
    monkeypatch.undo()
    monkeypatch.setattr(search, "write_results", lambda *_: None)
    run_search(None, folder, resume=True)
    assert search_facts(folder) == expected


SLOWLY = """
import sys, time
from pathlib import Path
from cluster.config import ExperimentConfig
from cluster.worker import run_search
from nas.search import Search

step = Search.step

def slow(self):
    time.sleep(1.0)
    record = step(self)
    print("done", flush=True)
    return record

Search.step = slow
config = ExperimentConfig.from_file(Path(sys.argv[1])).changed({"resources.checkpoint_seconds": "auto"})
run_search(config, Path(sys.argv[2]), resume=sys.argv[3] == "resume")
"""


@pytest.mark.slow
def test_a_search_that_is_killed_repeats_one_step_at_most(tmp_path: Path, expected: dict[str, Any]) -> None:
    """Steps of a second; twice a kill at whatever moment comes, then counted and compared."""
    folder, saved = tmp_path / "run", 0
    for begin in ("begin", "resume"):
        process = subprocess.Popen(
            [sys.executable, "-c", SLOWLY, str(TINY_FILE), str(folder), begin],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for _ in range(3):
            assert process.stdout.readline() == "done\n"
        time.sleep(random.uniform(0.0, 1.5))
        process.kill()
        done = saved + 3 + process.communicate()[0].count("done")
        saved = Checkpoints(folder / "checkpoints").steps()[-1]
        assert done - 1 <= saved <= done
    lines: list[str] = []
    run_search(None, folder, resume=True, progress=PlainProgress(lines.append))
    assert f"going on after step {saved} of the search" in lines
    assert search_facts(folder) == expected


def test_a_stopped_scoring_goes_on_with_what_is_not_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, Any]
) -> None:
    asked: list[int] = []

    class Stopping(SilentProgress):
        def advance(self, done: int, note: str = "") -> None:
            if asked and done == 3 and len(asked) == 1:
                signal.raise_signal(signal.SIGINT)

    real = LocalChildren.evaluate

    def evaluate(self: LocalChildren, genotypes: Any, scored: Any) -> Any:
        asked.append(len(genotypes))
        return real(self, genotypes, scored)

    monkeypatch.setattr(LocalChildren, "evaluate", evaluate)
    folder = tmp_path / "run"
    with pytest.raises(Interrupted, match="stopped by SIGINT"):
        run_search(TINY, folder, progress=Stopping())
    run_search(None, folder, resume=True)
    assert asked[1] == asked[0] - 3
    assert search_facts(folder) == expected


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own of two megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can be mounted by root alone")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_really_full_disk_leaves_a_run_that_can_be_moved_and_resumed(
    small_disk: Path, tmp_path: Path, expected: dict[str, Any]
) -> None:
    folder = small_disk / "run"
    with pytest.raises(OSError, match=r"No space left on device"):
        run_search(TINY, folder)
    moved = shutil.copytree(folder, tmp_path / "moved")
    newest = Checkpoints(
        moved / "checkpoints", configuration=configuration_hash(TINY.search_settings())
    ).load_latest()
    assert newest is not None
    assert newest.step >= 1
    run_search(None, moved, resume=True)
    assert search_facts(moved) == expected


def test_a_loss_that_is_not_finite_ends_the_search_with_the_step_before_saved(tmp_path: Path) -> None:
    wild = SHORT.changed({"search.learning_rate_max": 1e30, "resources.checkpoint_seconds": 1000})
    folder = tmp_path / "run"
    message = r"not finite .*The search ended after step (\d), which is saved in .*start another run"
    with pytest.raises(NonFiniteLossError, match=message):
        run_search(wild, folder)
    saved = Checkpoints(folder / "checkpoints", configuration=configuration_hash(wild.search_settings()))
    assert saved.steps() == [1]
    assert saved.load_latest() is not None
    with pytest.raises(NonFiniteLossError, match=message):
        run_search(None, folder, resume=True)
