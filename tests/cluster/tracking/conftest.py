"""Servers and disks that can fail, for the tests of tracking."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlflow_server import MlflowServer
from small_disk import SmallDisk


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    """One server for the session; who kills it starts it again. Take an experiment of your own."""
    with MlflowServer(tmp_path_factory.mktemp("mlflow")) as server:
        yield server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk that can be full."""
    try:
        disk = SmallDisk(tmp_path / "disk")
    except PermissionError as error:
        pytest.skip(str(error))
    yield disk
    disk.unmount()
