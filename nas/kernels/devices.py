"""Where the fast forms of this folder are used."""

import torch
from torch import Tensor


def ours(x: Tensor) -> bool:
    """Whether our kernels are meant for it: on the CPU, and not in mixed precision."""
    return x.device.type == "cpu" and not torch.is_autocast_enabled("cpu")
