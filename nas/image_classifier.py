"""What `nas.train` trains and `nas.evaluate` scores: a network from images to actions."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor, nn

__all__ = ["ImageClassifier", "num_parameters"]


class _Sizes(Protocol):
    """What every network's settings say."""

    @property
    def num_classes(self) -> int: ...

    @property
    def image_size(self) -> int: ...


class ImageClassifier(ABC, nn.Module):
    """A network of logits (N, num_classes) for float32 images (N, 3, image_size, image_size).

    `forward` predicts and has no randomness; all randomness of training is in `training_logits`.

    Attributes:
        config: its settings, among them `num_classes` and `image_size`.
        classifier: its last layer.
    """

    config: _Sizes
    classifier: nn.Linear

    @abstractmethod
    def training_logits(
        self, images: Tensor, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Logits, and those of an auxiliary head or None, regularized as the network wants it.

        Args:
            images: (N, 3, image_size, image_size) float32.
            progress: how much of the training has passed, 0 to 1.
            generator: of all that is dropped.
        """

    def check_images(self, images: Tensor) -> None:
        """Refuse images of another shape.

        Raises:
            ValueError: they are not (N, 3, image_size, image_size).
        """
        size = self.config.image_size
        if images.ndim != 4 or images.shape[1:] != (3, size, size):
            raise ValueError(
                f"images have shape {tuple(images.shape)}; this network needs (N, 3, {size}, {size})"
            )

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
        return (value for name, value in self.named_parameters() if not name.startswith("auxiliary."))


def num_parameters(network: ImageClassifier) -> int:
    """Trainable numbers that prediction uses; an auxiliary head is not counted, since it is thrown away."""
    return sum(parameter.numel() for parameter in network.prediction_parameters())
