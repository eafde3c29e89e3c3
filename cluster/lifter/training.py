"""The training of both streams as a run that can be killed at any moment and taken up again."""

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.checkpoints.store import Checkpoints
from cluster.files import write_json
from cluster.interruption import Interruption
from cluster.last_words import LastWords
from cluster.lifter.config import LiftConfig
from cluster.lifter.folder import LiftRun
from cluster.lifter.recording import record_lifter, start_lifter
from cluster.progress import Progress, SilentProgress, duration
from cluster.schedule import Remaining, Timer
from cluster.settings import configuration_hash
from cluster.tracking.facts import environment
from cluster.tracking.opening import open_store, watched
from cluster.tracking.tracker import MetricPoint, Tracker
from lifting.datasets import LiftingSplit, load_pairs
from lifting.model import num_parameters
from lifting.train import STREAMS, LifterTraining, Stream
from lifting.trained_lifter import TrainedStream, TwoStreamLifter
from nas.threads import torch_threads

__all__ = ["LiftTrainingOutcome", "run_lift_training"]

Row = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class LiftTrainingOutcome:
    """A trained lifter.

    Attributes:
        folder: the run.
        lifter: the folder of the trained lifter.
        num_parameters: of each stream.
        epochs: a row of metrics an epoch, by stream.
        seconds: of this call.
    """

    folder: Path
    lifter: Path
    num_parameters: dict[Stream, int]
    epochs: dict[Stream, list[Row]]
    seconds: float

    def lines(self) -> list[str]:
        """For a person: its errors on the validation part, and where it lies."""
        last = {name: rows[-1]["validation_p1"] for name, rows in self.epochs.items()}
        return [
            f"trained     {' and '.join(f'{n:,}' for n in self.num_parameters.values())} parameters, "
            f"{duration(self.seconds)}",
            f"validation  P1 {last['gt']:.1f} mm on true keypoints, "
            f"{last['detected']:.1f} mm on detected ones",
            f"lifter      {self.lifter}",
            f"next        posenas lift evaluate {self.folder}",
        ]


def run_lift_training(
    config: LiftConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    tracker: Tracker | None = None,
) -> LiftTrainingOutcome:
    """Train both streams with the same settings, and save the lifter.

    Killed at any moment and called again with `resume`, it gives what an uninterrupted call gives, bit for
    bit.

    Args:
        config: all settings.
        folder: of the run; new, unless `resume`.
        resume: go on with the run that lies there.
        progress: receives every epoch.
        tracker: records the training; by default the one that the settings name.

    Raises:
        FileExistsError: a run lies in the folder already.
        FileNotFoundError: no run to resume, or no data there.
        BlockingIOError: another process works on the run.
        ValueError: the settings do not fit the run, or the pairs cannot be trained on.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
    """
    progress, begin = progress or SilentProgress(), time.perf_counter()
    split = load_pairs(config.data)
    run = LiftRun.begin(folder, config, resume=resume)
    with run.locked():
        progress.say(split.describe())
        run.note_environment("training", environment(config.resources.torch_threads))
        tracker = tracker or open_store(config.tracking, run.path, progress)
        start_lifter(tracker, run, config, split)
        with watched(tracker), torch_threads(config.resources.torch_threads):
            trainings, rows = _train_streams(run, config, split, progress, tracker)
            lifter = _lifter(trainings, run, config, split, rows)
            lifter.save(run.lifter)
            record_lifter(tracker, run)
    return LiftTrainingOutcome(
        folder=run.path,
        lifter=run.lifter,
        num_parameters={name: num_parameters(training.network) for name, training in trainings.items()},
        epochs=rows,
        seconds=time.perf_counter() - begin,
    )


def _train_streams(
    run: LiftRun, config: LiftConfig, split: LiftingSplit, progress: Progress, tracker: Tracker
) -> tuple[dict[Stream, LifterTraining], dict[Stream, list[Row]]]:
    trainings: dict[Stream, LifterTraining] = {}
    rows: dict[Stream, list[Row]] = {}
    advice = f"`posenas lift train --resume --out {shlex.quote(str(run.path))}` continues exactly here"
    with LastWords(advice), Interruption(advice) as interruption:
        for stream in STREAMS:
            training = LifterTraining(
                config.stream(stream),
                config.model,
                config.normalization,
                split.train,
                split.validation,
                device=config.resources.device,
            )
            training_run = _Course(run, config, stream, training, progress, tracker)
            rows[stream] = training_run.to_the_end(interruption)
            trainings[stream] = training
            write_json(run.training_file, {"streams": rows})
    return trainings, rows


class _Course:
    """One stream from its newest checkpoint to its last epoch."""

    def __init__(
        self,
        run: LiftRun,
        config: LiftConfig,
        stream: Stream,
        training: LifterTraining,
        progress: Progress,
        tracker: Tracker,
    ) -> None:
        self._stream, self._training, self._progress, self._tracker = stream, training, progress, tracker
        key = configuration_hash({"stream": stream, **config.result_settings()})
        self._checkpoints = Checkpoints(run.checkpoints(stream), keep=2, configuration=key)
        self._timer = Timer(config.resources.checkpoint_seconds)
        self._rows: list[Row] = []
        self._times: list[float] = []

    def to_the_end(self, interruption: Interruption) -> list[Row]:
        """A row an epoch, from the first one on."""
        self._take_up()
        epochs = self._training.config.epochs
        self._progress.begin(f"stream {self._stream}", epochs, self._training.epoch)
        remaining = Remaining(epochs)
        remaining.begin(self._training.epoch)
        while self._training.epoch < epochs:
            row = self._training.run_epoch()
            self._rows.append(row)
            self._times.append(time.time())
            self._tracker.log(len(self._rows), self._named(row), self._times[-1])
            self._tell(row, remaining)
            done = self._training.epoch == epochs
            if done or interruption.requested or self._timer.due():
                self._save()
            interruption.stop_if_requested()
        return self._rows

    def _take_up(self) -> None:
        found = self._checkpoints.load_latest()
        if found is None:
            return
        self._training.load_state_dict(found.state["training"])
        self._rows, self._times = found.state["rows"], found.state["times"]
        for note in found.notes:
            self._progress.say(note)
        self._tracker.log_history(
            MetricPoint(number, self._named(row), moment)
            for number, (row, moment) in enumerate(zip(self._rows, self._times, strict=True), start=1)
        )

    def _save(self) -> None:
        state = {"training": self._training.state_dict(), "rows": self._rows, "times": self._times}
        self._checkpoints.save(state, self._training.epoch)

    def _named(self, row: Mapping[str, float]) -> Row:
        return {f"{self._stream}.{name}": value for name, value in row.items() if name != "epoch"}

    def _tell(self, row: Mapping[str, float], remaining: Remaining) -> None:
        done, epochs = len(self._rows), self._training.config.epochs
        self._progress.advance(done, f"validation {row['validation_p1']:.1f} mm")
        self._progress.say(
            f"{self._stream}  epoch {done:>{len(str(epochs))}}/{epochs}  loss {row['loss']:.4f}  "
            f"validation P1 {row['validation_p1']:.1f} mm  left {duration(remaining.seconds(done))}"
        )


def _lifter(
    trainings: Mapping[Stream, LifterTraining],
    run: LiftRun,
    config: LiftConfig,
    split: LiftingSplit,
    rows: Mapping[Stream, list[Row]],
) -> TwoStreamLifter:
    streams = {
        name: TrainedStream(
            network=training.network.cpu().eval(), keypoints=training.keypoints, joints=training.joints
        )
        for name, training in trainings.items()
    }
    notes: dict[str, Any] = {
        "data": split.name,
        "run": run.run_id,
        "configuration": config.hash,
        "settings": config.result_settings(),
        "subjects": {"train": split.train.subjects, "validation": split.validation.subjects},
        "validation_p1": {name: found[-1]["validation_p1"] for name, found in rows.items()},
    }
    return TwoStreamLifter.of(streams, notes)
