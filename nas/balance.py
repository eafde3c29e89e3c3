"""For classes of unequal size: weights of the loss, and orders that show every class equally often."""

import numpy as np
import torch
from torch import Tensor

from nas.images import FloatArray, IntArray

__all__ = ["balanced_order", "class_weights", "loss_weights"]


def class_weights(labels: IntArray, num_classes: int) -> FloatArray:
    """Weights with which every class counts as much as any other.

    w_k = N / (K n_k) for the K classes that have images, n_k of class k; 0 for the others

    Args:
        labels: int64 (N,).
        num_classes: of the weights, absent ones included.

    Returns:
        float32 (num_classes,); their mean over the images is 1.

    Source: the "balanced" weights of scikit-learn, after King and Zeng 2001.
    """
    counts = np.bincount(labels, minlength=num_classes)
    present = counts > 0
    weights = np.zeros(num_classes, np.float32)
    weights[present] = len(labels) / (present.sum() * counts[present])
    return weights


def loss_weights(kind: str, labels: IntArray, num_classes: int, device: torch.device) -> Tensor | None:
    """The weights for `F.cross_entropy`; None where `kind` is not "balanced"."""
    if kind != "balanced":
        return None
    return torch.from_numpy(class_weights(labels, num_classes)).to(device)


def balanced_order(labels: IntArray, rng: np.random.Generator) -> IntArray:
    """As many indices as there are images, in random order, every class equally often, give or take one.

    Images of a small class come several times; of a large one some do not come.

    Args:
        labels: int64 (N,).
        rng: of the draw.

    Returns:
        int64 (N,).
    """
    classes = rng.permutation(np.unique(labels))
    shares = np.full(len(classes), len(labels) // len(classes))
    shares[: len(labels) % len(classes)] += 1
    drawn = [
        _repeated(np.flatnonzero(labels == label), share, rng)
        for label, share in zip(classes, shares, strict=True)
    ]
    return rng.permutation(np.concatenate(drawn))


def _repeated(indices: IntArray, count: int, rng: np.random.Generator) -> IntArray:
    """The first of random passes over the indices, so that none comes twice more often than another."""
    passes = -(-count // len(indices))
    return np.concatenate([rng.permutation(indices) for _ in range(passes)])[:count]
