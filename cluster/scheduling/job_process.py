"""The process of a job's attempt: reads a request, calls the function of its kind, ends with an exit code.

    python -P -m cluster.scheduling.job_process REQUEST.json

Its log begins with the line that does the same by hand, and ends with the result or the reason. The exit
codes are those of `cluster.errors`; 128 + signal number when the job was asked to stop and has saved its
state.
"""

import io
import os
import shlex
import sys
import traceback
from pathlib import Path

from cluster.errors import exit_code, notes, sentence
from cluster.interruption import Interrupted
from cluster.progress_file import opened_progress
from cluster.scheduling.jobs import JOB_KINDS, JobRequest

__all__ = ["main"]


def main(arguments: list[str]) -> int:
    """Do what the request asks for; returns the exit code."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as for a command: see cluster.cli
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a letter that the log's encoding lacks ends no job
    request = JobRequest.read(Path(arguments[0]))
    kind = JOB_KINDS[request.kind]
    _say(f"by hand: {shlex.join(['posenas', *kind.line(request)])}")
    try:
        with opened_progress() as progress:
            lines = kind.run(request, progress)
    except Interrupted as stopped:
        _say(str(stopped))
        return stopped.exit_code
    except KeyboardInterrupt as stopped:
        _say("stopped at once; what the last checkpoint holds is safe")
        _say_notes(stopped)
        return 130
    except Exception as error:  # noqa: BLE001 - the last door: everything leaves as a sentence and a code
        code = exit_code(error)
        if code == 1:  # no wrong input and no passing trouble: a developer needs the place
            traceback.print_exc()
        _say(sentence(error))
        _say_notes(error)
        return code
    for line in lines:
        _say(line)
    return 0


def _say_notes(error: BaseException) -> None:
    for note in notes(error):
        _say(note)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
