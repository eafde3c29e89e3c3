"""Shards: the pure functions that a search is made of.

The gradient or the score of one genotype depends on (weights, genotype, seed, step, shard) alone. Minibatch,
augmentation and dropout come from generators keyed by those, so that it does not matter who computes a
shard, when, or how often.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.balance import balanced_order, loss_weights
from nas.compute import to_device, to_host
from nas.compute_config import ComputeConfig
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import FloatArray, ImageSource, IntArray
from nas.layout import RangeArray, aligned
from nas.random import generator
from nas.supernet import Supernet

FULL_PRECISION = ComputeConfig()
Order = Callable[[np.random.Generator, int], IntArray]
"""The indices of one pass over a number of images, by a generator."""


class NonFiniteLossError(ValueError):
    """A loss or gradient is infinite or not a number; the shared weights were not changed."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ShardGradient:
    """Gradient of one genotype on its minibatch.

    Attributes:
        shard: number of the shard within its step.
        loss: mean cross-entropy, without the auxiliary head's.
        accuracy: share of the minibatch whose class was right.
        num_images: size of the minibatch.
        ranges: int64 (R, 2), the [start, stop) of the flat buffer that the genotype used.
        values: float32 (sum of the ranges' lengths,), the gradient there, in buffer order.

    Raises:
        ValueError: `values` does not have the length of `ranges`.
    """

    shard: int
    loss: float
    accuracy: float
    num_images: int
    ranges: RangeArray
    values: FloatArray

    def __post_init__(self) -> None:
        length = int((self.ranges[:, 1] - self.ranges[:, 0]).sum())
        if self.values.shape != (length,):
            raise ValueError(
                f"gradient of shard {self.shard} has shape {self.values.shape}; its ranges need ({length},)"
            )


@dataclass(frozen=True, kw_only=True)
class ShardScore:
    """How well one genotype does on validation images with the shared weights.

    Attributes:
        shard: its number among those scored together.
        loss: mean cross-entropy.
        accuracy: share of images whose class was right.
        num_images: how many images.
    """

    shard: int
    loss: float
    accuracy: float
    num_images: int


def train_shard(
    supernet: Supernet,
    weights: Tensor,
    genotype: Genotype,
    source: ImageSource,
    config: SearchConfig,
    step: int,
    shard: int,
    compute: ComputeConfig = FULL_PRECISION,
) -> ShardGradient:
    """Gradient of one shard of a weight step.

    Args:
        supernet: shapes and names.
        weights: float32 (layout.size,), read only; its device computes.
        genotype: the architecture of this shard.
        source: the training part.
        config: batch size, M, auxiliary weight, seed.
        step: number of the weight step since the search began.
        shard: 0 to M - 1.
        compute: the precision; the device is that of `weights`.

    Returns:
        The gradient on the slices that the genotype uses.

    Raises:
        NonFiniteLossError: the loss or the gradient is not finite.
    """
    counter = step * config.num_shards + shard
    indices = _training_indices(source.labels, config, counter)
    images, labels = _fetch(source, indices, generator(config.seed, "augmentation", step, shard), weights)
    names, weights = supernet.used(genotype), aligned(weights)
    leaves = [supernet.layout.view(weights, name).detach().requires_grad_() for name in names]
    dropout = generator(config.seed, "dropout", step, shard)
    with compute.autocast():
        logits, auxiliary = supernet.logits(dict(zip(names, leaves, strict=True)), genotype, images, dropout)
    shares = loss_weights(config.class_weights, source.labels, source.num_classes, labels.device)
    loss = total = F.cross_entropy(logits.float(), labels, shares)
    if auxiliary is not None:
        total = loss + config.auxiliary_weight * F.cross_entropy(auxiliary.float(), labels, shares)
    gradients = torch.autograd.grad(total, leaves)
    values = to_host(supernet.layout.pack(names, gradients)).numpy()
    if not (torch.isfinite(total) and np.isfinite(values).all()):
        raise NonFiniteLossError(
            f"loss {total.item()} or its gradient is not finite in weight step {step}, shard {shard}, "
            f"genotype {genotype}; lower the learning rate or look at the training images"
        )
    return ShardGradient(
        shard=shard,
        loss=loss.item(),
        accuracy=_accuracy(logits, labels),
        num_images=len(indices),
        ranges=supernet.used_ranges(genotype),
        values=values,
    )


def score_shard(
    supernet: Supernet,
    weights: Tensor,
    genotype: Genotype,
    source: ImageSource,
    config: SearchConfig,
    step: int,
    shard: int,
    compute: ComputeConfig = FULL_PRECISION,
) -> ShardScore:
    """Score of one genotype on the validation minibatch of a controller step.

    All genotypes of a step share the minibatch: they are compared with each other, and a difference of
    minibatches would be noise in that comparison. Images are never augmented at random.

    Args:
        supernet: shapes and names.
        weights: float32 (layout.size,), read only; its device computes.
        genotype: the architecture.
        source: the validation part.
        config: validation batch size and seed.
        step: number of the controller step since the search began.
        shard: number among those scored together; kept in the result, never part of the random key.
        compute: the precision; the device is that of `weights`.

    Raises:
        NonFiniteLossError: the loss is not finite.
    """
    if config.validation_batch_size is None or config.validation_batch_size >= len(source.labels):
        whole = evaluate_genotype(supernet, weights, genotype, source, config, compute)
        return replace(whole, shard=shard)
    indices = pass_indices(
        config.seed, "validation pass", len(source.labels), step, config.validation_batch_size
    )
    return _score(supernet, weights, genotype, source, [indices], shard, compute)


def evaluate_genotype(
    supernet: Supernet,
    weights: Tensor,
    genotype: Genotype,
    source: ImageSource,
    config: SearchConfig,
    compute: ComputeConfig = FULL_PRECISION,
) -> ShardScore:
    """Score of one genotype on the whole validation part.

    Batch normalization uses batch statistics, so batches are part of the result: they are cut from one
    fixed shuffle (a source sorted by class would give batches of one class), and are as equal as can be.

    Raises:
        NonFiniteLossError: the loss is not finite.
    """
    count = len(source.labels)
    order = generator(config.seed, "evaluation order").permutation(count)
    limit = config.validation_batch_size or config.evaluation_batch_size
    return _score(supernet, weights, genotype, source, np.array_split(order, -(-count // limit)), 0, compute)


def _training_indices(labels: IntArray, config: SearchConfig, counter: int) -> IntArray:
    order: Order = np.random.Generator.permutation
    stream = "training pass"
    if config.sampling == "balanced":
        order, stream = (lambda rng, _: balanced_order(labels, rng)), "balanced training pass"
    return pass_indices(config.seed, stream, len(labels), counter, config.batch_size, order)


def pass_indices(
    seed: int,
    stream: str,
    count: int,
    position: int,
    size: int,
    order: Order = np.random.Generator.permutation,
) -> IntArray:
    """Minibatch number `position` of an endless series of reshuffled passes over `count` images.

    Passes follow each other without a gap and each holds every image once, so after any number of
    minibatches no image was seen more than once more often than another. `order` may draw a pass otherwise.
    Pure in its arguments.
    """
    start, stop = position * size, (position + 1) * size
    passes = range(start // count, (stop - 1) // count + 1)
    drawn = np.concatenate([order(generator(seed, stream, number), count) for number in passes])
    offset = passes[0] * count
    return drawn[start - offset : stop - offset]


def _fetch(
    source: ImageSource, indices: IntArray, rng: np.random.Generator | None, weights: Tensor
) -> tuple[Tensor, Tensor]:
    images, labels = source.batch(indices, rng), torch.from_numpy(source.labels[indices])
    return to_device(images, weights.device), to_device(labels, weights.device)


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(dim=1) == labels).sum().item() / len(labels)


def _score(
    supernet: Supernet,
    weights: Tensor,
    genotype: Genotype,
    source: ImageSource,
    batches: list[IntArray],
    shard: int,
    compute: ComputeConfig,
) -> ShardScore:
    loss, correct, count = 0.0, 0, 0
    views = supernet.layout.views(aligned(weights), supernet.used(genotype))
    with torch.inference_mode():
        for indices in batches:
            images, labels = _fetch(source, indices, None, weights)
            with compute.autocast():
                logits, _ = supernet.logits(views, genotype, images, None)
            logits = logits.float()
            loss += F.cross_entropy(logits, labels, reduction="sum").item()
            correct += int((logits.argmax(dim=1) == labels).sum())
            count += len(indices)
    if not np.isfinite(loss):
        raise NonFiniteLossError(
            f"loss {loss} is not finite when scoring shard {shard}, genotype {genotype}; lower the learning "
            "rate or look at the validation images"
        )
    return ShardScore(shard=shard, loss=loss / count, accuracy=correct / count, num_images=count)
