"""Checkpoints beside the steps: one at a time, the state of their moment, errors at the next boundary."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.checkpoints.saver import Saver
from cluster.checkpoints.store import Checkpoints, StateSnapshot


class Gated(Checkpoints):
    """Writes when it may."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.gate = threading.Event()

    def write(self, snapshot: StateSnapshot) -> int:
        assert self.gate.wait(30)
        return super().write(snapshot)


@pytest.fixture
def gated(tmp_path: Path) -> Iterator[Gated]:
    checkpoints = Gated(tmp_path / "checkpoints")
    yield checkpoints
    checkpoints.gate.set()  # a failed test must not leave a thread behind


def state(value: float) -> dict[str, Any]:
    return {"weights": np.full(300_000, value, np.float32), "few": np.array([value]), "list": [value]}


def test_a_step_goes_on_while_its_checkpoint_is_written_and_the_next_checkpoint_waits(gated: Gated) -> None:
    with Saver(gated, "auto") as saver:
        assert saver.due()
        saver.save(lambda: state(1.0), 1)
        assert gated.steps() == []  # still being written
        assert saver.due()  # and yet no step is left out
        threading.Timer(0.2, gated.gate.set).start()
        saver.save(lambda: state(2.0), 2)
        assert gated.steps()[0] == 1
    assert gated.steps() == [1, 2]


def test_what_happens_to_the_state_afterwards_does_not_reach_the_checkpoint(gated: Gated) -> None:
    living = state(1.0)
    with Saver(gated, "auto") as saver:
        saver.save(lambda: living, 1)
        living["weights"] += 1
        living["few"] += 1
        living["list"].append(2.0)
        gated.gate.set()
    loaded = Checkpoints(gated.folder).load_latest()
    assert loaded is not None
    assert (loaded.state["weights"] == 1).all()
    assert loaded.state["few"].tolist() == loaded.state["list"] == [1.0]


def test_leaving_waits_for_the_checkpoint_whatever_the_reason(gated: Gated) -> None:
    threading.Timer(0.2, gated.gate.set).start()
    saver = Saver(gated, "auto")
    saver.save(lambda: state(1.0), 1)
    saver.__exit__(KeyError, KeyError("a step failed"), None)
    assert gated.steps() == [1]


def test_numbers_are_seconds_and_zero_means_that_the_next_step_waits(tmp_path: Path) -> None:
    now = [0.0]
    with Saver(Checkpoints(tmp_path / "seldom"), 30, lambda: now[0]) as saver:
        assert not saver.due()
        now[0] = 30.0
        assert saver.due()
    with Saver(Checkpoints(tmp_path / "always"), 0) as saver:
        for step in (1, 2):
            assert saver.due()
            saver.save(lambda: state(1.0), step)
            assert Checkpoints(tmp_path / "always").steps()[-1] == step


def test_a_checkpoint_that_cannot_be_written_is_told_at_the_next_boundary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = "the checkpoint of step 1 could not be written to .*No space left on device.*make room"

    def fsync(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lifting.files.os.fsync", fsync)
    with Saver(Checkpoints(tmp_path / "due"), "auto") as saver:
        saver.save(lambda: state(1.0), 1)
        saver._thread.shutdown()
        with pytest.raises(OSError, match=message):
            saver.due()
    with pytest.raises(OSError, match=message), Saver(Checkpoints(tmp_path / "left"), "auto") as saver:
        saver.save(lambda: state(1.0), 1)


def test_an_array_that_nobody_may_change_is_written_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, real = [], Checkpoints.write

    def write(self: Checkpoints, snapshot: StateSnapshot) -> int:
        written.append(real(self, snapshot))
        return written[-1]

    monkeypatch.setattr(Checkpoints, "write", write)
    kept = state(1.0)
    kept["weights"].setflags(write=False)
    checkpoints = Checkpoints(tmp_path)
    with Saver(checkpoints, 0) as saver:
        for step in (1, 2):
            saver.save(lambda: kept, step)
        serialized = checkpoints._written["state.weights"]
        assert serialized[0] is kept["weights"]
        other = state(2.0)
        other["weights"].setflags(write=False)
        saver.save(lambda: other, 3)
    first, second, third = written
    assert first > 1_200_000 > 10_000 > second  # 300,000 values of four bytes
    assert third > 1_200_000
    loaded = Checkpoints(tmp_path).load_latest()
    assert loaded is not None
    assert (loaded.state["weights"] == 2).all()
