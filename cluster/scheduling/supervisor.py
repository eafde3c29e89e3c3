"""The process between a worker and a job's process: it lets the job live no longer than the worker's claim.

    python -m cluster.scheduling.supervisor LEASE_SECONDS HELD_SINCE LOG COMMAND...

It reads from stdin what the worker sends, a line each: `renewed SINCE LEASE_SECONDS` (when the worker asked
for it, by the monotonic clock, and for how long), `stop`, `kill`. The end of stdin means that the worker
died. When it died, or the lease is not renewed for two thirds of its length (the worker froze, or cannot
reach the database), the job is asked to stop (SIGTERM: it saves its state at the next step); it is killed
before the lease ends and another worker may begin with it. Only the monotonic clock of this machine is used.

What the job has started ends with it, also processes in sessions of their own (`setsid`): they become
children of this process when their parent ends, and all its children are killed.

The exit code is the job's; 128 + signal number if a signal ended it. Nothing heavy is imported here.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["main"]

ASK_AT, KILL_AT = 2 / 3, 0.9
"""Parts of the lease after which the job is asked to stop, and killed."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


def main(arguments: list[str]) -> int:
    """Run the command under the lease; returns the exit code."""
    lease_seconds, held_since, log, command = (
        float(arguments[0]), float(arguments[1]), Path(arguments[2]), arguments[3:],
    )  # fmt: skip
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then tells what to do
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    with log.open("ab") as output:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # this process has one thread, so it is safe
        )
    try:
        _watch(child, lease_seconds, held_since)
    finally:
        _signal_group(child, signal.SIGKILL)  # what the job itself has started must not stay behind
        code = child.wait()
        _kill_children()
    return 128 - code if code < 0 else code


def _watch(child: subprocess.Popen[bytes], lease_seconds: float, renewed: float) -> None:
    """Return when the child has ended, one way or the other."""
    ended = os.pidfd_open(child.pid)
    stopping, asked, orphaned, unread, seconds = False, False, False, b"", 0.0
    while child.poll() is None:
        readable, _, _ = select.select([ended] if orphaned else [ended, 0], [], [], seconds)
        # All that the worker has sent comes before any judgment by the clock: on a busy machine this process
        # may have waited for its turn longer than the lease, while the worker renewed it.
        heard = os.read(0, 4096) if 0 in readable else b""
        orphaned = orphaned or (0 in readable and not heard)
        asked = asked or orphaned
        *lines, unread = (unread + heard).split(b"\n")
        for word, *numbers in (line.split() for line in lines):
            if word == b"renewed":
                renewed, lease_seconds = max(renewed, float(numbers[0])), float(numbers[1])
            elif word == b"kill":
                _signal_group(child, signal.SIGKILL)
            else:
                asked = True
        now = time.monotonic()
        ask_at, kill_at = renewed + ASK_AT * lease_seconds, renewed + KILL_AT * lease_seconds
        if len(heard) == 4096:  # there may be more to read
            seconds = 0.0
            continue
        if now >= kill_at:
            _signal_group(child, signal.SIGKILL)
        elif not stopping and (asked or now >= ask_at):
            stopping = True
            _signal_group(child, signal.SIGTERM)
        seconds = min(max(0.0, (kill_at if stopping else ask_at) - now), 1.0)
    os.close(ended)


def _kill_children() -> None:
    """Kill what is left of the job. A killed process's own children become ours: ask until none is left."""
    while children := [process for process in _processes() if _parent(process) == os.getpid()]:
        for process in children:
            _ignore_gone(lambda process=process: os.kill(process, signal.SIGKILL))  # type: ignore[misc]
            _ignore_gone(lambda process=process: os.waitpid(process, 0))  # type: ignore[misc]


def _processes() -> list[int]:
    """The ids of all processes that are visible here."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _parent(process: int) -> int | None:
    """The id of a process's parent; None if it has gone."""
    try:
        status = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return None
    return int(status.rpartition(")")[2].split()[1])  # its name, in brackets, may hold anything


def _ignore_gone(act: Callable[[], object]) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        act()


def _die_with_parent() -> None:
    """If the supervisor is killed, the kernel kills the job: no other process could any more."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    _ignore_gone(lambda: os.killpg(child.pid, number))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
