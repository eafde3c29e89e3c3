"""A network's score on a source of images."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from nas.image_classifier import ImageClassifier
from nas.images import FloatArray, ImageSource, IntArray


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A network's score on every image of a source, each once.

    Attributes:
        loss: mean cross-entropy.
        accuracy: fraction of images that are right, 0 to 1.
        probabilities: float32 (N, K), rows sum to 1.
        predictions: int64 (N,), the likeliest class.
    """

    loss: float
    accuracy: float
    probabilities: FloatArray
    predictions: IntArray


def evaluate(network: ImageClassifier, source: ImageSource, batch_size: int = 128) -> Evaluation:
    """Score a network on every image as it is, without augmentation and with running BN statistics.

    Raises:
        ValueError: the source has other classes or another image size than the network.
    """
    check_fit(network, source)
    was_training = network.training
    network.eval()
    device = network.classifier.weight.device
    indices = np.arange(len(source.labels))
    with torch.inference_mode():
        logits = torch.cat(
            [
                network(source.batch(indices[start : start + batch_size], None).to(device)).cpu()
                for start in range(0, len(indices), batch_size)
            ]
        )
    network.train(was_training)
    labels = torch.from_numpy(source.labels)
    predictions = logits.argmax(dim=1)
    return Evaluation(
        loss=F.cross_entropy(logits, labels).item(),
        accuracy=(predictions == labels).to(torch.float64).mean().item(),
        probabilities=logits.softmax(dim=1).numpy(),
        predictions=predictions.numpy(),
    )


def check_fit(network: ImageClassifier, source: ImageSource) -> None:
    """Refuse images that the network cannot take.

    Raises:
        ValueError: the source has other classes or another image size than the network.
    """
    config = network.config
    if source.num_classes != config.num_classes:
        raise ValueError(
            f"the images have {source.num_classes} classes; the network needs {config.num_classes}"
        )
    needed = network.input_shape
    if tuple(source.image_shape) != needed:
        raise ValueError(f"the images have shape {tuple(source.image_shape)}; the network needs {needed}")
