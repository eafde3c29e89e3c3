"""What every worker's process is asked first: who it is, and whether it computes like the others."""

import os
from dataclasses import dataclass

import ray
import torch

from nas.compute import require_device
from nas.compute_config import ComputeConfig

__all__ = ["NotPreparedError", "WorkerInfo", "introduce"]


class NotPreparedError(Exception):
    """The worker's process was restarted since it was prepared: the handshake must be repeated."""


@dataclass(frozen=True, kw_only=True)
class WorkerInfo:
    """Who a worker is.

    Attributes:
        pid: its process.
        node: address of its machine.
        arithmetic: torch and what it computes with; where these differ, bits may.
    """

    pid: int
    node: str
    arithmetic: str


def introduce(compute: ComputeConfig) -> WorkerInfo:
    """Make this process a worker: one torch thread, and the device.

    Raises:
        ValueError: there is no such device in this process.
    """
    torch.set_num_threads(1)
    device = require_device(compute)
    arithmetic = f"torch {torch.__version__} {torch.backends.cpu.get_cpu_capability()}"
    if device.type == "cuda":
        arithmetic += f" {torch.cuda.get_device_name()}"
    node: str = ray.util.get_node_ip_address()  # type: ignore[no-untyped-call]
    return WorkerInfo(pid=os.getpid(), node=node, arithmetic=arithmetic)
