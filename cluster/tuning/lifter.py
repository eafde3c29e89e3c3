"""What is tuned: one stream of the lifter, by its validation error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel

from cluster.settings import check_settings, override
from cluster.tuning.space import Scalar
from lifting.datasets import PosePairs
from lifting.model import LifterConfig
from lifting.normalize import NormalizationConfig
from lifting.train import LifterTraining, LifterTrainingConfig

__all__ = ["CHANGEABLE", "DEFAULT_SPACE", "LifterTask", "check_sections", "tunable"]

DEFAULT_SPACE: Mapping[str, Mapping[str, Any]] = {
    "model.width": {"choice": [512, 1024, 2048]},
    "model.blocks": {"integer": [1, 4]},
    "model.activation": {"choice": ["relu", "leaky_relu", "selu", "gelu", "silu"]},
    "model.dropout": {"uniform": [0.0, 0.5]},
    "model.dropout_kind": {"choice": ["standard", "alpha"]},
    "model.init": {"choice": ["he", "lecun", "xavier", "torch"]},
    "model.residual": {"choice": ["none_after", "activation_after", "pre_activation"]},
    "normalization.kind": {"choice": ["z", "root"]},
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

Sections = Mapping[str, Mapping[str, Any]]


def tunable() -> tuple[str, ...]:
    """Dotted names of all hyperparameters."""
    names = [f"{section}.{name}" for section, model in _SECTIONS.items() for name in model.model_fields]
    return tuple(name for name in names if name not in _FIXED)


def check_sections(
    sections: Sections, changes: Mapping[str, Any]
) -> tuple[LifterConfig, NormalizationConfig, LifterTrainingConfig]:
    """The three configurations of a training with some settings changed, by dotted name.

    Raises:
        ValueError: a setting is wrong; the sentence names it, what came and what is allowed.
    """
    content = override(sections, changes)
    model, normalization, training = (
        _check_section(name, kind, content.get(name, {})) for name, kind in _SECTIONS.items()
    )
    return model, normalization, training  # type: ignore[return-value]


def _check_section(name: str, kind: type[BaseModel], content: Mapping[str, Any]) -> BaseModel:
    try:
        return check_settings(kind, content, name)
    except ValueError as error:
        raise ValueError(str(error).replace(": ", ".", 1)) from error


@dataclass(frozen=True, eq=False, kw_only=True)
class LifterTask:
    """Builds the training of some hyperparameters, on the same pairs for every trial.

    Args:
        train, validation: trials are compared on `validation`; no test part comes near them.
        sections: base settings of "model", "normalization" and "training".
        epochs: of a trial that nobody stops.
    """

    train: PosePairs
    validation: PosePairs
    sections: Sections
    epochs: int

    def __call__(self, settings: Mapping[str, Scalar]) -> LifterTraining:
        """A training at its beginning, on the GPU where Ray has given the trial one."""
        changes = {**settings, "training.epochs": self.epochs}
        model, normalization, training = check_sections(self.sections, changes)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return LifterTraining(training, model, normalization, self.train, self.validation, device=device)
