"""`posenas lift tune` as a function: from settings and a search space to the best settings as a file."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from cluster.interruption import Interrupted
from cluster.lifter.config import LiftConfig
from cluster.progress import Progress, SilentProgress
from cluster.settings import check_settings, override
from cluster.tracking.opening import open_store
from cluster.tracking.tracker import Status
from cluster.tuning.config import TrialResources, TuningConfig
from cluster.tuning.folder import TuningFolder
from cluster.tuning.journal import TrialRecord, best_of
from cluster.tuning.lifter import CHANGEABLE, DEFAULT_SPACE, LifterTask, tunable
from cluster.tuning.recording import TuningRecorder
from cluster.tuning.results import write_best, write_results
from cluster.tuning.space import SearchSpace
from cluster.tuning.study import run_trials
from lifting.datasets import load_pairs
from lifting.train import Stream

__all__ = ["LiftTuningConfig", "TuningOutcome", "run_tuning"]


class LiftTuningConfig(BaseModel):
    """All settings of one tuning; saved with it as tuning.json.

    The outcome depends on `stream`, `tuning`, `space` and `lift` but for where its data lie; `resources` says
    where the trials run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream: Stream = Field(default="detected", description="which stream of the lifter is tuned")
    tuning: TuningConfig = Field(
        default_factory=TuningConfig, description="number of trials, and their scheduler and sampler"
    )
    space: dict[str, Any] = Field(
        default_factory=lambda: dict(DEFAULT_SPACE), description="hyperparameters, each with its distribution"
    )
    lift: LiftConfig = Field(
        default_factory=LiftConfig, description="data, all that is not searched, and the record"
    )
    resources: TrialResources = Field(default_factory=TrialResources, description="where trials run")

    @classmethod
    def of(cls, lift: LiftConfig, changes: Mapping[str, Any], space: Path | None = None) -> Self:
        """Settings from those of a training, changes by dotted name, and the file of a search space.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: a setting or the space is wrong; the sentence says what, and what is allowed.
        """
        content: dict[str, Any] = {"lift": lift.to_dict()}
        if space is not None:
            content["space"] = SearchSpace.from_file(space).to_dict()
        config = check_settings(cls, override(content, changes), "the tuning")
        config.search_space(str(space) if space else "the search space")
        return config

    @classmethod
    def stored(cls, folder: Path, changes: Mapping[str, Any]) -> Self:
        """The settings of a tuning that lies in a folder, with some changed.

        Raises:
            FileNotFoundError: no tuning lies there.
            ValueError: a change is not allowed.
        """
        settings = TuningFolder.open(folder).settings
        return check_settings(cls, override(settings, changes), "the tuning")

    def search_space(self, source: str = "the search space") -> SearchSpace:
        """The space, checked against what can be tuned.

        Raises:
            ValueError: a hyperparameter does not exist, or may not take one of its values.
        """
        space = SearchSpace(self.space, source)
        space.check(tunable(), self.lift.changed)
        return space

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**self.model_dump(mode="json"), "lift": self.lift.to_dict()}


@dataclass(frozen=True, kw_only=True)
class TuningOutcome:
    """What a tuning has found.

    Attributes:
        records: all trials, by number.
        best: the best of them.
        best_file: its settings, for `posenas lift train --config`.
        shares: importance of each hyperparameter; empty after fewer than eight trials.
        folder: where everything lies.
    """

    records: Sequence[TrialRecord]
    best: TrialRecord
    best_file: Path
    shares: Mapping[str, float]
    folder: Path

    @property
    def num_open(self) -> int:
        """Trials that time did not suffice for."""
        return sum(not record.has_ended for record in self.records)

    def lines(self) -> list[str]:
        """For a person: the best trial, what matters, and where everything lies."""
        lines = [
            f"best      {self.best.name}, {self.best.score:.1f} mm on the validation part",
            f"matters   {_most_important(self.shares)}",
            f"pictures  {self.folder / 'pictures'}",
            f"table     {self.folder / 'trials.csv'}",
            f"next      posenas lift train --config {self.folder / 'best.yaml'}",
        ]
        if self.num_open:
            lines.append(f"left      {self.num_open} trials: posenas lift tune --resume --out {self.folder}")
        return lines


def run_tuning(
    config: LiftTuningConfig, out: Path, *, resume: bool = False, progress: Progress | None = None
) -> TuningOutcome:
    """Tune the lifter's hyperparameters: try, judge by the validation part, and keep the best settings.

    Args:
        config: what is tuned, and how.
        out: folder of the tuning; new, or with `resume` that of one that was started with these settings.
        resume: go on. No trial that has ended is run again, and one that was running continues from its last
            checkpoint.
        progress: receives what happens.

    Raises:
        FileExistsError, FileNotFoundError: the folder is in the way, or not there; or the data are not.
        ValueError: settings, space, data or cluster are wrong, or no trial has given a result.
        Interrupted: SIGINT or SIGTERM came; all is saved.
    """
    progress = progress or SilentProgress()
    space = config.search_space()
    split = load_pairs(config.lift.data)
    settings = config.to_dict()
    folder = TuningFolder.open(out, settings) if resume else TuningFolder.create(out, settings)
    progress.say(f"tuning the {config.stream} stream on {split.name}")
    task = LifterTask(
        train=split.train,
        validation=split.validation,
        config=config.lift,
        stream=config.stream,
        epochs=config.tuning.epochs,
    )
    with folder.locked(), closing(open_store(config.lift.tracking, folder.path, progress)) as tracker:
        tags = {"posenas.data": config.lift.data.name, "posenas.split": split.name}
        recorder = TuningRecorder(tracker, folder, {**tags, "posenas.stream": config.stream})
        recorder.begin(folder.journal.read())
        try:
            records = run_trials(
                folder,
                config.tuning,
                space,
                task,
                config.resources,
                changeable=CHANGEABLE,
                progress=progress,
                on_end=recorder.record,
                advice=f"go on with `posenas lift tune --resume --out {out}`",
            )
            return _concluded(config, space, folder, records, recorder)
        except BaseException as error:
            status: Status = "killed" if isinstance(error, (Interrupted, KeyboardInterrupt)) else "failed"
            recorder.finish(folder.journal.read(), {}, status)
            raise


def _concluded(
    config: LiftTuningConfig,
    space: SearchSpace,
    folder: TuningFolder,
    records: Sequence[TrialRecord],
    recorder: TuningRecorder,
) -> TuningOutcome:
    best = best_of(records)
    if best is None:
        failed = next((record for record in records if record.state == "failed"), None)
        why = f"; {failed.name} failed: {failed.error}" if failed else ""
        raise ValueError(f"none of {len(records)} trials has a result{why}")
    shares = write_results(folder, records, space, config.tuning.seed)
    write_best(
        folder.best_file,
        best,
        _training_settings(config, best),
        f"posenas lift train --config {folder.best_file} --out FOLDER",
    )
    recorder.finish(records, shares, "finished")
    return TuningOutcome(
        records=records, best=best, best_file=folder.best_file, shares=shares, folder=folder.path
    )


def _training_settings(config: LiftTuningConfig, best: TrialRecord) -> dict[str, Any]:
    """What `posenas lift train` reads: the base settings, their number of epochs too, with the best ones."""
    settings = config.lift.changed(best.settings).to_dict()
    return {name: settings[name] for name in ("data", "model", "normalization", "training")}


def _most_important(shares: Mapping[str, float]) -> str:
    if not shares:
        return "cannot be said of fewer than 8 trials"
    return ", ".join(f"{name} {share:.0%}" for name, share in list(shares.items())[:4])
