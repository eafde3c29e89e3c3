"""Fixtures that every room's tests share."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser

from chromium import chromium_program, open_chromium
from cluster.lifter.config import LiftConfig
from cluster.lifter.training import run_lift_training
from postgres_server import PostgresServer, postgres_programs

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def one_torch_thread() -> None:
    """Sums are taken in another order with another number of threads; results are compared bit for bit."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """The folder of one real data set, or a skip that says where it was looked for."""
    root = Path(os.environ.get("POSENAS_DATA", REPOSITORY.parent / "shared" / "data"))

    def folder(name: str) -> Path:
        path = root / name
        if not path.exists():
            pytest.skip(
                f"real data set {name} is not at {path}; set POSENAS_DATA to the folder that holds it"
            )
        return path

    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server for the session; each test asks it for a database of its own (`new_database`)."""
    if postgres_programs() is None:
        pytest.skip("PostgreSQL is not installed; `bash tests/system.sh` installs it")
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium for the session; open a context of your own in it."""
    if chromium_program() is None:
        pytest.skip("Chromium is not installed; `bash tests/system.sh` installs it")
    with open_chromium() as browser:
        yield browser


LIFT_SETTINGS: dict[str, Any] = {
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
    return lambda **changes: LiftConfig.preset("paper", {**LIFT_SETTINGS, **changes})


@pytest.fixture(scope="session")
def trained_run(lift_settings: Callable[..., LiftConfig], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished training; tests must not change it."""
    folder = tmp_path_factory.mktemp("lifter") / "run"
    run_lift_training(lift_settings(), folder)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests marked `gpu` need one."""
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="torch sees no NVIDIA GPU here; run `make test-gpu` where one is")
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(skip)
