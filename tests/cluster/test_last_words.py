"""What is said of a run whose process is ended without a chance to speak."""

import signal
import subprocess
import sys

import pytest

from cluster.interruption import Interrupted
from cluster.last_words import LastWords

RUN = """
import os, signal, sys
from cluster.last_words import LastWords
with LastWords("`posenas search --resume --out RUN` continues exactly here"):
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[1] == "exit":  # as Ray ends a process that has lost its head
        os._exit(1)
    if sys.argv[1] == "error":
        raise SystemExit(3)
"""


def said(fate: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", RUN, fate], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize(("fate", "code"), [("killed", -signal.SIGKILL), ("exit", 1)])
def test_a_process_that_vanishes_leaves_how_to_continue(fate: str, code: int) -> None:
    assert said(fate) == (
        code,
        "ended from outside (killed, out of memory, or its Ray cluster was lost): "
        "`posenas search --resume --out RUN` continues exactly here\n",
    )


@pytest.mark.parametrize(("fate", "code"), [("end", 0), ("error", 3)])
def test_one_that_ends_by_itself_leaves_nothing(fate: str, code: int) -> None:
    assert said(fate) == (code, "")


ADVICE = "`posenas search --resume --out RUN` continues exactly here"


def noted(error: BaseException) -> list[str]:
    with pytest.raises(type(error)) as caught, LastWords(ADVICE):
        raise error
    return getattr(caught.value, "__notes__", [])


@pytest.mark.parametrize(
    "error", [RuntimeError("the worker cannot be started"), OSError(28), KeyboardInterrupt()]
)
def test_an_error_that_ends_a_run_takes_along_how_to_continue(error: BaseException) -> None:
    assert noted(error) == [ADVICE]


@pytest.mark.parametrize("error", [ValueError("wrong"), Interrupted("continue with ...", 130), SystemExit(3)])
def test_an_error_that_would_come_again_or_says_it_itself_gets_no_advice(error: BaseException) -> None:
    assert noted(error) == []
