"""What the numbers of a run are computed with: the device, its precision, and nothing left to chance.

Two devices round differently, so device and precision are part of an experiment: a search stays on one kind
of device from its first step to its last, on however many machines.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from nas.compute_config import ComputeConfig

__all__ = ["deterministic", "require_device", "to_device", "to_host"]


def require_device(config: ComputeConfig) -> torch.device:
    """The device, ready to be used.

    Raises:
        ValueError: there is none of this kind here, or it lacks the precision.
    """
    if config.device == "cuda":
        if not torch.cuda.is_available():
            build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU alone"
            raise ValueError(
                f"`compute.device` is 'cuda', and torch (built for {build}) sees no NVIDIA GPU in this "
                "process; set it to 'cpu', or run where a GPU is, on Ray with GPUs for its workers"
            )
        if config.precision == "bfloat16" and not torch.cuda.is_bf16_supported(including_emulation=False):
            raise ValueError(
                f"`compute.precision` is 'bfloat16', which {torch.cuda.get_device_name()} cannot compute; "
                "set it to 'float32', or use a GPU of NVIDIA's Ampere generation (2020) or later"
            )
    return torch.device(config.device)


@contextmanager
def deterministic(config: ComputeConfig) -> Iterator[None]:
    """Inside, a GPU gives bit-identical results every time: no atomics, no kernels chosen by timing.

    The CPU needs nothing of it. What was set before is set again afterwards.
    """
    if config.device == "cpu":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts, which is later
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = (
        torch.are_deterministic_algorithms_enabled(),
        cudnn.benchmark,
        cudnn.allow_tf32,
        matmul.allow_tf32,
    )
    _set_switches((True, False, config.tf32, config.tf32))
    try:
        yield
    finally:
        _set_switches(before)


def _set_switches(values: tuple[bool, bool, bool, bool]) -> None:
    algorithms, benchmark, convolutions, products = values
    torch.use_deterministic_algorithms(algorithms)
    torch.backends.cudnn.benchmark = benchmark
    torch.backends.cudnn.allow_tf32 = convolutions
    torch.backends.cuda.matmul.allow_tf32 = products


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on `device`; to a GPU through pinned memory, and no thread waits for the copy."""
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)


def to_host(tensor: Tensor) -> Tensor:
    """A tensor of any device on the CPU, complete; from a GPU through pinned memory."""
    if tensor.device.type == "cpu":
        return tensor
    pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
    return pinned.copy_(tensor)  # when the copy is done: a reader does not wait for the GPU
