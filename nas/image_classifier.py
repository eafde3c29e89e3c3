"""What `nas.train` trains and `nas.evaluate` scores: a network from images to actions."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["ImageClassifier", "num_parameters", "together"]


class _Sizes(Protocol):
    """What every network's settings say."""

    @property
    def num_classes(self) -> int: ...

    @property
    def image_size(self) -> int: ...

    @property
    def num_images(self) -> int: ...


class ImageClassifier(ABC, nn.Module):
    """A network of logits (N, num_classes) for float32 images (N, 3 x num_images, image_size, image_size).

    Of several images of a clip each has a network of its own, and the answers are averaged. `forward`
    predicts and has no randomness; all randomness of training is in `training_logits`.

    Attributes:
        config: its settings, among them `num_classes`, `image_size` and `num_images`.
        classifier: its last layer, that of the first image.
        others: the networks of the images after the first.
    """

    config: _Sizes
    classifier: nn.Linear
    others: nn.ModuleList

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes); of several images, whose softmax is the mean of their networks' answers.

        Args:
            images: (N, 3 x num_images, image_size, image_size) float32.

        Raises:
            ValueError: the images have another shape.
        """
        first, *others = self._by_image(images)
        logits = [self._logits(first), *(net(part) for net, part in zip(self.others, others, strict=True))]
        return logits[0] if not others else together(logits)

    def training_logits(
        self, images: Tensor, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Logits, and those of an auxiliary head or None, regularized as the network wants it.

        Args:
            images: as in `forward`.
            progress: how much of the training has passed, 0 to 1.
            generator: of all that is dropped.

        Returns:
            (num_images x N, num_classes), the answers to the first images of all clips first: each image's
            network learns from its own loss.
        """
        first, *others = self._by_image(images)
        answers = [self._training_logits(first, progress, generator)]
        answers += [
            net.training_logits(part, progress, generator)  # type: ignore[operator]
            for net, part in zip(self.others, others, strict=True)
        ]
        auxiliary = [extra for _, extra in answers if extra is not None]
        return torch.cat([main for main, _ in answers]), torch.cat(auxiliary) if auxiliary else None

    @abstractmethod
    def _logits(self, images: Tensor) -> Tensor:
        """Logits of the first image alone, (N, 3, image_size, image_size)."""

    @abstractmethod
    def _training_logits(
        self, images: Tensor, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Likewise, as `training_logits`."""

    def _by_image(self, images: Tensor) -> tuple[Tensor, ...]:
        """(N, 3, S, S) of each image.

        Raises:
            ValueError: the images have another shape.
        """
        if images.ndim != 4 or images.shape[1:] != self.input_shape:
            raise ValueError(
                f"images have shape {tuple(images.shape)}; this network needs (N, "
                f"{', '.join(map(str, self.input_shape))})"
            )
        return torch.split(images, 3, dim=1)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of what it reads."""
        return 3 * self.config.num_images, self.config.image_size, self.config.image_size

    def materialise(self) -> None:
        """Give memory to a network that was built on the meta device; what is in it is undefined.

        As torch's `to_empty`, which imports a second's worth of symbolic algebra.
        """
        for module in self.modules():
            for name, parameter in module.named_parameters(recurse=False):
                empty = torch.empty(parameter.shape, dtype=parameter.dtype)
                setattr(module, name, nn.Parameter(empty))
            for name, buffer in module.named_buffers(recurse=False):
                setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))

    def prediction_parameters(self) -> Iterator[nn.Parameter]:
        """The parameters that prediction uses: all but an auxiliary head's."""
        return (value for name, value in self.named_parameters() if ".auxiliary." not in f".{name}")


def together(logits: Sequence[Tensor]) -> Tensor:
    """Logits (N, K) whose softmax is the mean of the softmaxes of some others'."""
    shares = torch.stack([F.log_softmax(one, dim=1) for one in logits])
    return shares.logsumexp(dim=0) - math.log(len(logits))


def num_parameters(network: ImageClassifier) -> int:
    """Trainable numbers that prediction uses; an auxiliary head is not counted, since it is thrown away."""
    return sum(parameter.numel() for parameter in network.prediction_parameters())
