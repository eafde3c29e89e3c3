"""One small trained lifter for all tests of this folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.lifter.config import LiftConfig
from cluster.lifter.training import run_lift_training

SETTINGS: dict[str, Any] = {
    "data.num_subjects": 2,
    "data.clips_per_action": 2,
    "data.cameras_per_clip": 1,
    "model.width": 64,
    "model.blocks": 1,
    "training.epochs": 3,
    "training.steps_per_epoch": 60,
    "resources.threads": 1,
    "resources.checkpoint_seconds": 0,
    "tracking": None,
}


@pytest.fixture(scope="session")
def lift_settings() -> Callable[..., LiftConfig]:
    """The settings of these tests, some of them changed."""
    return lambda **changes: LiftConfig.preset("paper", {**SETTINGS, **changes})


@pytest.fixture(scope="session")
def trained_run(lift_settings: Callable[..., LiftConfig], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training; tests must not change it."""
    folder = tmp_path_factory.mktemp("lifter") / "run"
    run_lift_training(lift_settings(), folder)
    return folder
