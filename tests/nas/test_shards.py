"""Shards are pure: of weights, genotype, seed, step and shard number, and of nothing else."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import FloatArray, IntArray, TensorImages
from nas.random import generator
from nas.shards import (
    NonFiniteLossError,
    ShardGradient,
    evaluate_genotype,
    pass_indices,
    score_shard,
    train_shard,
)
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig

NET = Supernet(
    SupernetConfig(
        num_classes=3, image_size=8, channels=4, normal_cells=1, num_nodes=2, auxiliary_channels=(4, 4)
    )
)
GENOTYPE = Genotype.parse("0 1 1 3 2 0 0 2 1 4 0 1 2 3 1 0")
OTHER = Genotype.parse("0 0 1 0 1 1 0 4 1 0 0 2 0 1 1 0")
CONFIG = SearchConfig(num_shards=4, batch_size=6, validation_batch_size=5)


class Source:
    """Random images; augmentation adds noise drawn from the given generator."""

    num_classes = 3
    image_shape = (3, 8, 8)

    def __init__(self, count: int = 20) -> None:
        rng = generator(0, "images")
        self.labels = rng.integers(0, 3, count)
        self.images: FloatArray = rng.standard_normal((count, 3, 8, 8)).astype(np.float32)
        self.asked: list[tuple[list[int], bool]] = []

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        self.asked.append((indices.tolist(), rng is not None))
        noise = 0 if rng is None else 0.1 * rng.standard_normal((len(indices), 3, 8, 8))
        return torch.from_numpy((self.images[indices] + noise).astype(np.float32))


def weights() -> Tensor:
    return NET.initial_weights(0)


def same(first: ShardGradient, second: ShardGradient) -> bool:
    return first.loss == second.loss and np.array_equal(first.values, second.values)


def test_a_gradient_is_the_same_bit_for_bit_whenever_it_is_computed() -> None:
    first = train_shard(NET, weights(), GENOTYPE, Source(), CONFIG, 3, 2)
    np.random.default_rng().random()  # nothing global is read ...
    torch.manual_seed(99)
    train_shard(NET, weights(), OTHER, Source(), CONFIG, 3, 1)  # ... and nothing is left behind
    assert same(first, train_shard(NET, weights(), GENOTYPE, Source(), CONFIG, 3, 2))
    for step, shard, seed in ((4, 2, 0), (3, 1, 0), (3, 2, 1)):
        config = CONFIG.model_copy(update={"seed": seed})
        assert not same(first, train_shard(NET, weights(), GENOTYPE, Source(), config, step, shard))


def test_a_gradient_does_not_depend_on_where_the_weights_lie() -> None:
    shifted = torch.zeros(NET.layout.size + 3)[3:]
    shifted.copy_(weights())
    assert shifted.data_ptr() % 64 != 0
    first = train_shard(NET, weights(), GENOTYPE, Source(), CONFIG, 0, 0)
    assert same(first, train_shard(NET, shifted, GENOTYPE, Source(), CONFIG, 0, 0))


def test_shards_only_read_the_weights() -> None:
    buffer = weights()
    buffer.requires_grad_(False)
    train_shard(NET, buffer, GENOTYPE, Source(), CONFIG, 0, 0)
    score_shard(NET, buffer, GENOTYPE, Source(), CONFIG, 0, 0)
    assert torch.equal(buffer, weights())
    assert buffer.grad is None


def test_only_the_slices_that_a_genotype_uses_come_back() -> None:
    gradient = train_shard(NET, weights(), GENOTYPE, Source(), CONFIG, 0, 0)
    used = sum(NET.layout.specs[name].room for name in NET.used(GENOTYPE))
    assert gradient.values.shape == (used,)
    assert used < NET.layout.size / 2
    np.testing.assert_array_equal(gradient.ranges, NET.used_ranges(GENOTYPE))
    assert gradient.num_images == 6
    assert 0 <= gradient.accuracy <= 1


def test_a_gradient_is_the_slope_of_the_loss() -> None:
    """Along its own direction the loss changes by |g|^2 a unit, auxiliary loss included."""
    config = CONFIG.model_copy(update={"auxiliary_weight": 0.0})
    gradient = train_shard(NET, weights(), GENOTYPE, Source(), config, 0, 0)
    direction = torch.zeros(NET.layout.size)
    position = 0
    for start, stop in gradient.ranges.tolist():
        direction[start:stop] = torch.from_numpy(gradient.values[position : position + stop - start])
        position += stop - start
    step = 1e-3 / direction.norm().item()
    there, back = (
        train_shard(NET, weights() + sign * step * direction, GENOTYPE, Source(), config, 0, 0).loss
        for sign in (1, -1)
    )
    assert (there - back) / (2 * step) == pytest.approx(direction.square().sum().item(), rel=0.05)


def test_the_auxiliary_head_is_trained() -> None:
    """In the released program its own parameters never are."""
    gradient = train_shard(NET, weights(), GENOTYPE, Source(), CONFIG, 0, 0)
    dense = np.zeros(NET.layout.size, dtype=np.float32)
    position = 0
    for start, stop in gradient.ranges.tolist():
        dense[start:stop] = gradient.values[position : position + stop - start]
        position += stop - start
    for name in NET.layout.specs:
        if name.startswith("auxiliary"):
            assert NET.layout.view(torch.from_numpy(dense), name).abs().max() > 0, name


def test_training_images_are_augmented_and_scored_ones_are_not() -> None:
    source = Source()
    train_shard(NET, weights(), GENOTYPE, source, CONFIG, 0, 0)
    score_shard(NET, weights(), GENOTYPE, source, CONFIG, 0, 0)
    evaluate_genotype(NET, weights(), GENOTYPE, source, CONFIG)
    assert [augmented for _, augmented in source.asked] == [True] + [False] * 5


def test_genotypes_scored_together_share_the_minibatch() -> None:
    source = Source()
    for shard, genotype in enumerate((GENOTYPE, OTHER, GENOTYPE)):
        score_shard(NET, weights(), genotype, source, CONFIG, 7, shard)
    assert len({tuple(indices) for indices, _ in source.asked}) == 1
    score_shard(NET, weights(), GENOTYPE, source, CONFIG, 8, 0)
    assert source.asked[-1] != source.asked[0]


def test_a_score_builds_no_graph_and_keeps_its_number() -> None:
    score = score_shard(NET, weights().requires_grad_(), GENOTYPE, Source(), CONFIG, 0, 3)
    assert (score.shard, score.num_images) == (3, 5)
    assert isinstance(score.loss, float)


def test_a_score_may_use_the_whole_validation_part() -> None:
    config = CONFIG.model_copy(update={"validation_batch_size": None})
    source = Source()
    score = score_shard(NET, weights(), GENOTYPE, source, config, 0, 0)
    assert score.num_images == 20
    assert score == score_shard(NET, weights(), GENOTYPE, source, config, 5, 0)  # every step alike


def test_evaluation_covers_each_image_once_in_mixed_batches() -> None:
    source = Source()
    source.labels = np.sort(source.labels)
    evaluate_genotype(NET, weights(), GENOTYPE, source, CONFIG)
    batches = [indices for indices, _ in source.asked]
    assert sorted(index for batch in batches for index in batch) == list(range(20))
    assert [len(batch) for batch in batches] == [5, 5, 5, 5]
    assert all(len(set(source.labels[batch])) > 1 for batch in batches)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.integers(1, 40), st.integers(1, 12), st.integers(0, 3))
def test_every_image_is_seen_equally_often(count: int, size: int, batches: int, seed: int) -> None:
    seen = Counter(
        index
        for position in range(batches)
        for index in pass_indices(seed, "s", count, position, size).tolist()
    )
    times = [seen[index] for index in range(count)]
    assert max(times) - min(times) <= 1
    assert sum(times) == batches * size


def test_passes_are_shuffled_anew() -> None:
    first, second = (pass_indices(0, "s", 20, position, 20).tolist() for position in (0, 1))
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second


def test_a_loss_that_is_not_finite_names_step_shard_and_genotype() -> None:
    broken = weights()
    broken[:64] = float("nan")
    message = rf"not finite in weight step 3, shard 2, genotype {GENOTYPE}"
    with pytest.raises(NonFiniteLossError, match=message):
        train_shard(NET, broken, GENOTYPE, Source(), CONFIG, 3, 2)
    with pytest.raises(NonFiniteLossError, match="when scoring shard 1, genotype"):
        score_shard(NET, broken, GENOTYPE, Source(), CONFIG, 0, 1)


def test_a_gradient_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"gradient of shard 2 has shape \(3,\); its ranges need \(4,\)"):
        ShardGradient(
            shard=2,
            loss=0.0,
            accuracy=0.0,
            num_images=1,
            ranges=np.array([[0, 4]]),
            values=np.zeros(3, dtype=np.float32),
        )


def test_images_in_memory_serve_as_a_source() -> None:
    source = Source()
    images = TensorImages(source.images, source.labels, 3)
    assert score_shard(NET, weights(), GENOTYPE, images, CONFIG, 0, 0) == score_shard(
        NET, weights(), GENOTYPE, source, CONFIG, 0, 0
    )


def test_balanced_sampling_and_weights_change_a_step_and_leave_the_plain_one() -> None:
    class Lopsided(Source):
        def __init__(self) -> None:
            super().__init__()
            self.labels = np.array([0] * 14 + [1] * 4 + [2] * 2)

    def step(source: Lopsided, **changes: str) -> ShardGradient:
        return train_shard(
            NET, weights(), GENOTYPE, source, CONFIG.model_copy(update={"batch_size": 20, **changes}), 0, 0
        )

    sources = [Lopsided() for _ in range(3)]
    plain, balanced = step(sources[0]), step(sources[1], sampling="balanced")
    assert [sorted(np.bincount(one.labels[one.asked[0][0]])) for one in sources[:2]] == [
        [2, 4, 14],
        [6, 7, 7],
    ]
    weighted = step(sources[2], class_weights="balanced")
    assert weighted.accuracy == plain.accuracy  # the same images
    assert weighted.loss != plain.loss != balanced.loss
