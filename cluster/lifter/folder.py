"""The folder of one training of the lifter: what lies where.

run.json         the run's own id, by which MLflow knows it, and when it was started
lifting.json     all settings; `posenas lift train --config` reads it back
environment.json versions, machine and threads of each command that ran
streams/gt/      checkpoints of the stream that learns from true keypoints
streams/detected/ those of the stream that learns from detected ones
training.json    a row an epoch of each stream
lifter/          the trained lifter: all that lifting needs
evaluation.json  errors on every test part, in each mode of inference
pictures/        2D, truth and prediction side by side; error by joint
"""

from pathlib import Path

from cluster.files import write_json
from cluster.lifter.config import LiftConfig
from cluster.run_folder_base import RunFolderBase
from cluster.settings import difference
from lifting.train import Stream

__all__ = ["LiftRun"]


class LiftRun(RunFolderBase):
    """Names the files of a run; never lets one run write over another."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.config_file = self.path / "lifting.json"
        self.training_file = self.path / "training.json"
        self.lifter = self.path / "lifter"
        self.evaluation_file = self.path / "evaluation.json"
        self.pictures = self.path / "pictures"

    @classmethod
    def begin(cls, path: Path, config: LiftConfig, *, resume: bool) -> "LiftRun":
        """Start a run here, or go on with the one that lies here.

        Raises:
            FileExistsError: a run lies here and `resume` is False, or files that are not ours.
            FileNotFoundError: `resume`, and no run lies here.
            ValueError: `resume` with settings that would give another result.
        """
        run = cls(path)
        if resume:
            run = cls.open(path)
            run._check_same(config)
        else:
            run._check_free()
            run.identify()
        write_json(run.config_file, config.to_dict())
        return run

    @classmethod
    def open(cls, path: Path) -> "LiftRun":
        """The run that lies here.

        Raises:
            FileNotFoundError: there is none.
        """
        run = cls(path)
        if not run.config_file.exists():
            raise FileNotFoundError(
                f"{path} holds no training of a lifter (no {run.config_file.name}); "
                f"`posenas lift train --out {path}` starts one"
            )
        return run

    def config(self) -> LiftConfig:
        """The settings of this run."""
        return LiftConfig.from_file(self.config_file)

    def checkpoints(self, stream: Stream) -> Path:
        """Where the checkpoints of one stream lie."""
        return self.path / "streams" / stream

    def _check_free(self) -> None:
        if self.config_file.exists():
            raise FileExistsError(
                f"{self.path} already holds a training of a lifter; continue it with --resume, "
                "or give another folder with --out"
            )
        self.check_unused()

    def _check_same(self, config: LiftConfig) -> None:
        for name, was, now in difference(self.config().result_settings(), config.result_settings()):
            raise ValueError(
                f"the training in {self.path} has begun with {name} {was!r} and cannot go on with {now!r}; "
                "give another folder with --out"
            )
