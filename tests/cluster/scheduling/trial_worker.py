"""A worker in a process of its own that also runs the jobs of these tests; it can be killed and frozen.

trial_worker.py URL NAME LEASE_SECONDS [HOURS_OFF]
"""

import sys
import time
from pathlib import Path

from cluster.registry.records import Job
from cluster.registry.registry import Registry
from cluster.scheduling.jobs import JOB_KINDS, JobKind
from cluster.scheduling.worker import WorkerConfig, run_worker

COUNTING = str(Path(__file__).parent / "counting.py")
CRASH = "import os, signal, sys; print('about to crash', flush=True); os.kill(os.getpid(), int(sys.argv[1]))"
MEMORY = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (128 * 2**20, 128 * 2**20))
print("about to take", sys.argv[1], "bytes", flush=True)
bytearray(int(sys.argv[1]))
"""
FULL = """
import pathlib, sys
count = pathlib.Path(sys.argv[1])
count.write_text((count.read_text() if count.exists() else "") + "x")
if len(count.read_text()) < 3:
    print("No space left on device: weights")
    sys.exit(74)
"""
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
GRACE_SECONDS = 120.0


def trial_command(job: Job, _desk: Path, _address: str | None) -> list[str]:
    if "signal" in job.settings:
        return [sys.executable, "-c", CRASH, str(job.settings["signal"])]
    if "memory" in job.settings:
        return [sys.executable, "-c", MEMORY, str(job.settings["memory"])]
    if "full" in job.settings:
        return [sys.executable, "-c", FULL, job.settings["full"]]
    if "deaf" in job.settings:
        return [sys.executable, "-c", DEAF]
    return [sys.executable, COUNTING, job.folder, str(job.settings["steps"]), str(job.settings["seconds"])]


def never(*_: object) -> list[str]:
    raise AssertionError("a trial has a process of its own")


def add_trial_kind() -> None:
    JOB_KINDS["trial"] = JobKind(run=never, line=never, process=trial_command)


def config(name: str, lease_seconds: float) -> WorkerConfig:
    return WorkerConfig(
        name=name,
        cpus=1,
        gpus=0,
        lease_seconds=lease_seconds,
        retry_seconds=0.2,
        poll_seconds=0.1,
        grace_seconds=GRACE_SECONDS,
        until_empty=True,
    )


if __name__ == "__main__":
    url, name, lease, *off = sys.argv[1:]
    if off:
        real = time.time
        time.time = lambda: real() + 3600 * float(off[0])
    print(f"my clock says {time.time()}", flush=True)  # noqa: T201
    add_trial_kind()
    with Registry.open(url) as opened:
        run_worker(opened, config(name, float(lease)), lambda line: print(line, flush=True))  # noqa: T201
