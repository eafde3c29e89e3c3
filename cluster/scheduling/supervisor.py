"""The process between a worker and a job's process: it lets the job live no longer than the worker's claim.

    python -m cluster.scheduling.supervisor LEASE_SECONDS HELD_SINCE LOG COMMAND...

It reads from stdin what the worker tells, a line each: `renewed SINCE` (when the worker asked for it, by the
monotonic clock), `stop`, `kill`. The end of stdin means that the worker died. When it died, or the lease
is not renewed for two thirds of its length (the worker froze, or cannot reach the database), the job is asked
to stop (SIGTERM: it saves its state at the next step); it is killed before the lease ends and another worker
may begin with it. Only the monotonic clock of this machine is used.

The exit code is the job's; 128 + signal number if a signal ended it. Nothing heavy is imported here.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

__all__ = ["main"]

ASK_AT, KILL_AT = 2 / 3, 0.9
"""Parts of the lease after which the job is asked to stop, and killed."""

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Run the command under the lease; returns the exit code."""
    lease_seconds, held_since, log, command = (
        float(arguments[0]), float(arguments[1]), Path(arguments[2]), arguments[3:],
    )  # fmt: skip
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker, which then tells what to do
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
    return 128 - code if code < 0 else code


def _watch(child: subprocess.Popen[bytes], lease_seconds: float, renewed: float) -> None:
    """Return when the child has ended, one way or the other."""
    ended = os.pidfd_open(child.pid)
    stopping, orphaned, unread = False, False, b""
    while child.poll() is None:
        ask_at, kill_at = renewed + ASK_AT * lease_seconds, renewed + KILL_AT * lease_seconds
        now = time.monotonic()
        if now >= kill_at:
            _signal_group(child, signal.SIGKILL)
        elif not stopping and (orphaned or now >= ask_at):
            stopping = True
            _signal_group(child, signal.SIGTERM)
        seconds = min(max(0.0, (kill_at if stopping else ask_at) - now), 1.0)
        readable, _, _ = select.select([ended] if orphaned else [ended, 0], [], [], seconds)
        if 0 not in readable:
            continue
        heard = os.read(0, 4096)
        orphaned = not heard
        *lines, unread = (unread + heard).split(b"\n")
        for word, *since in (line.split() for line in lines):
            if word == b"renewed":
                renewed = max(renewed, float(since[0]))
            elif word == b"kill":
                _signal_group(child, signal.SIGKILL)
            elif not stopping:
                stopping = True
                _signal_group(child, signal.SIGTERM)
    os.close(ended)


def _die_with_parent() -> None:
    """Should somebody kill the supervisor, the kernel kills the job: nobody else could any more."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
