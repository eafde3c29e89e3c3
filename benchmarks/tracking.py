"""What recording costs: time on the training path with a server that is killed, files, a long list.

python benchmarks/tracking.py outage --seconds 120     a real MLflow server, killed in mid-search
python benchmarks/tracking.py files                    the artifacts of a search of 200 epochs
python benchmarks/tracking.py list                     `posenas cells list` on 1,000 searches
python benchmarks/tracking.py                          all three
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests")]  # in this order: tests/ has a folder cluster too

from cluster.config import ExperimentConfig  # noqa: E402
from cluster.progress import PlainProgress  # noqa: E402
from cluster.tracking.config import TrackingConfig  # noqa: E402
from cluster.tracking.durable import DurableTracker  # noqa: E402
from cluster.tracking.mlflow_store import connect, experiment_id  # noqa: E402
from cluster.tracking.tracker import MlflowTracker  # noqa: E402
from cluster.worker import run_evaluation, run_search, run_training  # noqa: E402
from mlflow_server import MlflowServer  # noqa: E402
from nas.config import SearchConfig  # noqa: E402
from nas.genotype import Genotype  # noqa: E402
from nas.strategy import build_strategy  # noqa: E402

# A supernet so small that a step takes a tenth of a second: recording weighs more than it does in life.
CHEAP = {"data.name": "synthetic", "supernet.channels": 4, "supernet.normal_cells": 1, "search.num_shards": 2}
CHEAP |= {"supernet.auxiliary_channels": [4, 4], "search.batch_size": 8}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", nargs="?", choices=("outage", "files", "list"))
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the server is away")
    parser.add_argument("--epochs", type=int, default=20, help="of the search with the outage")
    parser.add_argument("--searches", type=int, default=1000, help="in the list")
    options = parser.parse_args()
    print(f"{machine()}\n")
    with tempfile.TemporaryDirectory(prefix="posenas-") as place:
        if options.part in (None, "outage"):
            outage(Path(place), options.seconds, options.epochs)
        if options.part in (None, "files"):
            files(Path(place))
        if options.part in (None, "list"):
            long_list(Path(place), options.searches)


class Timed(DurableTracker):
    """The tracker of every run, with a clock around each call that the training path makes."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.calls: list[float] = []
        self.closing = 0.0

    def _tell(self, keep: Callable[..., object]) -> None:
        begin = time.perf_counter()
        super()._tell(keep)
        self.calls.append(time.perf_counter() - begin)

    def close(self) -> None:
        """Timed apart: the run has ended by then."""
        begin = time.perf_counter()
        super().close()
        self.closing = time.perf_counter() - begin


def outage(place: Path, seconds: float, epochs: int) -> None:
    """A search whose server is killed when a fourth of it is done, and started again later."""
    settings = {"search.epochs": epochs, "search.weight_steps_per_epoch": 8, "derivation.num_retrained": 1}
    settings |= {"search.controller_steps_per_epoch": 4, "derivation.num_samples": 5, "derivation.epochs": 1}
    config = ExperimentConfig.preset("small", {**settings, **CHEAP})
    folder = place / "run"
    (place / "server").mkdir()
    with MlflowServer(place / "server") as server:
        tracker = Timed(TrackingConfig(uri=server.uri), folder, PlainProgress())
        back = threading.Event()

        def away() -> None:
            server.kill()
            time.sleep(seconds)
            server.start()
            back.set()

        progress = KillAt(f"epoch {max(1, epochs // 4):>{len(str(epochs))}}/", away)
        begin = time.perf_counter()
        outcome = run_search(config, folder, progress=progress, tracker=tracker)
        whole = time.perf_counter() - begin
        back.wait(300)
        if not progress.ended_before:
            print("the server was still away when the search ended: more --epochs are needed")
            subprocess.run([sys.executable, "-m", "cluster.cli", "deliver", str(folder)], check=True)
        told = sum(tracker.calls)
        rows = outcome.epochs
        print(
            f"search of {len(rows)} epochs, {outcome.seconds:.1f} s in its steps; server away {seconds:.0f} s"
        )
        print(
            f"calls on the training path   {len(tracker.calls)}: {told:.3f} s, {told / outcome.seconds:.3%}"
        )
        print(f"slowest call                 {1000 * max(tracker.calls):.1f} ms")
        print(f"waited at the end            {tracker.closing:.1f} s (the rest is delivered)")
        print(f"whole run, derivation too    {whole:.1f} s")
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f"CPU of couriers and servers  {used.ru_utime + used.ru_stime:.1f} s, at lowest priority")
        print(f"exactly once                 {exactly_once(server.uri, folder, rows)}\n")


class KillAt(PlainProgress):
    """Calls `then` in a thread at the first line that begins with `text`."""

    def __init__(self, text: str, then: Callable[[], None]) -> None:
        super().__init__()
        self._text, self._then, self._thread = text, then, threading.Thread(target=then)
        self._begun = False

    def say(self, line: str, detail: str = "") -> None:
        """The line, and perhaps the deed."""
        super().say(line, detail)
        if line.startswith(self._text) and not self._begun:
            self._begun = True
            self._thread.start()

    @property
    def ended_before(self) -> bool:
        """Whether the outage was over when the search ended."""
        return not self._thread.is_alive()


def exactly_once(uri: str, folder: Path, rows: Any) -> str:
    """Compare every curve in MLflow with the run's own history."""
    tracker = MlflowTracker(uri)
    tracker.attach(json.loads((folder / "run.json").read_text())["run_id"])
    expected = [(row["epoch"], row["reward"], round(1000 * row["timestamp"])) for row in rows]
    history = tracker._client.get_metric_history(tracker.mlflow_run_id, "reward")
    found = sorted((point.step, point.value, point.timestamp) for point in history)
    run = tracker._client.get_run(tracker.mlflow_run_id)
    steps = [
        [point.step for point in tracker._client.get_metric_history(tracker.mlflow_run_id, name)]
        for name in run.data.metrics
    ]
    doubled = sum(len(one) - len(set(one)) for one in steps)
    good = found == expected and doubled == 0 and run.info.status == "FINISHED"
    return (
        f"{'yes' if good else 'NO'}: {sum(map(len, steps))} points of {len(steps)} curves, {doubled} doubled"
    )


def files(place: Path) -> None:
    """200 epochs with as many samples as the preset draws, on a supernet so small that it takes minutes."""
    settings = {**CHEAP, "search.epochs": 200, "search.weight_steps_per_epoch": 1}
    settings |= {"derivation.num_samples": 10, "derivation.num_retrained": 2}
    settings |= {"derivation.epochs": 2, "training.epochs": 2, "training.warmup_epochs": 0}
    uri = f"sqlite:///{place}/mlflow.db"
    config = ExperimentConfig.preset("small", {**settings, "tracking.uri": uri})
    folder = place / "files"
    run_search(config, folder, progress=PlainProgress())
    after_search = size(place / "mlartifacts")
    run_training(folder)
    run_evaluation(folder)
    print(f"artifacts of a search of 200 epochs                {after_search / 1e6:.1f} MB")
    print(f"with the classifier, two models and the evaluation {size(place / 'mlartifacts') / 1e6:.1f} MB")
    database = (place / "mlflow.db").stat().st_size
    print(f"the database                                       {database / 1e6:.1f} MB")
    print(f"its outbox                                         {size(folder / 'outbox') / 1e6:.1f} MB\n")


def size(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def long_list(place: Path, count: int) -> None:
    """`posenas cells list`, from the shell to the last line."""
    uri = f"sqlite:///{place}/list.db"
    fill(uri, count)
    command = [sys.executable, "-m", "cluster.cli", "cells", "list", "--tracking", uri]
    environment = {**os.environ, "COLUMNS": "200", "PYTHONPATH": str(REPOSITORY)}
    walls, cpus = [], []
    for _ in range(5):
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        walls.append(time.perf_counter() - begin)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    lines = len(shown.stdout.splitlines())
    print(f"posenas cells list, {count} searches, {lines} lines")
    print(f"wall  best {min(walls):.2f} s, median {np.median(walls):.2f} s, of 5")
    print(f"CPU   best {min(cpus):.2f} s, median {np.median(cpus):.2f} s\n")


def fill(uri: str, count: int) -> None:
    """Searches with the parameters, tags, curves and children of real ones."""
    from mlflow.entities import Metric, Param, RunTag

    client = connect(uri)
    experiment = experiment_id(client, uri, "posenas")
    genotypes = build_strategy(SearchConfig(strategy="random"), 5).sample(50, "list", 0)
    params = [Param(f"section.setting_{i}", str(i)) for i in range(100)]
    for number in range(count):
        metrics = [Metric(f"curve_{i}", 0.5, 1000 + number, 1) for i in range(20)]
        metrics += [Metric(name, 0.9, 1000 + number, 0) for name in ("test_accuracy", "retrained_accuracy")]
        metrics += [Metric("parameters", 2_300_000, 0, 0), Metric("latency_ms", 5.0, 0, 0)]
        tags = [RunTag(f"posenas.tag_{i}", "x" * 50) for i in range(10)] + named(number, genotypes)
        run = client.create_run(experiment, start_time=1000 * number, run_name=f"search-{number}")
        client.log_batch(run.info.run_id, metrics, params, tags)
        child = {"mlflow.parentRunId": run.info.run_id, "posenas.genotype": "a child's"}
        client.create_run(experiment, start_time=1000 * number, run_name="child", tags=child)


def named(number: int, genotypes: list[Genotype]) -> list[Any]:
    """The tags that the list shows."""
    from mlflow.entities import RunTag

    tags = {"genotype": str(genotypes[number % len(genotypes)]), "run_id": f"{number:032x}"}
    tags |= {"data": "msr", "split": f"MSR Action3D AS{number % 3 + 1}", "version": "0.1.0"}
    return [RunTag(f"posenas.{name}", value) for name, value in tags.items()]


def machine() -> str:
    """Processor, core count and versions in one line."""
    import mlflow

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{model or platform.machine()}, {os.cpu_count()} cores, load {load}; "
        f"Python {platform.python_version()}, MLflow {mlflow.__version__}"
    )


if __name__ == "__main__":
    main()
