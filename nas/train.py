"""Training of a final network from scratch, and its evaluation.

`Training` returns numbers and keeps its whole state in `state_dict`; the caller logs, saves and stops. Every
random draw (order, augmentation, dropped paths) comes from a generator keyed by (seed, epoch, batch), so a
run that is resumed after any epoch continues bit for bit, for a given number of torch threads.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.balance import balanced_order, loss_weights
from nas.compute import deterministic, require_device, to_device
from nas.compute_config import ComputeConfig
from nas.evaluate import Evaluation, check_fit, evaluate
from nas.image_classifier import ImageClassifier
from nas.images import CopyBank, ImageSource, IntArray
from nas.random import generator, torch_generator
from nas.training_config import TrainingConfig

__all__ = [
    "Evaluation",
    "Training",
    "TrainingMetrics",
    "batches",
    "evaluate",
    "learning_rate",
]


@dataclass(frozen=True)
class TrainingMetrics:
    """Means over one epoch of training.

    Attributes:
        epoch: counted from 1.
        loss: cross-entropy of the main head, with label smoothing.
        accuracy: fraction of the augmented training images that were right, 0 to 1.
        learning_rate: of this epoch.
        gradient_norm: before clipping.
    """

    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    gradient_norm: float


def learning_rate(config: TrainingConfig, epoch: int) -> float:
    """Learning rate of an epoch, counted from 0: linear warm-up, then cosine, with restarts if asked for.

    low + (high - low) (1 + cos(pi t / T)) / 2, t epochs into a period of T (Loshchilov and Hutter 2017).
    """
    low, high = config.final_learning_rate, config.learning_rate
    if epoch < config.warmup_epochs:
        return high * (epoch + 1) / (config.warmup_epochs + 1)
    position = epoch - config.warmup_epochs
    period = config.restart_epochs or config.epochs - config.warmup_epochs
    while config.restart_epochs and position >= period:
        position, period = position - period, 2 * period
    return low + (high - low) * (1 + math.cos(math.pi * position / period)) / 2


def batches(num_images: int, batch_size: int, rng: np.random.Generator) -> list[IntArray]:
    """All indices in random order, in batches as equal as they can be and never of a single image.

    Batch normalization of one image's 1x1 feature map has no variance; with n < 2 batch_size the last image
    joins the others, so that a batch may hold one image more than `batch_size`.
    """
    count = max(1, min(math.ceil(num_images / batch_size), num_images // 2))
    return np.array_split(rng.permutation(num_images), count)


class Training:
    """Trains one network on one source of images.

    Args:
        network: trained in place.
        source: training images; asked for fresh augmentations in every epoch.
        config: how.
        compute: device and precision; the network is moved to the device, where it stays.

    Raises:
        ValueError: the source has fewer than two images, other classes or another image size than the
            network, or there is no such device.
    """

    def __init__(
        self,
        network: ImageClassifier,
        source: ImageSource,
        config: TrainingConfig,
        compute: ComputeConfig | None = None,
    ) -> None:
        check_fit(network, source)
        if len(source.labels) < 2:
            raise ValueError("the training part has 1 image; batch normalization needs 2 or more")
        self.compute = compute or ComputeConfig()
        self._device = require_device(self.compute)
        self.network = network.to(self._device)
        self.source = CopyBank(source, config.copies, config.seed) if config.copies else source
        self.config = config
        self.epoch = 0
        self._steps = 0
        self._weights = loss_weights(config.class_weights, source.labels, source.num_classes, self._device)
        self._optimizer = _optimizer(network, config)
        self._average = _average_of(network) if config.ema_decay or config.swa_epochs else None

    def run_epoch(self) -> TrainingMetrics:
        """Train on every image once.

        Raises:
            ValueError: the loss is not finite, all epochs are done.
        """
        if self.epoch >= self.config.epochs:
            raise ValueError(f"all {self.config.epochs} epochs are done; train longer with more `epochs`")
        rate = learning_rate(self.config, self.epoch)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        parts = self._batches()
        with deterministic(self.compute):
            sums = sum(
                (self._step(indices, number, len(parts)) for number, indices in enumerate(parts)), np.zeros(3)
            )
        self.epoch += 1
        self._average_epoch()
        loss, accuracy = sums[:2] / len(self.source.labels)
        return TrainingMetrics(self.epoch, float(loss), float(accuracy), rate, float(sums[2] / len(parts)))

    def _batches(self) -> list[IntArray]:
        labels, seed = self.source.labels, self.config.seed
        parts = batches(len(labels), self.config.batch_size, generator(seed, "order", self.epoch))
        if self.config.sampling == "uniform":
            return parts
        order = balanced_order(labels, generator(seed, "balanced order", self.epoch))
        return [order[part] for part in parts]

    def _step(self, indices: IntArray, number: int, num_batches: int) -> npt.NDArray[np.float64]:
        """One update; returns (summed loss, number of right answers, gradient norm)."""
        config, key = self.config, (self.epoch, number)
        images = to_device(self.source.batch(indices, generator(config.seed, "train", *key)), self._device)
        labels = to_device(torch.from_numpy(self.source.labels[indices]), self._device)
        progress = (self.epoch * num_batches + number + 1) / (config.epochs * num_batches)
        noise = torch_generator(config.seed, "drop", *key)
        with self.compute.autocast():
            logits, auxiliary = self.network.training_logits(images, progress, noise)
        labels = labels.repeat(len(logits) // len(labels))  # every image of a clip has its answer
        loss = total = self._loss(logits, labels)
        if auxiliary is not None:
            auxiliary_loss = self._loss(auxiliary, labels)
            total = loss + config.auxiliary_weight * auxiliary_loss
        self._optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.gradient_clip)
        if not math.isfinite(total.item()) or not math.isfinite(norm.item()):
            raise ValueError(
                f"training loss is {total.item()} and gradient norm {norm.item()} in epoch {self.epoch + 1}, "
                f"batch {number + 1}; finite images or a lower `learning_rate` than {config.learning_rate} "
                "are needed"
            )
        self._optimizer.step()
        self._update_average()
        right = (logits.detach().argmax(dim=1) == labels).sum().item() * len(indices) / len(labels)
        return np.array([loss.item() * len(indices), right, norm.item()])

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        smoothing = self.config.label_smoothing
        return F.cross_entropy(logits.float(), labels, self._weights, label_smoothing=smoothing)

    def _update_average(self) -> None:
        if self._average is None or not self.config.ema_decay:
            return
        # A fixed decay would remember the initial weights for 1 / (1 - decay) steps.
        self._steps += 1
        decay = min(self.config.ema_decay, (1 + self._steps) / (10 + self._steps))
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self._average[name].lerp_(value, 1 - decay)
                else:
                    self._average[name].copy_(value)

    def _average_epoch(self) -> None:
        """Stochastic weight averaging: the mean of the weights after each of the last epochs.

        The last of them scores every image of the source once more, so that batch normalization has the
        statistics of the mean weights (Izmailov et al., UAI 2018).
        """
        number = self.epoch - (self.config.epochs - self.config.swa_epochs)
        if self._average is None or number < 1 or not self.config.swa_epochs:
            return
        with torch.no_grad():
            for name, value in self.network.state_dict().items():
                if value.is_floating_point():
                    self._average[name].lerp_(value, 1 / number)
                else:
                    self._average[name].copy_(value)
        if self.epoch == self.config.epochs:
            self._average = self._with_statistics(self._average)

    def _with_statistics(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """The same weights with batch statistics of the source's images; the network stays as it is."""
        trained = _average_of(self.network)
        self.network.load_state_dict(weights)
        norms = [one for one in self.network.modules() if isinstance(one, torch.nn.BatchNorm2d)]
        momenta = [one.momentum for one in norms]
        for one in norms:
            one.reset_running_stats()
            one.momentum = None  # a plain mean over the batches
        parts = batches(len(self.source.labels), self.config.batch_size, generator(self.config.seed, "swa"))
        with torch.no_grad(), deterministic(self.compute):
            for number, indices in enumerate(parts):
                rng = generator(self.config.seed, "swa images", number)
                self.network(to_device(self.source.batch(indices, rng), self._device))
        for one, momentum in zip(norms, momenta, strict=True):
            one.momentum = momentum
        averaged = _average_of(self.network)
        self.network.load_state_dict(trained)
        return averaged

    def use_average(self) -> ImageClassifier:
        """The network to predict with.

        The averaged weights are written into it if `ema_decay` or `swa_epochs` ask for them.

        Training cannot go on afterwards; save `state_dict` before.
        """
        if self._average is not None:
            self.network.load_state_dict(self._average)
        return self.network

    def state_dict(self) -> dict[str, Any]:
        """All that a continuation needs, on any device: nested dictionaries of numbers and of CPU tensors."""
        names: dict[Tensor, str] = {parameter: name for name, parameter in self.network.named_parameters()}
        return {
            "epoch": self.epoch,
            "steps": self._steps,
            "network": _copies(self.network.state_dict()),
            "average": _copies(self._average or {}),
            "optimizer": {
                names[parameter]: _copies({key: value for key, value in state.items() if value is not None})
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
        self.epoch, self._steps = int(state["epoch"]), int(state["steps"])
        if self._average is not None:
            self._average = {
                name: value.to(self._device, copy=True) for name, value in state["average"].items()
            }
        parameters = dict(self.network.named_parameters())
        self._optimizer = _optimizer(self.network, self.config)
        for name, values in state["optimizer"].items():
            self._optimizer.state[parameters[name]] = {
                # Adam's count of steps is a number that stays on the CPU
                key: value.to(self._device if value.ndim else "cpu", copy=True)
                for key, value in values.items()
            }


def _optimizer(network: ImageClassifier, config: TrainingConfig) -> torch.optim.Optimizer:
    """BN parameters and biases decay too, as in the released program."""
    parameters = list(network.parameters())
    if config.optimizer != "sgd":
        kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
        return kind(
            parameters, config.learning_rate, betas=(config.momentum, 0.999), weight_decay=config.weight_decay
        )
    return torch.optim.SGD(
        parameters,
        config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        nesterov=config.momentum > 0,
    )


def _average_of(network: ImageClassifier) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _copies(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}
