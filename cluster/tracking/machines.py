"""What one machine is doing: processor, memory, GPUs. Workers say it beside their results, never in them."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import psutil

__all__ = ["MachineUse", "gpu_use", "machine_use"]

_MEGABYTE = 1e6


class MachineUse:
    """Looks at this machine every `seconds`, when it is asked.

    Args:
        seconds: between two looks.
        now: a clock.
    """

    def __init__(self, seconds: float = 10, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._now = seconds, now
        self._last = now()
        psutil.cpu_percent()  # it measures from one call to the next

    def due(self) -> dict[str, float]:
        """As `machine_use`; nothing before its time has come."""
        now = self._now()
        if now - self._last < self._seconds:
            return {}
        self._last = now
        return machine_use()


def machine_use() -> dict[str, float]:
    """Processor since this process asked last, memory and GPUs, under MLflow's names without "system/"."""
    memory = psutil.virtual_memory()
    return {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / _MEGABYTE,
        "system_memory_usage_percentage": memory.percent,
        **gpu_use(),
    }


def gpu_use() -> dict[str, float]:
    """Each NVIDIA GPU that this process may ask about; none without a GPU, its driver, or nvidia-ml-py."""
    nvml = _nvml()
    if nvml is None:
        return {}
    use: dict[str, float] = {}
    for number in range(nvml.nvmlDeviceGetCount()):
        try:
            device = nvml.nvmlDeviceGetHandleByIndex(number)
            memory, share = nvml.nvmlDeviceGetMemoryInfo(device), nvml.nvmlDeviceGetUtilizationRates(device)
        except nvml.NVMLError:  # a part of a GPU (MIG) does not say how busy it is
            continue
        use[f"gpu_{number}_utilization_percentage"] = float(share.gpu)
        use[f"gpu_{number}_memory_usage_megabytes"] = memory.used / _MEGABYTE
        use[f"gpu_{number}_memory_usage_percentage"] = 100 * memory.used / memory.total
    return use


@lru_cache(maxsize=1)
def _nvml() -> Any:
    """NVIDIA's library, ready; None where there is none."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml
