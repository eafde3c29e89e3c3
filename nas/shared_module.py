"""A module whose weights come from outside: an operation or a stem over the search's shared weights."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from nas.layout import Initial, ParameterSpec
from nas.operations import Weights

__all__ = ["SharedModule"]

_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d)


class SharedModule:
    """A template without memory, and its forward computation with given weights.

    Batch normalization always uses the statistics of the batch, as everywhere while searching.

    Args:
        build: makes the module; called once.
        name: names the module in error messages.

    Raises:
        ValueError: a parameter does not belong to a convolution, a matrix or a batch normalization, or the
            module keeps a buffer.
    """

    def __init__(self, build: Callable[[], nn.Module], name: str) -> None:
        with torch.device("meta"):
            self.module = build()
        self._specs = _specs(self.module, name)
        for part in self.module.modules():
            if isinstance(part, _BatchNorm):
                _forget_statistics(part)
        buffers = [buffer for buffer, _ in self.module.named_buffers()]
        if buffers:
            raise ValueError(f"{name} keeps {', '.join(buffers)}; shared weights have no place for buffers")

    def specs(self, prefix: str) -> list[ParameterSpec]:
        """Shapes and initial values of the parameters, under a prefix."""
        return [
            ParameterSpec(f"{prefix}.{name}", shape, initial, fan_in)
            for name, shape, initial, fan_in in self._specs
        ]

    def __call__(self, weights: Weights, prefix: str, *arguments: Tensor | None) -> Tensor:
        """The module's output with the weights under a prefix."""
        values = {name: weights[f"{prefix}.{name}"] for name, *_ in self._specs}
        y: Tensor = functional_call(self.module, values, arguments)
        return y


def _specs(module: nn.Module, name: str) -> list[tuple[str, tuple[int, ...], Initial, int]]:
    """(name, shape, initial values, fan-in) of every parameter."""
    found: list[tuple[str, tuple[int, ...], Initial, int]] = []
    for path, part in module.named_modules():
        for own, parameter in part.named_parameters(recurse=False):
            shape = tuple(parameter.shape)
            initial: Initial = "zero"
            if isinstance(part, _WEIGHTED):
                initial = "he" if own == "weight" else "zero"
            elif isinstance(part, _BatchNorm):
                initial = "one" if own == "weight" else "zero"
            else:
                raise ValueError(
                    f"{name} has a parameter {own!r} in a {type(part).__name__}; parameters must lie in "
                    "Conv1d, Conv2d, Linear or BatchNorm modules"
                )
            fan_in = math.prod(shape[1:]) if initial == "he" else 0
            found.append((f"{path}.{own}" if path else own, shape, initial, fan_in))
    return found


def _forget_statistics(norm: _BatchNorm) -> None:
    norm.track_running_stats = False
    norm.running_mean = norm.running_var = norm.num_batches_tracked = None
