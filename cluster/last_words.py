"""How to continue a run is said even where its process is ended without a chance to speak."""

import os
import subprocess
import sys
import threading
from types import TracebackType
from typing import Self

from cluster.interruption import Interrupted

__all__ = ["LastWords"]

# A resumed run would meet wrong input again; an Interrupted says itself how to continue.
_NO_ADVICE = (ValueError, Interrupted, SystemExit)

_WATCH = """
import os, select, sys
try:
    select.select([os.pidfd_open(int(sys.argv[1]))], [], [])
except ProcessLookupError:
    pass
sys.stderr.write(sys.argv[2] + "\\n")
"""


class LastWords:
    """While entered, a small process watches this one; if this one vanishes it says how to continue.

    `kill -9`, the system's out-of-memory killer, and Ray (which ends a process that has lost its head) leave
    no time for a word. Only the main thread's run is watched. An error that leaves gets the advice as a note,
    but for wrong input, which a resumed run would meet again.

    Args:
        advice: how to continue, as "`posenas search --resume --out RUN` continues exactly here".
    """

    def __init__(self, advice: str) -> None:
        self._advice = advice
        self._text = f"ended from outside (killed, out of memory, or its Ray cluster was lost): {advice}"
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            command = [sys.executable, "-I", "-S", "-c", _WATCH, str(os.getpid()), self._text]
            # a session of its own: what ends the run's whole process group must not end its watcher
            self._watcher = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.wait()
            self._watcher = None
        if error is not None and not isinstance(error, _NO_ADVICE):
            error.add_note(self._advice)
