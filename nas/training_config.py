"""How a network is trained from scratch. Reading these settings loads no torch."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nas.plan import Preset

__all__ = ["LATER_SETTINGS", "LATER_TRAINING_SETTINGS", "TrainingConfig"]

LATER_SETTINGS = {"class_weights": "equal", "sampling": "uniform"}
"""Settings that came later, with what happened before: trainings that were begun without them continue."""

LATER_TRAINING_SETTINGS: dict[str, Any] = {"copies": 0, "swa_epochs": 0}
"""Settings that came later, with what happened before: at these values they enter no key."""


class TrainingConfig(BaseModel):
    """How a final network is trained. The defaults are the preset `small`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=0, ge=0, description="random seed of order, augmentation and dropped paths")
    epochs: int = Field(default=60, ge=1, description="passes over the training part")
    batch_size: int = Field(default=16, ge=2, description="images a step")
    optimizer: Literal["sgd", "adam", "adamw"] = Field(
        default="sgd", description="Nesterov SGD, Adam, or AdamW, whose weight decay is decoupled"
    )
    learning_rate: float = Field(default=0.05, gt=0, description="highest learning rate")
    final_learning_rate: float = Field(
        default=0.0001, ge=0, description="learning rate at the end of the cosine"
    )
    restart_epochs: int | None = Field(
        default=None, ge=1, description="length of the first cosine, doubling after each; None: one cosine"
    )
    warmup_epochs: int = Field(default=3, ge=0, description="epochs of linear rise to the learning rate")
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Nesterov momentum, or Adam's beta1")
    weight_decay: float = Field(default=4e-4, ge=0, description="twice the L2 factor of ENAS")
    gradient_clip: float = Field(default=5.0, gt=0, description="largest norm of the gradient")
    auxiliary_weight: float = Field(default=0.4, ge=0, description="weight of the auxiliary head's loss")
    label_smoothing: float = Field(default=0.1, ge=0, lt=1, description="probability spread over all classes")
    ema_decay: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="decay of the moving average of the weights at each step; 0: none",
    )
    class_weights: Literal["equal", "balanced"] = Field(
        default="equal",
        description="weight of a class in the loss; balanced: each counts as much as any other",
    )
    sampling: Literal["uniform", "balanced"] = Field(
        default="uniform",
        description="draw of the images of an epoch; balanced: every class as often as any other",
    )
    swa_epochs: int = Field(
        default=0, ge=0, description="last epochs whose weights are averaged (SWA); 0: none"
    )
    copies: int = Field(
        default=0,
        ge=0,
        description="changed copies of each image, drawn once and kept beside it; 0: fresh ones every epoch",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.final_learning_rate > self.learning_rate:
            raise ValueError(
                f"`final_learning_rate` is {self.final_learning_rate}; it must not exceed `learning_rate`, "
                f"{self.learning_rate}"
            )
        if self.warmup_epochs >= self.epochs:
            raise ValueError(
                f"`warmup_epochs` is {self.warmup_epochs}; it must be less than `epochs`, {self.epochs}"
            )
        if self.swa_epochs > self.epochs:
            raise ValueError(f"`swa_epochs` is {self.swa_epochs}; it must not exceed `epochs`, {self.epochs}")
        if self.swa_epochs and self.ema_decay:
            raise ValueError(
                f"`swa_epochs` is {self.swa_epochs} and `ema_decay` {self.ema_decay}; one average is possible"
            )
        return self

    def key(self) -> dict[str, Any]:
        """JSON values that a training depends on, without settings that came later and change nothing."""
        content = self.model_dump(mode="json")
        later = {**LATER_SETTINGS, **LATER_TRAINING_SETTINGS}
        return {name: value for name, value in content.items() if name not in later or value != later[name]}

    @classmethod
    def preset(cls, name: Preset, **changes: Any) -> Self:
        """`released`: ENAS's program on CIFAR-10. `paper`: the same for 200 epochs. `small` and
        `temporal`: ours, for small data.

        The paper this project implements gives no settings of the final training beyond its 200 epochs.

        Raises:
            ValueError: there is no such preset.
        """
        released = {
            "epochs": 630, "batch_size": 144, "restart_epochs": 10, "warmup_epochs": 0, "label_smoothing": 0.0
        }  # fmt: skip
        presets: dict[str, dict[str, Any]] = {
            "released": released,
            "paper": {**released, "epochs": 200, "restart_epochs": None},
            "small": {},
            "temporal": {
                "epochs": 150,
                "batch_size": 32,
                "optimizer": "adamw",
                "learning_rate": 0.003,
                "final_learning_rate": 0.0,
                "warmup_epochs": 15,
                "weight_decay": 0.02,
            },
        }
        if name not in presets:
            raise ValueError(f"training preset {name!r} does not exist; there are {', '.join(presets)}")
        return cls(**{**presets[name], **changes})
