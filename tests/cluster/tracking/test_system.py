from datetime import UTC, datetime
from pathlib import Path

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
