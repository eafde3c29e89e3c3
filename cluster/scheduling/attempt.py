"""One attempt of a job as its worker holds it: the process, its progress, its end in words."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from cluster.disk import DISK_FULL
from cluster.progress import duration
from cluster.progress_file import PROGRESS_VARIABLE, read_progress
from cluster.registry.records import Claim, JobProgress
from cluster.scheduling.jobs import JOB_KINDS
from cluster.scheduling.queue import Queue
from cluster.tracking.outbox import known_mlflow_runs

__all__ = ["Attempt", "StopReason", "explain", "last_lines", "storable"]

StopReason = Literal["cancelled", "time limit", "worker ends", "database away", "claim lost"]

Known = TypeVar("Known")

BAD_INPUT = 2
"""The exit code of `posenas` for wrong input, which no further attempt mends."""

_TAIL_BYTES = 4096
_SIGNALS = {
    signal.SIGSEGV: "segmentation fault",
    signal.SIGABRT: "it aborted itself",
    signal.SIGBUS: "bus error: a file that it had mapped became shorter, or the disk is full",
    signal.SIGILL: "illegal instruction: a library was built for another processor",
    signal.SIGFPE: "arithmetic error",
}


class Attempt:
    """A running attempt.

    Args:
        claim: what is run.
        claimed_at: when it was asked for, by the monotonic clock: from then on it is held.
        address: of the Ray cluster; None: this machine.
        environment: added to that of the worker.
        grace_seconds: from being asked to stop to being killed.
    """

    def __init__(
        self,
        claim: Claim,
        claimed_at: float,
        address: str | None,
        environment: Mapping[str, str],
        grace_seconds: float,
    ) -> None:
        self.claim, self._grace_seconds = claim, grace_seconds
        self.stopped: StopReason | None = None
        desk = Path(claim.job.folder).parent / "jobs" / str(claim.job.id)
        desk.mkdir(parents=True, exist_ok=True)
        self.log = desk / f"attempt-{claim.attempt}.log"
        self._progress_file = desk / "progress.json"
        self._progress_file.unlink(missing_ok=True)
        command = JOB_KINDS[claim.job.kind].process(claim.job, desk, address)
        self._begun = time.monotonic()
        self._killed_at = float("inf")
        self._process = subprocess.Popen(
            [
                sys.executable, "-P", "-m", "cluster.scheduling.supervisor",
                str(claim.lease_seconds), str(claimed_at), str(self.log), *command,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,  # what cannot be written any more must not be in the way of closing
            cwd=desk,
            env={**os.environ, **environment, PROGRESS_VARIABLE: str(self._progress_file)},
        )  # fmt: skip
        self._ended = os.pidfd_open(self._process.pid)

    @property
    def ended(self) -> int:
        """A file descriptor that is ready when the process has ended."""
        return self._ended

    def exit_code(self) -> int | None:
        """The job's exit code; None while it runs. A job that does not stop in time is killed here."""
        code = self._process.poll()
        if code is None and time.monotonic() > self._killed_at:
            self._tell("kill")
        if code is None and self.stopped is None and self._over_time():
            self.stop("time limit")
        return code

    def close(self) -> None:
        """Let go of a process that has ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        os.close(self._ended)

    def renewed(self, asked_at: float, lease_seconds: float) -> None:
        """The lease holds for another while, from when that was asked for."""
        self._tell(f"renewed {asked_at} {lease_seconds}")

    def stop(self, reason: StopReason) -> None:
        """Ask the job to save its state and end; when the claim is lost, end it at once."""
        if self.stopped is None:
            self.stopped = reason
            self._tell("kill" if reason == "claim lost" else "stop")
            self._killed_at = time.monotonic() + self._grace_seconds

    def progress(self) -> JobProgress:
        """How far it is."""
        report = _known(lambda: read_progress(self._progress_file))
        folder, kind = Path(self.claim.job.folder), self.claim.job.kind
        known: dict[str, Any] = {
            "checkpoint": _known(lambda: newest_checkpoint(folder)),
            "mlflow_run_id": _known(lambda: _mlflow_run(folder, kind)),
            "log_tail": last_lines(self.log, 20),
        }
        if report is None:
            return JobProgress(**known)
        return JobProgress(
            phase=storable(report.phase),
            done=report.done,
            total=report.total,
            note=storable(report.note),
            seconds_left=report.seconds_left,
            **known,
        )

    def settle(self, queue: Queue, code: int) -> str:
        """Tell the queue how the attempt ended.

        Returns:
            The same in words.

        Raises:
            ClaimLost: another attempt has the job; nothing was written.
        """
        if code == 0:
            queue.finish(self.claim)
            return "finished"
        if self.stopped == "cancelled":
            queue.cancelled(self.claim)
            return "cancelled"
        if self.stopped in ("worker ends", "database away"):
            queue.release(self.claim, f"{self.stopped}: {self.claim.worker}")
            return "given back"
        error = self._error(code)
        if code == DISK_FULL and self.stopped is None:
            pause = queue.postpone(self.claim, error)
            return f"is held, again in {duration(pause)}: {error.splitlines()[0]}"
        final = code == BAD_INPUT or self.stopped == "time limit"
        again = queue.fail(self.claim, error, final=final)
        return f"{'will be tried again' if again else 'failed'}: {error.splitlines()[0]}"

    def _error(self, code: int) -> str:
        limit = self.claim.job.limit_seconds
        if self.stopped == "time limit" and limit is not None:
            return (
                f"stopped at its time limit of {duration(limit)}; its checkpoint is kept, "
                f"`posenas retry {self.claim.job.id}` continues for as long again"
            )
        return explain(code, last_lines(self.log, 12))

    def _over_time(self) -> bool:
        limit = self.claim.job.limit_seconds
        return limit is not None and time.monotonic() - self._begun > limit

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except (BrokenPipeError, ValueError):  # it has ended; `exit_code` tells
            return


def _known(read: Callable[[], Known]) -> Known | None:
    """What a small file of the job says; None while it cannot be read.

    A file may be damaged, or its server may be away. The worker and its other jobs must not suffer from that,
    and the job itself says what is wrong with its files when it needs them.
    """
    try:
        return read()
    except (OSError, ValueError, TypeError, KeyError):
        return None


def explain(code: int, log: str) -> str:
    """Why a process ended so, and the last lines of its log."""
    if code < 0:  # the supervisor's own end; it never ends itself so, and takes the job along
        reason = f"the process that watches over it was ended by {signal.Signals(-code).name}"
    elif code == 128 + signal.SIGKILL:  # what we end ourselves is settled before it comes here
        reason = "killed by the system, probably out of memory (SIGKILL)"
    elif code > 128 and code - 128 in [*signal.Signals]:
        number = signal.Signals(code - 128)
        meaning = _SIGNALS.get(number, "a user or another program stopped it")
        reason = f"ended by {number.name}: {meaning}"
    else:  # the last line says it: a sentence of posenas, or the end of a traceback
        said = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "without a word")
        reason = f"{said} (exit code {code})"
    return f"{reason}\n{log}".rstrip()


def last_lines(log: Path, count: int) -> str:
    """The last lines of a file, of a few kilobytes at most; empty where it cannot be read."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(storable(text).splitlines()[-count:])


def storable(text: str) -> str:
    """Text that every database takes: without the character 0 and without halves of characters."""
    return text.replace("\0", "").encode(errors="replace").decode()


def newest_checkpoint(folder: Path) -> str | None:
    """The newest checkpoint of a run, as a path; None where there is none."""
    found = [
        path for path in (folder / "checkpoints" / "LATEST", folder / "training" / "LATEST") if path.exists()
    ]
    if not found:
        return None
    newest = max(found, key=lambda path: path.stat().st_mtime)
    return str(newest.parent / newest.read_text(encoding="utf-8").strip())


def _mlflow_run(folder: Path, kind: str) -> str | None:
    """MLflow's id of the job's run; the training of a search's genotype is a run of its own there."""
    runs = known_mlflow_runs(folder / "outbox")
    training = [mlflow_id for run_id, mlflow_id in runs.items() if run_id.endswith("-training")]
    if kind in ("train", "evaluate", "register") and training:
        return training[0]
    return next(iter(runs.values()), None)
