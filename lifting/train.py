"""The training of one stream of the lifter, epoch by epoch.

    config = LifterTrainingConfig()
    training = LifterTraining(config, LifterConfig(), NormalizationConfig(), train, validation)
    while training.epoch < config.epochs:
        metrics = training.run_epoch()

Everything random in an epoch comes from the seed and the epoch's number, so that a training taken up at any
epoch gives the numbers of one that never stopped. All pairs lie normalized in memory, as two tensors; a step
is two gathers and the network.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, field_validator
from torch import Tensor

from lifting.datasets.pairs import PosePairs
from lifting.dropout import DropoutMasks
from lifting.model import Lifter, LifterConfig
from lifting.normalize import FloatArray, KeypointNormalizer, NormalizationConfig, PoseNormalizer
from lifting.presets import LifterPreset, preset

__all__ = ["STREAMS", "LifterTraining", "LifterTrainingConfig", "Samples", "Stream", "training_samples"]

Stream = Literal["gt", "detected"]
STREAMS: tuple[Stream, ...] = get_args(Stream)
Loss = Literal["huber", "mse", "l1", "mpjpe"]

# Purposes of random numbers: each has its own key, so that none depends on how many another has drawn.
_ORDER, _DROPOUT, _HIDE, _WEIGHTS, _WILD = range(5)

# Where a keypoint goes that a detector has put elsewhere: this many standard deviations of its coordinate;
# the root, from which the others count, goes this many sizes of the person.
_WILD_DEVIATIONS, _WILD_ROOT_SIZES = 3.0, 0.5

_SCORED = 4096  # frames of one forward pass of validation


class LifterTrainingConfig(BaseModel):
    """How one stream is trained. Defaults are the paper's where it has them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream: Stream = Field(
        default="detected", description="which keypoints: gt (projected truth), or detected (as a detector)"
    )
    loss: Loss = Field(
        default="huber",
        description="huber, mse or l1 on standardized coordinates, or mpjpe: mean distance in millimeters",
    )
    delta: float = Field(default=1.0, gt=0, description="where the Huber loss turns from square to straight")
    batch_size: int = Field(default=128, ge=2, description="pairs of one step")
    epochs: int = Field(default=300, ge=1, description="passes over the training part")
    steps_per_epoch: int | None = Field(
        default=None, ge=1, description="steps of one epoch; null: every pair once"
    )
    learning_rate: float = Field(default=1e-3, gt=0, description="rate of Adam at the start")
    decay: Literal["halving", "exponential"] = Field(
        default="halving",
        description="how the rate falls: by half every `halve_every` epochs, or by `decay_rate` every "
        "`decay_steps` steps (Martinez), evenly",
    )
    halve_every: int = Field(default=50, ge=1, description="epochs after which the rate is halved")
    decay_rate: float = Field(default=0.96, gt=0, le=1, description="factor of exponential decay")
    decay_steps: int = Field(default=100_000, ge=1, description="steps in which the rate falls by it")
    weight_decay: float = Field(default=0.0, ge=0, description="decoupled weight decay (AdamW)")
    mirror: bool = Field(default=False, description="add every pair once more with left and right exchanged")
    hide_keypoints: float = Field(
        default=0.0, ge=0, lt=1, description="probability that a keypoint is hidden, anew in every step"
    )
    wild_keypoints: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="probability that a keypoint is put elsewhere, anew in every step: a stream that has "
        "seen only true keypoints answers a detector's errors with poses that no person has",
    )
    precision: Literal["fp32", "bf16"] = Field(
        default="fp32",
        description="precision of the matrix products: float32 (stored as fp32) or bfloat16 (bf16); "
        "weights and sums stay float32",
    )
    seed: int = Field(default=0, ge=0, description="decides every random number of the training")

    @field_validator("precision", mode="before")
    @classmethod
    def _common_names(cls, name: Any) -> Any:
        """The names that searches use; the stored ones enter the hash of every lifter trained before."""
        return {"float32": "fp32", "bfloat16": "bf16"}.get(name, name) if isinstance(name, str) else name

    @classmethod
    def preset(cls, name: LifterPreset, **changes: Any) -> "LifterTrainingConfig":
        """One of the presets (see `lifting.presets.preset`), with some fields changed.

        Raises:
            ValueError: no such preset, or a change that is not allowed.
        """
        return cls.model_validate({**preset(name, "training"), **changes})

    def rate(self, epoch: int, num_steps: int) -> float:
        """Learning rate in an epoch, counted from 0, of `num_steps` steps.

        Exponential decay, too, is applied once an epoch; Martinez et al. apply it in every step.
        """
        if self.decay == "exponential":
            return float(self.learning_rate * self.decay_rate ** (epoch * num_steps / self.decay_steps))
        return self.learning_rate * 0.5 ** (epoch // self.halve_every)


class LifterTraining:
    """One stream in training: the network, its normalization and its optimizer.

    Args:
        config: how to train.
        model: the network.
        normalization: how keypoints are normalized; its statistics are fitted here, on `train` alone.
        train: pairs that gradients are taken on.
        validation: pairs that are scored after every epoch; None scores nothing.
        device: where to compute.

    Raises:
        ValueError: the pairs cannot be trained on (NaN in a pose, a keypoint that is never seen, fewer than 2
            usable pairs), or validation has other layouts.
    """

    def __init__(
        self,
        config: LifterTrainingConfig,
        model: LifterConfig,
        normalization: NormalizationConfig,
        train: PosePairs,
        validation: PosePairs | None = None,
        *,
        device: torch.device | str = "cpu",
    ) -> None:
        self.config, self.epoch, self.device = config, 0, torch.device(device)
        samples = training_samples(train, config.stream, mirrored=config.mirror)
        self.keypoints = KeypointNormalizer.fit(
            normalization, train.keypoint_skeleton, samples.xy, samples.confidence
        )
        self.joints = PoseNormalizer.fit(train.pose_skeleton, samples.poses)
        self._features, self._targets = self._tensors(samples)
        self._validation = (
            None if validation is None else self._tensors(training_samples(validation, config.stream))
        )
        weights = torch.Generator().manual_seed(_seed(config.seed, _WEIGHTS))
        self.network = Lifter(self.keypoints.num_features, self.joints.num_targets, model, weights)
        self.network.to(self.device)
        self._optimizer = self._new_optimizer()
        self._loss = _loss_function(config, self._on_device(self.joints.spread))

    @property
    def num_steps(self) -> int:
        """Steps of one epoch; pairs that do not fill a batch wait for another epoch."""
        return self.config.steps_per_epoch or max(1, len(self._features) // self.config.batch_size)

    @property
    def num_pairs(self) -> int:
        """Pairs that training sees: the usable ones, mirrored ones counted too."""
        return len(self._features)

    def run_epoch(self) -> dict[str, float]:
        """Train through one epoch and score the validation part.

        Returns:
            epoch (from 1), loss (mean over the steps), learning_rate; with a validation part also
            validation_p1, the mean per-joint position error in millimeters on the stream's own keypoints.

        Raises:
            ValueError: the loss is not finite, or all epochs are done.
        """
        if self.epoch >= self.config.epochs:
            raise ValueError(f"all {self.config.epochs} epochs are done; train longer with more `epochs`")
        rate = self.config.rate(self.epoch, self.num_steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        key = (self.config.seed, self.epoch)
        dropped = DropoutMasks((_DROPOUT, *key), self.device)
        hidden = DropoutMasks((_HIDE, *key), self.device) if self.config.hide_keypoints else None
        wild = np.random.Generator(np.random.SFC64(np.random.SeedSequence((_WILD, *key))))
        batches = self._batches(np.random.default_rng((_ORDER, *key)))
        losses = [self._step(rows, dropped, hidden, wild) for rows in batches]
        loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise ValueError(
                f"the training loss is {loss} in epoch {self.epoch + 1}; a lower `learning_rate` than "
                f"{self.config.learning_rate:g} is needed"
            )
        self.epoch += 1
        metrics = {"epoch": float(self.epoch), "loss": loss, "learning_rate": rate}
        if self._validation is not None:
            metrics["validation_p1"] = self._validation_error(*self._validation)
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """All that a continuation needs: nested dictionaries of tensors and numbers, copies."""
        names: dict[Tensor, str] = {parameter: name for name, parameter in self.network.named_parameters()}
        return {
            "epoch": self.epoch,
            "network": {name: value.detach().clone() for name, value in self.network.state_dict().items()},
            "optimizer": {
                names[parameter]: {key: value.clone() for key, value in state.items()}
                for parameter, state in self._optimizer.state.items()
            },
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue exactly where `state_dict` was taken.

        Raises:
            ValueError: the state is of another network.
        """
        try:
            self.network.load_state_dict(state["network"])
        except RuntimeError as error:
            raise ValueError(f"the training state is of another network: {error}") from error
        self.epoch = int(state["epoch"])
        self._optimizer = self._new_optimizer()
        parameters = dict(self.network.named_parameters())
        for name, values in state["optimizer"].items():
            self._optimizer.state[parameters[name]] = {
                key: value.to(self.device, copy=True) for key, value in values.items()
            }

    def _step(
        self, rows: Tensor, dropped: DropoutMasks, hidden: DropoutMasks | None, wild: np.random.Generator
    ) -> Tensor:
        """One update; returns the loss, still on the device: asking for its number would wait for it."""
        features, targets = self._features[rows], self._targets[rows]
        if self.config.wild_keypoints:
            features = self._with_wild(features, wild)
        if hidden is not None:
            features = features * self._shown(hidden, len(rows))
        self._optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.precision == "bf16"):
            outputs = self.network(features, dropped)
        loss = self._loss(outputs.float(), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        return loss.detach()

    def _batches(self, generator: np.random.Generator) -> list[Tensor]:
        """Row numbers of every step: permutations of all pairs one after the other, cut into batches."""
        pairs = len(self._features)
        size = min(self.config.batch_size, pairs)
        needed = size * self.num_steps
        orders = [generator.permutation(pairs) for _ in range(-(-needed // pairs))]
        rows = torch.from_numpy(np.concatenate(orders)[:needed]).to(self.device)
        return list(torch.split(rows, size))

    def _with_wild(self, features: Tensor, draw: np.random.Generator) -> Tensor:
        """The features with some keypoints put elsewhere; a root that is moves all others against it."""
        rows, J = len(features), self.keypoints.skeleton.num_joints
        put = draw.random((rows, J, 1), np.float32) < self.config.wild_keypoints
        place = _WILD_DEVIATIONS * draw.standard_normal((rows, J, 2), np.float32)
        shift = _WILD_ROOT_SIZES * draw.standard_normal((rows, 1, 2), np.float32) / self.keypoints.spread
        rooted = put[:, [self.keypoints.skeleton.root]] & (self.keypoints.config.kind != "z")
        xy = features[:, : 2 * J].reshape(rows, J, 2)
        xy = xy + self._on_device(np.where(rooted, shift, 0).astype(np.float32))
        xy = torch.where(torch.from_numpy(put).to(self.device), self._on_device(place), xy)
        return torch.cat([xy.reshape(rows, 2 * J), features[:, 2 * J :]], dim=1)

    def _shown(self, hidden: DropoutMasks, rows: int) -> Tensor:
        """1 for every input of a keypoint that stays, 0 (the mean) for those of one that is hidden."""
        keep = hidden.keep((rows, self.keypoints.skeleton.num_joints), self.config.hide_keypoints)
        # Inputs of no single keypoint are numbered -1, and so read the column of ones at the end.
        return F.pad(keep, (0, 1), value=1.0)[:, list(self.keypoints.inputs_by_keypoint)]

    def _tensors(self, samples: "Samples") -> tuple[Tensor, Tensor]:
        """Features and targets of the usable frames."""
        usable = self.keypoints.usable(samples.xy, samples.confidence)
        if usable.sum() < 2:
            raise ValueError(
                f"{int(usable.sum())} of {len(usable)} pairs can be trained on; at least 2 are needed"
            )
        features = self.keypoints.features(samples.xy[usable], samples.confidence[usable])
        return self._on_device(features), self._on_device(self.joints.targets(samples.poses[usable]))

    def _validation_error(self, features: Tensor, targets: Tensor) -> float:
        """P1 in millimeters. The root, whose error is 0 on both sides, counts as a joint, as in the field."""
        self.network.eval()
        spread = self._on_device(self.joints.spread)
        total = 0.0
        with torch.inference_mode():
            parts = zip(torch.split(features, _SCORED), torch.split(targets, _SCORED), strict=True)
            for x, y in parts:
                total += float(_distance(self.network(x) - y, spread).sum(dtype=torch.float64))
        return total / (len(features) * self.joints.skeleton.num_joints)

    def _new_optimizer(self) -> torch.optim.Optimizer:
        """Fused: one by one, Adam's operations alone take 15-21 ms a step."""
        return torch.optim.AdamW(
            self.network.parameters(),
            self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            fused=True,
        )

    def _on_device(self, values: FloatArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values)).to(self.device)


class Samples(NamedTuple):
    """Frames of one stream, N of them."""

    xy: FloatArray
    """(N, J, 2) pixels, NaN where missing."""
    confidence: FloatArray
    """(N, J), 0 where missing."""
    poses: FloatArray
    """(N, J_out, 3) millimeters, root-relative."""


def training_samples(pairs: PosePairs, stream: Stream, *, mirrored: bool = False) -> Samples:
    """The frames of one stream: true keypoints are all seen, detected ones as the detector left them.

    Args:
        pairs: N pairs.
        stream: which keypoints.
        mirrored: add every frame once more as a mirror shows it; 2 N samples.
    """
    xy = pairs.true_keypoints if stream == "gt" else pairs.keypoints
    confidence = np.ones(xy.shape[:2], np.float32) if stream == "gt" else pairs.confidence
    samples = Samples(xy, confidence, pairs.poses)
    if not mirrored:
        return samples
    mirror = _mirrored(samples, pairs)
    return Samples(*(np.concatenate(both) for both in zip(samples, mirror, strict=True)))


def _mirrored(samples: Samples, pairs: PosePairs) -> Samples:
    """Left and right exchanged: x counts from the other edge of the image, and the names change sides."""
    left_right, joints = list(pairs.keypoint_skeleton.mirror), list(pairs.pose_skeleton.mirror)
    xy = samples.xy[:, left_right].copy()
    xy[..., 0] = pairs.image_sizes[:, :1] - xy[..., 0]
    return Samples(
        xy, samples.confidence[:, left_right], samples.poses[:, joints] * np.array([-1, 1, 1], np.float32)
    )


def _loss_function(config: LifterTrainingConfig, spread: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """(outputs, targets), both standardized (N, 3 (J - 1)), to a scalar."""
    if config.loss == "mpjpe":
        return lambda outputs, targets: _distance(outputs - targets, spread).mean()
    if config.loss == "huber":
        return lambda outputs, targets: F.huber_loss(outputs, targets, delta=config.delta)
    return F.mse_loss if config.loss == "mse" else F.l1_loss


def _distance(difference: Tensor, spread: Tensor) -> Tensor:
    """Standardized differences (N, 3 (J - 1)) as distances in millimeters (N, J - 1)."""
    away: Tensor = torch.linalg.vector_norm(difference.reshape(-1, *spread.shape) * spread, dim=2)
    return away


def _seed(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> 1)
