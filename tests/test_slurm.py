"""The scripts for Slurm: a stop is handed to the search, waited for, and the job is queued again."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "examples" / "slurm").glob("*.sbatch"))
# A search that takes a second to save its state when it is stopped.
SEARCH = """#!/bin/bash
echo "begin $*" >> "$RECORD"
trap 'sleep 1; echo saved >> "$RECORD"; exit 143' TERM
if [ -n "$CODE" ]; then exit "$CODE"; fi
while true; do sleep 0.05; done
"""
SCONTROL = '#!/bin/bash\necho "scontrol $*" >> "$RECORD"\n'


def start(folder: Path, code: str) -> subprocess.Popen[bytes]:
    for name, content in (("posenas", SEARCH), ("scontrol", SCONTROL)):
        (folder / name).write_text(content, encoding="utf-8")
        (folder / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "RECORD": str(folder / "record"),
        "CODE": code,
        "SLURM_CPUS_PER_TASK": "4",
        "SLURM_JOB_ID": "7",
    }
    script = next(one for one in SCRIPTS if one.name == "search.sbatch")
    return subprocess.Popen(["bash", str(script), "mine.yaml", "runs/mine"], env=environment)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_bash_can_read_a_script(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_a_stop_is_saved_before_the_job_is_queued_again(tmp_path: Path) -> None:
    record = tmp_path / "record"
    script = start(tmp_path, "")
    deadline = time.monotonic() + 60
    while not record.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)
    script.send_signal(signal.SIGTERM)
    assert script.wait(60) == 0
    assert record.read_text(encoding="utf-8").splitlines() == [
        "begin search --resume=auto --config mine.yaml --out runs/mine --workers 4",
        "saved",
        "scontrol requeue 7",
    ]


@pytest.mark.parametrize("code", ["0", "2"])
def test_a_search_that_ends_by_itself_ends_the_job_with_its_code(code: str, tmp_path: Path) -> None:
    assert start(tmp_path, code).wait(60) == int(code)
    assert "scontrol" not in (tmp_path / "record").read_text(encoding="utf-8")
