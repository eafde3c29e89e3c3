"""What a search depends on besides its data: sizes, counts, rates and the seed, in presets."""

import math
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from nas.space import ENAS_MICRO, find_space
from nas.strategy_table import check_strategy

PresetName = Literal["paper", "released", "small", "temporal"]
PRESETS: tuple[PresetName, ...] = ("paper", "released", "small", "temporal")


class ControllerConfig(BaseModel):
    """The controller and its REINFORCE training. Defaults are those of the released ENAS program."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(default=64, ge=1, description="hidden units of the LSTM")
    tanh_constant: float = Field(default=1.10, gt=0, description="logits of inputs lie within +- this")
    operation_tanh_reduce: float = Field(
        default=2.5, gt=0, description="logits of operations lie within this less"
    )
    temperature: float = Field(default=1.0, gt=0, description="logits are divided by this before the tanh")
    normal_bias: float = Field(
        default=0.25, ge=0, description="fixed bonus of convolutions in the normal cell"
    )
    learning_rate: float = Field(default=0.0035, gt=0, description="rate of Adam")
    adam_epsilon: float = Field(
        default=1e-3, gt=0, description="Adam's epsilon; well below the gradients it makes steps of one size"
    )
    entropy_weight: float = Field(default=1e-4, ge=0, description="weight of the entropy in the reward")
    baseline_decay: float = Field(
        default=0.99, ge=0, lt=1, description="decay of the moving average of rewards"
    )
    baseline_start: Literal["zero", "first"] = Field(
        default="zero",
        description="baseline before the first step: 0 as in ENAS, or the first step's mean reward",
    )


class SearchConfig(BaseModel):
    """A search. Defaults are those of the released ENAS program on CIFAR-10 where it has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, description="decides every random number of the search")
    epochs: int = Field(
        default=150, ge=1, description="epochs; one is weight steps followed by controller steps"
    )
    space: str = Field(
        default=ENAS_MICRO.name, description="search space: enas_micro, temporal, or module:name"
    )
    strategy: str = Field(
        default="enas",
        description="what proposes architectures: enas, random, evolution, local, or module:Class",
    )
    strategy_options: dict[str, Any] = Field(
        default={}, description="settings of a strategy that no other has, as {population: 50}"
    )
    num_shards: int = Field(default=1, ge=1, description="M: genotypes (and minibatches) of one weight step")
    weight_steps_per_epoch: int = Field(
        default=282, ge=1, description="updates of the shared weights in an epoch"
    )
    num_samples: int = Field(default=10, ge=1, description="genotypes scored in one controller step")
    controller_steps_per_epoch: int = Field(
        default=30, ge=1, description="updates of the strategy in an epoch"
    )
    batch_size: int = Field(default=160, ge=2, description="training images of one shard")
    validation_batch_size: int | None = Field(
        default=160,
        ge=2,
        description="validation images of one score; null scores on the whole validation part",
    )
    evaluation_batch_size: int = Field(
        default=500,
        ge=2,
        description="images of one batch on the whole validation part, if not set by the above",
    )
    reward: Literal["accuracy", "loss"] = Field(
        default="accuracy",
        description="reward of a genotype: validation accuracy (0 to 1), or minus the loss",
    )
    collapse_threshold: float = Field(
        default=1e-3, ge=0, description="a spread of rewards below this says nothing about architectures"
    )
    learning_rate_max: float = Field(
        default=0.05, gt=0, description="rate of the shared weights after a restart"
    )
    learning_rate_min: float = Field(default=0.0005, ge=0, description="rate at the end of a cosine period")
    restart_epochs: int = Field(default=10, ge=1, description="T0: epochs of the first cosine period")
    restart_factor: int = Field(default=2, ge=1, description="Tmul: each period is this many times longer")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Nesterov momentum of the shared weights")
    weight_decay: float = Field(
        default=2e-4, ge=0, description="weight decay; 2 x the L2 coefficient of ENAS"
    )
    clip_norm: float = Field(default=5.0, gt=0, description="largest global norm of the averaged gradient")
    auxiliary_weight: float = Field(default=0.4, ge=0, description="weight of the auxiliary head's loss")
    class_weights: Literal["equal", "balanced"] = Field(
        default="equal",
        description="weight of a class in the loss; balanced: each counts as much as any other",
    )
    sampling: Literal["uniform", "balanced"] = Field(
        default="uniform",
        description="draw of the training images; balanced: every class as often as any other",
    )
    controller: ControllerConfig = Field(default=ControllerConfig(), description="the ENAS controller")

    @field_validator("space")
    @classmethod
    def _known_space(cls, name: str) -> str:
        find_space(name)
        return name

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, name: str) -> str:
        return check_strategy(name)

    @classmethod
    def preset(cls, name: PresetName, **changes: Any) -> "SearchConfig":
        """One of the presets, with some fields changed.

        "released" is the released program on CIFAR-10: one genotype a weight step, 282 steps of 160 images.
        "paper" is Pham et al. 2019 on top of ENAS 2018: 200 epochs, controller rate 0.00035, tanh 2.5 and
        temperature 5; ten shards of 16 images make the minibatch of 160, so that a cluster has work.
        "small" is ours, for 100 to 300 images: an epoch sees 1,536 augmented images, about fifteen times the
        training part of an MSR Action3D subset; the learning rate restarts every ten epochs.
        "temporal" is ours too, for the temporal space: a search of one or two minutes on one core.

        Raises:
            ValueError: no such preset, or a change that is not allowed.
        """
        if name not in _PRESETS:
            raise ValueError(f"search preset is {name!r}; known are {', '.join(_PRESETS)}")
        return cls.model_validate({**_PRESETS[name], **changes})

    def learning_rate(self, epoch: int) -> float:
        """Rate of the shared weights in an epoch, counted from 0."""
        return cosine_with_restarts(
            epoch, self.learning_rate_max, self.learning_rate_min, self.restart_epochs, self.restart_factor
        )


def cosine_with_restarts(epoch: int, maximum: float, minimum: float, first: int, factor: int) -> float:
    """min + (max - min) (1 + cos(pi t / T)) / 2, t epochs after the last restart, T the current period.

    Source: Loshchilov and Hutter 2017 (SGDR), equation 5.
    """
    period, start = first, 0
    while epoch >= start + period:
        start += period
        period *= factor
    return minimum + 0.5 * (maximum - minimum) * (1 + math.cos(math.pi * (epoch - start) / period))


_PRESETS: dict[str, dict[str, Any]] = {
    "released": {},
    "paper": {
        "epochs": 200,
        "num_shards": 10,
        "batch_size": 16,
        "controller": {"learning_rate": 0.00035, "tanh_constant": 2.5, "temperature": 5.0},
    },
    "small": {
        # After 20, the shared weights hardly know the actions (docs/results.md, "Epochs of search").
        "epochs": 100,
        "num_shards": 4,
        "weight_steps_per_epoch": 24,
        "num_samples": 8,
        "controller_steps_per_epoch": 8,
        "batch_size": 16,
        "validation_batch_size": None,
        "reward": "loss",
        "restart_factor": 1,
        # 800 updates must do what 4,500 do in the released program: Adam takes steps of full size.
        "controller": {
            "learning_rate": 0.001,
            "adam_epsilon": 1e-5,
            "baseline_decay": 0.9,
            "baseline_start": "first",
        },
    },
    "temporal": {
        "space": "temporal",
        "epochs": 30,
        "num_shards": 2,
        "weight_steps_per_epoch": 16,
        "num_samples": 8,
        "controller_steps_per_epoch": 4,
        "batch_size": 32,
        "validation_batch_size": None,
        "reward": "loss",
        "restart_epochs": 30,
        "restart_factor": 1,
        # With ENAS's 1.10 and 2.5 no operation could become 2.5 times as likely as another.
        "controller": {
            "tanh_constant": 2.5,
            "operation_tanh_reduce": 1.0,
            "learning_rate": 0.002,
            "adam_epsilon": 1e-5,
            "baseline_decay": 0.9,
            "baseline_start": "first",
        },
    },
}
