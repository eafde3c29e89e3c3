"""What the machines were doing while a run worked: processor, memory, GPUs, and this one's disk and network.

The names are those of MLflow's own system metrics, so that its page "System metrics" shows them. They are not
MLflow's own thread, which would write past the outbox and from every process.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import psutil

from cluster.tracking.machines import machine_use
from cluster.tracking.tracker import MetricPoint

__all__ = ["Machines", "SystemMonitor"]

Machines = Callable[[], Mapping[str, Mapping[str, float]]]
"""What each machine with workers said last, by its address; see `cluster.tracking.machines`."""

_MEGABYTE = 1e6


class SystemMonitor:
    """Gives a point every `seconds`, at the moments when it is asked.

    The step of a point is the number of seconds since the run began, so that the points of a resumed run go
    on after those of the first process.

    Args:
        began: when the run was started.
        folder: of the run; its disk is watched.
        seconds: between two points.
        now: seconds since 1970.
    """

    def __init__(
        self, began: datetime, folder: Path, seconds: float = 10, now: Callable[[], float] = time.time
    ) -> None:
        self._began, self._folder, self._seconds, self._now = began.timestamp(), folder, seconds, now
        self._last = now()
        self._network = _network_bytes()
        self._machines: Machines = dict
        psutil.cpu_percent()  # it measures from one call to the next

    def watch(self, machines: Machines) -> None:
        """Record from now on what these say, under system/ADDRESS/NAME."""
        self._machines = machines

    def due(self) -> list[MetricPoint]:
        """The point, if its time has come: processor and network since the last one."""
        now = self._now()
        if now - self._last < self._seconds:
            return []
        self._last = now
        before, self._network = self._network, _network_bytes()
        disk = psutil.disk_usage(str(self._folder))
        metrics = {
            **{f"system/{name}": value for name, value in machine_use().items()},
            **{
                f"system/{address}/{name}": value
                for address, use in self._machines().items()
                for name, value in use.items()
            },
            "system/process_memory_usage_megabytes": psutil.Process().memory_info().rss / _MEGABYTE,
            "system/disk_usage_percentage": disk.percent,
            "system/disk_available_megabytes": disk.free / _MEGABYTE,
            "system/network_receive_megabytes": (self._network[0] - before[0]) / _MEGABYTE,
            "system/network_transmit_megabytes": (self._network[1] - before[1]) / _MEGABYTE,
        }
        return [MetricPoint(max(0, round(now - self._began)), metrics, now)]


def _network_bytes() -> tuple[int, int]:
    """Received and sent since the machine was started; a container may hide its interfaces."""
    counters = psutil.net_io_counters()
    return (counters.bytes_recv, counters.bytes_sent) if counters else (0, 0)
