import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster.tracking import machines
from cluster.tracking.machines import MachineUse
from cluster.tracking.system import SystemMonitor

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_point_comes_when_its_time_has_come_and_counts_from_the_beginning_of_the_run(
    tmp_path: Path,
) -> None:
    clock = iter(BEGAN.timestamp() + seconds for seconds in (100, 105, 110.4, 115, 121))
    monitor = SystemMonitor(BEGAN, tmp_path, seconds=10, now=lambda: next(clock))
    assert monitor.due() == []
    (point,) = monitor.due()
    assert point.step == 110
    assert point.timestamp == BEGAN.timestamp() + 110.4
    assert monitor.due() == []
    assert monitor.due()[0].step == 121


def test_a_point_holds_processor_memory_disk_and_network_under_the_names_that_mlflow_shows(
    tmp_path: Path,
) -> None:
    (point,) = SystemMonitor(BEGAN, tmp_path, seconds=0).due()
    assert all(name.startswith("system/") for name in point.metrics)
    assert 0 <= point.metrics["system/cpu_utilization_percentage"] <= 100
    assert point.metrics["system/process_memory_usage_megabytes"] > 1
    assert point.metrics["system/disk_available_megabytes"] > 0
    assert point.metrics["system/network_receive_megabytes"] >= 0


def test_what_other_machines_say_is_recorded_under_their_addresses(tmp_path: Path) -> None:
    monitor = SystemMonitor(BEGAN, tmp_path, seconds=0)
    monitor.watch(lambda: {"10.0.0.2": {"cpu_utilization_percentage": 25.0}})
    (point,) = monitor.due()
    assert point.metrics["system/10.0.0.2/cpu_utilization_percentage"] == 25.0
    assert 0 <= point.metrics["system/cpu_utilization_percentage"] <= 100


def test_a_worker_looks_at_its_machine_only_when_it_is_time() -> None:
    clock = iter((0.0, 9.0, 10.0, 12.0))
    use = MachineUse(seconds=10, now=lambda: next(clock))
    assert use.due() == {}
    assert 0 < use.due()["system_memory_usage_percentage"] <= 100
    assert use.due() == {}


def one_gpu() -> SimpleNamespace:
    """NVIDIA's library on a machine with a GPU of 80 GB, half of it used, and a part of another one (MIG)."""

    class NVMLError(Exception):
        """Not supported."""

    def utilization(number: int) -> SimpleNamespace:
        if number == 1:
            raise NVMLError
        return SimpleNamespace(gpu=75)

    return SimpleNamespace(
        NVMLError=NVMLError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=40_000_000_000, total=80_000_000_000),
        nvmlDeviceGetUtilizationRates=utilization,
    )


@pytest.fixture
def _fresh() -> Iterator[None]:
    machines._nvml.cache_clear()
    yield
    machines._nvml.cache_clear()


@pytest.mark.usefixtures("_fresh")
def test_gpus_are_recorded_where_there_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", one_gpu())
    (point,) = SystemMonitor(BEGAN, tmp_path, seconds=0).due()
    assert {name: value for name, value in point.metrics.items() if "gpu" in name} == {
        "system/gpu_0_utilization_percentage": 75.0,
        "system/gpu_0_memory_usage_megabytes": 40_000.0,
        "system/gpu_0_memory_usage_percentage": 50.0,
    }


@pytest.mark.usefixtures("_fresh")
def test_without_nvidias_library_no_gpu_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert machines.gpu_use() == {}
