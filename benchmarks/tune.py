"""What a trial costs beside its training: the process it runs in, and its record in MLflow.

    python benchmarks/tune.py

Runs a few trials of three epochs that compute nothing, on a Ray of its own with one CPU: in reused
processes and in new ones, interleaved. Then the record of a trial: as the tuning keeps it (through the
outbox), straight into MLflow in batches, and by Ray's own callback. The machine is printed with the numbers.
"""

import argparse
import logging
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback

from cluster.progress import SilentProgress
from cluster.tracking.config import TrackingConfig
from cluster.tracking.durable import DurableTracker
from cluster.tracking.mlflow_store import connect
from cluster.tracking.tracker import MlflowTracker, Tracker
from cluster.tuning.config import TrialResources, TuningConfig
from cluster.tuning.folder import TuningFolder
from cluster.tuning.journal import SCORE, TrialRecord
from cluster.tuning.recording import TuningRecorder
from cluster.tuning.space import Scalar, SearchSpace
from cluster.tuning.study import run_trials

EPOCHS = 3
SPACE = SearchSpace({"x": {"uniform": [0, 1]}})


class Nothing:
    """A training that computes nothing."""

    def __init__(self, settings: Mapping[str, Scalar]) -> None:
        self.x = float(settings["x"])

    def run_epoch(self) -> dict[str, float]:
        """Ten numbers, as a training has."""
        return {SCORE: self.x, **{f"metric_{number}": self.x for number in range(9)}}

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Task:
    """Builds it."""

    def __call__(self, settings: Mapping[str, Scalar]) -> Nothing:
        """See `cluster.tuning.trials.Task`."""
        return Nothing(settings)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=6, help="of each kind")
    parser.add_argument("--record-only", action="store_true", help="leave out the processes")
    parser.add_argument("--rounds", type=int, default=2, help="how often new and reused processes take turns")
    options = parser.parse_args()
    print(machine())
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    with tempfile.TemporaryDirectory() as place:
        if not options.record_only:
            report_processes(Path(place), options.trials, options.rounds)
        report_record(Path(place), options.trials)
    ray.shutdown()


def report_processes(place: Path, trials: int, rounds: int) -> None:
    """Seconds between the ends of two trials, in new processes and in reused ones."""
    gaps: dict[bool, list[float]] = {True: [], False: []}
    for number in range(rounds):
        for reuse in (True, False):
            records = run(place / f"{number}-{reuse}", trials, reuse)
            ends = sorted(record.ended for record in records)
            gaps[reuse] += [later - earlier for earlier, later in pairwise(ends)]
    new, reused = statistics.median(gaps[False]), statistics.median(gaps[True])
    print(f"a trial of {EPOCHS} epochs in a new process    {new:7.2f} s (median of {len(gaps[False])})")
    print(f"a trial of {EPOCHS} epochs in a reused process {reused:7.2f} s (median of {len(gaps[True])})")
    print(f"ratio {new / reused:.1f}\n")


def run(place: Path, trials: int, reuse: bool) -> list[TrialRecord]:
    """Trials one after the other."""
    folder = TuningFolder.create(place, {})
    config = TuningConfig(trials=trials, epochs=EPOCHS, scheduler="none")
    resources = TrialResources(max_concurrent=1, reuse_actors=reuse)
    return run_trials(
        folder, config, SPACE, Task(), resources, changeable=(), progress=SilentProgress(), on_end=ignored
    )


def ignored(_: TrialRecord) -> None:
    """Nobody is told."""


def report_record(place: Path, trials: int) -> None:
    """Milliseconds that the record of a trial takes from whoever runs the trials."""
    records = run(place / "recorded", trials, reuse=True)
    uri = f"sqlite:///{place / 'mlflow.db'}"
    connect(uri)  # makes its tables
    folder = TuningFolder.create(place / "outbox", {})
    durable = DurableTracker(TrackingConfig(uri=uri), folder.path, SilentProgress())
    print(f"record of a trial, through the outbox       {told(durable, folder, records):8.1f} ms")
    durable.close()
    direct = TuningFolder.create(place / "direct", {})
    print(f"record of a trial, in batches, into SQLite  {told(MlflowTracker(uri), direct, records):8.1f} ms")
    plain, stock = plain_trials(place, trials, []), plain_trials(place, trials, [callback(uri)])
    print(f"Ray's own callback into SQLite adds         {1000 * (stock - plain) / trials:8.1f} ms a trial")


def told(tracker: Tracker, folder: TuningFolder, records: list[TrialRecord]) -> float:
    """Milliseconds for each trial."""
    recorder = TuningRecorder(tracker, folder, {})
    recorder.begin([])
    begin = time.perf_counter()
    for record in records:
        recorder.record(record)
    return 1000 * (time.perf_counter() - begin) / len(records)


def callback(uri: str) -> MLflowLoggerCallback:
    """Ray's own, which makes a run a trial."""
    return MLflowLoggerCallback(tracking_uri=uri, experiment_name="stock", save_artifact=False)


def plain_trials(place: Path, trials: int, callbacks: list[Any]) -> float:
    """Seconds for so many trials of Ray Tune without anything of ours."""

    class Trainable(tune.Trainable):
        def setup(self, config: dict[str, Any]) -> None:
            self.training = Nothing(config)

        def step(self) -> dict[str, Any]:
            return {**self.training.run_epoch(), "done": self.iteration + 1 >= EPOCHS}

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self.training = Nothing(new_config)
            return True

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            """Nothing to keep; Ray asks at the end of every trial."""

    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    tuner = tune.Tuner(
        Trainable,
        param_space={"x": tune.grid_search([number / trials for number in range(trials)])},
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=1),
        run_config=tune.RunConfig(
            storage_path=str(place / f"plain-{len(callbacks)}"), verbose=0, callbacks=callbacks
        ),
    )
    begin = time.perf_counter()
    results = tuner.fit()
    seconds = time.perf_counter() - begin
    if results.errors:
        raise RuntimeError(f"{results.num_errors} of {trials} trials failed") from results.errors[0]
    return seconds


def machine() -> str:
    """Processor, cores, load and versions in one line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return (
        f"{model or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}; "
        f"Python {platform.python_version()}, Ray {ray.__version__}"
    )


if __name__ == "__main__":
    main()
