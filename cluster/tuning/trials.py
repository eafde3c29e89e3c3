"""One trial as Ray runs it: a thin actor around a training that knows nothing of Ray."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from ray import tune

from cluster.checkpoints.store import Checkpoints
from cluster.tuning.journal import Row
from cluster.tuning.space import Scalar

__all__ = ["Task", "Training", "TrialActor", "TrialPlan"]


class Training(Protocol):
    """What is trained in a trial, an epoch at a time."""

    def run_epoch(self) -> Row:
        """One more epoch; numbers by name, `SCORE` among them.

        Raises:
            ValueError, ArithmeticError: it cannot go on, as with a loss that is not finite.
        """

    def state_dict(self) -> dict[str, Any]:
        """All that the next epoch depends on."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state; settings stay those that the training was built with."""


class Task(Protocol):
    """Builds the training of some settings. It travels to every worker once, with its data."""

    def __call__(self, settings: Mapping[str, Scalar]) -> Training:
        """A training at its beginning; equal settings give equal results wherever they run."""


@dataclass(frozen=True, kw_only=True)
class TrialPlan:
    """What all trials share.

    Args:
        epochs: of a trial that is not stopped early.
        states: folder in which each trial keeps its checkpoints; every machine must reach it.
        checkpoint_seconds: time between two of them.
        threads: torch threads of a trial.
    """

    epochs: int
    states: Path
    checkpoint_seconds: float
    threads: int


class TrialActor(tune.Trainable):
    """Runs one trial after another in the same process (`reuse_actors`)."""

    def setup(  # type: ignore[override]
        self, config: dict[str, Any], task: Task, plan: TrialPlan
    ) -> None:
        """The first trial of this process."""
        torch.set_num_threads(plan.threads)
        self._task, self._plan = task, plan
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The next trial, or other settings for this one."""
        self._begin(new_config)
        return True

    def _begin(self, config: Mapping[str, Any]) -> None:
        self._number = int(config["trial"]["number"])
        self._settings = dict(config["trial"]["settings"])
        self._rows: list[Row] = []
        self._error = ""
        self._checkpoints = Checkpoints(self._plan.states / f"{self._number:04d}", keep=2)
        try:
            self._training = self._task(self._settings)
            found = self._checkpoints.load_latest()
        except (ValueError, ArithmeticError) as error:
            self._error = str(error)
        else:
            if found is not None:
                self._go_on_from(found.state)
        self._saved, self._saved_at = self._epoch, time.monotonic()

    @property
    def _epoch(self) -> int:
        return int(self._rows[-1]["epoch"]) if self._rows else 0

    def step(self) -> dict[str, Any]:
        """One epoch. That a training cannot go on is a result, with its reason: repeating does not help."""
        try:
            if self._error:
                raise ValueError(self._error)
            if self._epoch < self._plan.epochs:
                epoch = self._epoch + 1
                row = self._training.run_epoch()
                self._rows.append({**row, "epoch": epoch, "time": time.time()})
        except (ValueError, ArithmeticError) as error:
            return self._result({"epoch": self._epoch, "error": str(error)}, ended=True)
        ended = self._epoch >= self._plan.epochs
        if not ended and time.monotonic() - self._saved_at >= self._plan.checkpoint_seconds:
            self._save()
        return self._result(self._rows[-1], ended)

    def _result(self, row: Mapping[str, Any], ended: bool) -> dict[str, Any]:
        """All rows each time: those of a trial that continues after a crash may not be known yet."""
        return {**row, "rows": list(self._rows), "settings": self._settings, "done": ended}

    def _save(self) -> None:
        self._checkpoints.save(self._state(), self._epoch)
        self._saved, self._saved_at = self._epoch, time.monotonic()

    def _state(self) -> dict[str, Any]:
        return {
            "rows": [dict(row) for row in self._rows],
            "training": self._training.state_dict(),
            "settings": dict(self._settings),
        }

    def _go_on_from(self, state: Mapping[str, Any]) -> None:
        """A saved state of another network, as population-based training copies it, brings it along."""
        network = {name: value for name, value in state["settings"].items() if name.startswith("model.")}
        if any(self._settings.get(name) != value for name, value in network.items()):
            self._settings |= network
            self._training = self._task(self._settings)
        self._training.load_state_dict(state["training"])
        self._rows = list(state["rows"])

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """For Ray: a trial that is paused, or copied by another one."""
        Checkpoints(Path(checkpoint_dir), keep=1).save(self._state(), self._epoch)

    def load_checkpoint(self, checkpoint: str) -> None:  # type: ignore[override]
        """For Ray: go on from what this trial, or the one that it copies, has saved."""
        found = Checkpoints(Path(checkpoint), keep=1).load_latest()
        if found is None:
            raise ValueError(f"{checkpoint} holds no checkpoint of a trial")
        self._go_on_from(found.state)

    def cleanup(self) -> None:
        """The process ends; what it holds of an unfinished trial is kept."""
        if not self._error and self._saved < self._epoch < self._plan.epochs:
            self._save()
