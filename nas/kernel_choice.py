"""Which kernels compute the search network on the CPU. Reading this setting loads no torch."""

from typing import Literal

__all__ = ["Choice"]

Choice = Literal["auto", "torch", "compiled"]
