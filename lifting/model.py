"""The lifting network: normalized 2D keypoints of one frame in, normalized 3D joints out.

    x -> [linear, norm, activation, dropout]            to `width` units
      -> `blocks` times: x + `layers_per_block` times [linear, norm, activation, dropout]
      -> linear                                         to 3 numbers a joint

Source: Martinez et al. 2017 (figure 2); Pham et al. 2019 (section 3.1): SELU, dropout 0.25.
"""

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from lifting.dropout import DropoutKind, DropoutMasks, drop
from lifting.presets import LifterPreset, preset

__all__ = ["Activation", "Initialization", "Lifter", "LifterConfig", "LimitedLinear", "num_parameters"]

Activation = Literal["relu", "leaky_relu", "selu", "gelu", "silu", "tanh"]
Initialization = Literal["he", "lecun", "xavier", "torch"]

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "tanh": torch.tanh,
}


class LifterConfig(BaseModel):
    """The network of one stream. Defaults are the paper's; what it leaves open is as in Martinez et al."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    width: int = Field(default=1024, ge=1, description="units of every hidden layer")
    blocks: int = Field(default=2, ge=0, description="residual blocks")
    layers_per_block: int = Field(default=2, ge=1, description="hidden layers of one block")
    activation: Activation = Field(default="selu", description="activation of the hidden layers")
    dropout: float = Field(default=0.25, ge=0, lt=1, description="probability that a unit is dropped")
    dropout_kind: DropoutKind = Field(
        default="standard", description="standard, or alpha (made for SELU: it keeps mean and variance)"
    )
    norm: Literal["batch", "layer", "none"] = Field(default="batch", description="after every linear layer")
    init: Initialization = Field(
        default="he", description="weights: he (2/fan_in), lecun (1/fan_in), xavier, or torch's uniform"
    )
    residual: Literal["none_after", "activation_after", "pre_activation", "off"] = Field(
        default="none_after",
        description="identity connections: nothing after the sum (Martinez), the activation after the sum, "
        "norm and activation before each linear layer, or no connection",
    )
    max_norm: float | None = Field(
        default=None,
        gt=0,
        description="limit of the Frobenius norm of each weight matrix; Martinez: 1; null: no limit",
    )

    @classmethod
    def preset(cls, name: LifterPreset, **changes: Any) -> "LifterConfig":
        """One of the presets (see `lifting.presets.preset`), with some fields changed.

        Raises:
            ValueError: no such preset, or a change that is not allowed.
        """
        return cls.model_validate({**preset(name, "model"), **changes})


class LimitedLinear(nn.Linear):
    """A linear layer that computes with its weights W scaled down to a greatest norm.

    W * min(1, max_norm / ||W||)

    W itself keeps its size, so that a step of the optimizer moves it as far as without the limit.

    Source: `max_norm` in the published code of Martinez et al. 2017, which clips where weights are used.
    """

    def __init__(self, inputs: int, outputs: int, max_norm: float) -> None:
        super().__init__(inputs, outputs)
        self._max_norm = max_norm

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs) -> (N, outputs)."""
        return F.linear(x, self._limited(), self.bias)

    def as_linear(self) -> nn.Linear:
        """A plain layer that computes the same."""
        plain = nn.Linear(self.in_features, self.out_features)
        with torch.no_grad():
            plain.weight.copy_(self._limited())
            plain.bias.copy_(self.bias)
        return plain

    def _limited(self) -> Tensor:
        scale = self._max_norm / torch.linalg.vector_norm(self.weight)
        return self.weight * torch.clamp(scale, max=1)


class _Layer(nn.Module):
    """Linear, norm, activation and dropout, in the order of the residual arrangement."""

    def __init__(self, inputs: int, config: LifterConfig, *, pre_activation: bool = False) -> None:
        super().__init__()
        self._config, self.norm_first = config, pre_activation
        self.linear = _linear(inputs, config.width, config)
        self.norm = _norm(inputs if pre_activation else config.width, config)
        self._activate = _ACTIVATIONS[config.activation]

    def forward(self, x: Tensor, masks: DropoutMasks | None) -> Tensor:
        """(N, inputs) -> (N, width)."""
        if self.norm_first:
            return self.linear(self._drop(self._activate(self.norm(x)), masks))  # type: ignore[no-any-return]
        return self._drop(self._activate(self.norm(self.linear(x))), masks)

    def _drop(self, x: Tensor, masks: DropoutMasks | None) -> Tensor:
        p = self._config.dropout
        return x if masks is None or p == 0 else drop(x, masks.keep(x.shape, p), p, self._config.dropout_kind)


class Lifter(nn.Module):
    """The network of one stream.

    Args:
        inputs: numbers that describe the keypoints of one frame (`KeypointNormalizer.num_features`).
        outputs: numbers that describe the joints (`PoseNormalizer.num_targets`).
        config: its size and its open choices.
        generator: draws the initial weights.
    """

    def __init__(
        self, inputs: int, outputs: int, config: LifterConfig, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.config, self.num_inputs, self.num_outputs = config, inputs, outputs
        pre = config.residual == "pre_activation"
        self.first = _Layer(inputs, config)
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                _Layer(config.width, config, pre_activation=pre) for _ in range(config.layers_per_block)
            )
            for _ in range(config.blocks)
        )
        self.last = _linear(config.width, outputs, config)
        self._after = _ACTIVATIONS[config.activation] if config.residual == "activation_after" else None
        for module in self.modules():
            if isinstance(module, nn.Linear):
                _initialize(module, config, generator)

    def layers(self) -> list[_Layer]:
        """All hidden layers, in order."""
        inner = [layer for block in self.blocks for layer in block]  # type: ignore[attr-defined]
        return [self.first, *inner]

    def forward(self, x: Tensor, masks: DropoutMasks | None = None) -> Tensor:
        """Normalized keypoints to normalized joints.

        Args:
            x: float32 (N, inputs).
            masks: where dropout gets its masks from; None drops nothing.

        Returns:
            float32 (N, outputs).
        """
        x = self.first(x, masks)
        for block in self.blocks:
            branch = x
            for layer in block:  # type: ignore[attr-defined]
                branch = layer(branch, masks)
            if self.config.residual == "off":
                x = branch
            else:
                x = x + branch if self._after is None else self._after(x + branch)
        return self.last(x)  # type: ignore[no-any-return]


def num_parameters(network: nn.Module) -> int:
    """How many numbers training adjusts."""
    return sum(parameter.numel() for parameter in network.parameters())


def _linear(inputs: int, outputs: int, config: LifterConfig) -> nn.Linear:
    if config.max_norm is None:
        return nn.Linear(inputs, outputs)
    return LimitedLinear(inputs, outputs, config.max_norm)


def _norm(size: int, config: LifterConfig) -> nn.Module:
    if config.norm == "batch":
        return nn.BatchNorm1d(size)
    return nn.LayerNorm(size) if config.norm == "layer" else nn.Identity()


def _initialize(linear: nn.Linear, config: LifterConfig, generator: torch.Generator | None) -> None:
    """Weights from a normal distribution and zero biases; "torch" is the library's uniform for both."""
    fan_in, fan_out = linear.in_features, linear.out_features
    with torch.no_grad():
        if config.init == "torch":
            bound = 1 / math.sqrt(fan_in)
            linear.weight.uniform_(-bound, bound, generator=generator)
            linear.bias.uniform_(-bound, bound, generator=generator)
            return
        variance = {"he": 2 / fan_in, "lecun": 1 / fan_in, "xavier": 2 / (fan_in + fan_out)}[config.init]
        linear.weight.normal_(0, math.sqrt(variance), generator=generator)
        linear.bias.zero_()
