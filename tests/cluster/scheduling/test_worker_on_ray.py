"""`posenas worker --address`: searches of the queue on a Ray cluster, when the cluster has room for them."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.registry.records import Job
from cluster.registry.registry import Registry
from cluster.scheduling.planning import plan_of
from cluster.scheduling.submission import Options, submit
from cluster.scheduling.view import job_line, snapshot
from ray_head import RayHead

pytestmark = [pytest.mark.ray, pytest.mark.slow]

TINY = (
    (Path(__file__).parents[1] / "tiny.yaml")
    .read_text()
    .replace("epochs: 3, num_shards", "epochs: 1, num_shards")
    .replace(
        "num_retrained: 2, parameters: 10000, epochs: 3", "num_retrained: 1, parameters: 10000, epochs: 1"
    )
)
PATIENCE = 600.0
"""Seconds within which everything here happens, on a busy machine too."""

Start = Callable[[str, str, dict[str, str]], None]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """start(address, url, environment): a worker on a cluster, ended with the test."""
    workers: list[subprocess.Popen[bytes]] = []

    def begin(address: str, url: str, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "cluster.cli", "worker", "--database", url, "--address", address]
        with (tmp_path / f"worker-{len(workers)}.log").open("wb") as log:
            workers.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    yield begin
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.wait(PATIENCE)


@pytest.fixture
def search(tmp_path: Path) -> Callable[..., Job]:
    """search(registry, "a", workers=2) -> a queued search of one epoch."""
    lines = [f"  {line}" for line in TINY.splitlines() if not line.startswith(("#", "preset", "resources"))]

    def add(registry: Registry, name: str, workers: int, priority: int = 0) -> Job:
        file = tmp_path / f"{name}.yaml"
        head = ["kind: search", f"resources: {{workers: {workers}}}", "configuration:"]
        file.write_text("\n".join([*head, *lines]))
        options = Options(out=str(tmp_path / "runs"), priority=priority, max_attempts=1)
        return submit(registry, plan_of(file), options).jobs[0]

    return add


def test_searches_run_on_the_cluster_when_it_has_room_for_their_workers(
    search: Callable[..., Job], start: Start, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'posenas.db'}"
    with Registry.open(url) as registry, RayHead(cpus=2) as head:
        too_big = search(registry, "too_big", workers=3, priority=9)
        pair = search(registry, "pair", workers=2, priority=1)
        # `auto` is the cluster that this machine belongs to, or the one that $RAY_ADDRESS names
        start("auto", url, {**head.environment, "RAY_ADDRESS": head.address})
        _wait(lambda: registry.job(pair.id).state == "running")
        single = search(registry, "single", workers=1)
        start(head.address, url, head.environment)  # shares the cluster's room with the other
        _wait(lambda: registry.job(pair.id).ended and registry.job(single.id).ended)

        waiting = registry.job(too_big.id)
        assert (waiting.state, waiting.attempt) == ("queued", 0)
        remark = job_line(waiting, snapshot(registry)).remark
        assert remark == "needs 3 CPUs; no worker has more than 2 CPUs"
        first, second = registry.job(pair.id), registry.job(single.id)
        assert (first.state, second.state) == ("finished", "finished"), first.log_tail + second.log_tail
        # Ray puts the machine's own address in the place of 127.0.0.1
        assert first.place == second.place
        assert str(first.place).endswith(":" + head.address.partition(":")[2])
        assert {worker.place for worker in registry.workers()} == {first.place}
        # Two CPUs and three evaluators: the second search could begin only when the first had ended.
        assert second.started_at is not None
        assert first.ended_at is not None
        assert second.started_at >= first.ended_at
        assert all((Path(job.folder) / "genotype.json").exists() for job in (first, second))


def _wait(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it has not come about"
        time.sleep(0.2)
