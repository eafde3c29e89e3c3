"""What is tuned: one stream of the lifter, by its validation error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel

from cluster.lifter.config import LiftConfig
from cluster.tuning.space import Scalar
from lifting.datasets import PosePairs
from lifting.model import LifterConfig
from lifting.normalize import NormalizationConfig
from lifting.train import LifterTraining, LifterTrainingConfig, Stream

__all__ = ["CHANGEABLE", "DEFAULT_SPACE", "LifterTask", "tunable"]

DEFAULT_SPACE: Mapping[str, Mapping[str, Any]] = {
    "model.width": {"choice": [512, 1024, 2048]},
    "model.blocks": {"integer": [1, 4]},
    "model.activation": {"choice": ["relu", "leaky_relu", "selu", "gelu", "silu"]},
    "model.dropout": {"uniform": [0.0, 0.5]},
    "model.dropout_kind": {"choice": ["standard", "alpha"]},
    "model.init": {"choice": ["he", "lecun", "xavier", "torch"]},
    "model.residual": {"choice": ["none_after", "activation_after", "pre_activation"]},
    "model.max_norm": {"choice": [None, 1.0]},
    "normalization.kind": {"choice": ["z", "root", "root_place"]},
    "normalization.inputs": {"choice": ["xy", "xy_seen", "xy_confidence"]},
    "training.loss": {"choice": ["huber", "mse", "l1", "mpjpe"]},
    "training.learning_rate": {"log_uniform": [3e-4, 3e-3]},
    "training.weight_decay": {"log_uniform": [1e-6, 1e-2]},
    "training.mirror": {"choice": [False, True]},
    "training.hide_keypoints": {"uniform": [0.0, 0.2]},
}
"""What the paper leaves open, and what public implementations differ in."""

CHANGEABLE = (
    "model.dropout",
    "model.dropout_kind",
    "training.loss",
    "training.delta",
    "training.learning_rate",
    "training.halve_every",
    "training.weight_decay",
    "training.hide_keypoints",
)
"""What population-based training may change: weights and inputs stay what they are with another value."""

_SECTIONS: Mapping[str, type[BaseModel]] = {
    "model": LifterConfig,
    "normalization": NormalizationConfig,
    "training": LifterTrainingConfig,
}
# Not hyperparameters: what is learned and for how long is the question, not the answer.
_FIXED = ("training.stream", "training.epochs", "training.steps_per_epoch", "training.seed")


def tunable() -> tuple[str, ...]:
    """Dotted names of all hyperparameters."""
    names = [f"{section}.{name}" for section, model in _SECTIONS.items() for name in model.model_fields]
    return tuple(name for name in names if name not in _FIXED)


@dataclass(frozen=True, eq=False, kw_only=True)
class LifterTask:
    """Builds the training of some hyperparameters, on the same pairs for every trial.

    Args:
        train, validation: trials are compared on `validation`; no test part comes near them.
        config: base settings.
        stream: which one is trained.
        epochs: of a trial that is not stopped early.
    """

    train: PosePairs
    validation: PosePairs
    config: LiftConfig
    stream: Stream
    epochs: int

    def __call__(self, settings: Mapping[str, Scalar]) -> LifterTraining:
        """A training at its beginning, on the GPU where Ray has given the trial one."""
        config = self.config.changed({**settings, "training.epochs": self.epochs})
        return LifterTraining(
            config.stream(self.stream),
            config.model,
            config.normalization,
            self.train,
            self.validation,
            device="cuda" if torch.cuda.is_available() else "cpu",
        )
