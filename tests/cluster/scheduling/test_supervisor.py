"""The process between worker and job: what ends with it, and what the clock may not end."""

import os
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 60.0


def supervise(log: Path, lease: float, since: float, script: str, order: bytes = b"") -> int:
    """The exit code of a supervised script; `order` is what the worker sends."""
    supervisor = [sys.executable, "-m", "cluster.scheduling.supervisor", str(lease), str(since), str(log)]
    with subprocess.Popen(
        [*supervisor, "/bin/sh", "-c", script], stdin=subprocess.PIPE, bufsize=0
    ) as started:
        assert started.stdin is not None
        started.stdin.write(order)
        return started.wait(PATIENCE)


def leaves_a_process(pid: Path) -> str:
    """A script that ends as soon as a process in a session of its own has begun."""
    return f"setsid sh -c 'echo $$ > {pid}; exec sleep 600' & while [ ! -s {pid} ]; do sleep 0.1; done"


def test_a_process_in_a_session_of_its_own_ends_with_its_job(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    assert supervise(tmp_path / "log", 60, time.monotonic(), leaves_a_process(pid)) == 0
    assert not Path(f"/proc/{int(pid.read_text())}").exists()


def test_the_control_without_a_supervisor_it_lives_on(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    subprocess.run(["/bin/sh", "-c", leaves_a_process(pid)], check=True, timeout=PATIENCE)
    outlived = int(pid.read_text())
    assert Path(f"/proc/{outlived}").exists()
    os.kill(outlived, 9)


def test_a_supervisor_that_waited_for_the_processor_believes_the_worker_first(tmp_path: Path) -> None:
    """It begins long after the claim, as on a busy machine; the renewal is in the pipe already."""
    done, renewal = tmp_path / "done", f"renewed {time.monotonic()} 60\n".encode()
    script = f"sleep 0.5; echo yes > {done}"
    assert supervise(tmp_path / "log", 4, time.monotonic() - 100, script, renewal) == 0
    assert done.read_text() == "yes\n"


def test_without_a_renewal_the_job_is_ended(tmp_path: Path) -> None:
    """The control."""
    assert supervise(tmp_path / "log", 4, time.monotonic() - 100, "sleep 600") > 128
