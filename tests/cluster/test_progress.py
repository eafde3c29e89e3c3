"""What a person or a log file sees of a run, and how it is stopped."""

import io
import os
import signal

import pytest
from rich.console import Console

from cluster.interruption import Interrupted, Interruption
from cluster.progress import PlainProgress, RichProgress, duration
from cluster.schedule import Remaining, Timer


def test_plain_progress_writes_one_line_for_what_is_said_and_is_quiet_in_between() -> None:
    now, lines = [0.0], []
    progress = PlainProgress(lines.append, lambda: now[0])
    progress.begin("search", 100, 40)
    progress.advance(41, "epoch 5")
    progress.say("epoch 5/10  reward 0.5", "best 0 1 2")
    now[0] = 29.0
    progress.advance(42)
    now[0] = 31.0
    progress.advance(43, "epoch 6")
    assert lines == [
        "search: 100 steps, 40 of them done before",
        "epoch 5/10  reward 0.5  best 0 1 2",
        "search 43/100  epoch 6",
    ]


def test_rich_progress_writes_lines_above_its_bar() -> None:
    output = io.StringIO()
    with RichProgress(Console(file=output, width=80)) as progress:
        progress.begin("search", 10)
        progress.advance(3, "epoch 1")
        progress.say("epoch 1 done [not markup]", "best 0 1")
    assert "epoch 1 done [not markup]\n  best 0 1\n" in output.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59, "59 s"),
        (60, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.9, "1 h 00 min"),
        (7500, "2 h 05 min"),
    ],
)
def test_durations_read_as_a_person_says_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_the_time_left_follows_the_pace_since_the_work_was_taken_up() -> None:
    now = [100.0]
    remaining = Remaining(10, lambda: now[0])
    remaining.begin(4)
    assert remaining.seconds(4) == 0  # no pace yet
    now[0] = 106.0
    assert remaining.seconds(6) == 12  # 6 s for 2 units: 3 s each, 4 to go


def test_a_timer_is_due_once_each_interval_and_always_at_zero_seconds() -> None:
    now = [0.0]
    timer, always = Timer(30, lambda: now[0]), Timer(0, lambda: now[0])
    assert (timer.due(), always.due(), always.due()) == (False, True, True)
    now[0] = 30.0
    assert (timer.due(), timer.due()) == (True, False)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_ends_at_once(number: int) -> None:
    with Interruption("`posenas ...` continues") as interruption:
        os.kill(os.getpid(), number)
        assert interruption.requested
        with pytest.raises(Interrupted, match=r"all is saved: `posenas ...` continues") as stopped:
            interruption.stop_if_requested()
        assert stopped.value.exit_code == 128 + number
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)


def test_handlers_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
