"""A real search in the queue: its worker is killed in mid-run, another goes on, the result is the same."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster.config import ExperimentConfig
from cluster.files import read_json
from cluster.registry.registry import Registry
from cluster.scheduling.planning import plan_of
from cluster.scheduling.submission import Options, submit
from cluster.scheduling.worker import WorkerConfig, run_worker
from cluster.worker import run_search

TINY = (Path(__file__).parents[1] / "tiny.yaml").read_text()


@pytest.mark.slow
def test_a_search_whose_worker_is_killed_ends_with_the_genotype_of_an_undisturbed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = "\n".join(f"  {line}" for line in TINY.splitlines() if not line.startswith(("#", "preset")))
    file = tmp_path / "search.yaml"
    file.write_text(f"kind: search\nconfiguration:\n{settings}\n  search.epochs: 12\n")
    url = f"sqlite:///{tmp_path / 'posenas.db'}"
    with Registry.open(url) as registry:
        plan = plan_of(file)
        (job,) = submit(registry, plan, Options(out=str(tmp_path / "runs"))).jobs
        command = [sys.executable, "-m", "cluster.cli", "worker", "--database", url, "--lease", "6"]
        worker = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        steps = Path(job.folder) / "checkpoints"
        deadline = time.monotonic() + 120
        while len(list(steps.glob("step-*.json"))) < 2:
            assert time.monotonic() < deadline, registry.job(job.id)
            time.sleep(0.02)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        assert not (Path(job.folder) / "genotype.json").exists()  # it was in the middle
        run_worker(
            registry, WorkerConfig(cpus=1, gpus=0, poll_seconds=0.2, retry_seconds=0.1, until_empty=True)
        )
        after = registry.job(job.id)
        assert (after.state, after.attempt) == ("finished", 2)
        assert "going on after step" in Path(str(after.log)).read_text()
    monkeypatch.setattr("cluster.stages.search.write_results", lambda *_: None)  # takes longer than all
    config = ExperimentConfig.preset("small").model_validate(plan.jobs[0].settings["config"])
    undisturbed = run_search(config, tmp_path / "undisturbed")
    found = read_json(Path(job.folder) / "search.json")
    assert found["genotype"] == str(undisturbed.genotype)
    assert [row["loss"] for row in found["epochs"]] == [row["loss"] for row in undisturbed.epochs]
