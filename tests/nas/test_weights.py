"""The update of the shared weights: a fixed order of addition, and only what was used."""

import hashlib
import itertools

import numpy as np
import pytest

from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.shards import NonFiniteLossError, ShardGradient
from nas.strategy import RandomStrategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig
from nas.weights import NORM_BLOCK, SharedWeights, TreeSum, join_sums, owner_bounds, split_gradient

NET = Supernet(
    SupernetConfig(
        num_classes=3, image_size=8, channels=4, normal_cells=1, num_nodes=1, auxiliary_channels=(4, 4)
    )
)
FIRST = Genotype.parse("0 0 1 4 0 4 1 4")
SECOND = Genotype.parse("1 0 0 4 0 4 1 4")


def gradient(shard: int, genotype: Genotype, fill: float | None = None, net: Supernet = NET) -> ShardGradient:
    ranges = net.used_ranges(genotype)
    length = int((ranges[:, 1] - ranges[:, 0]).sum())
    rng = np.random.default_rng(shard)
    # Magnitudes from 1e-3 to 1e3: sums in another order round differently.
    values = rng.standard_normal(length) * 10.0 ** rng.integers(-3, 4, length)
    values = values if fill is None else np.full(length, fill)
    return ShardGradient(
        shard=shard, loss=0.0, accuracy=0.0, num_images=1, ranges=ranges, values=values.astype(np.float32)
    )


def dense(part: ShardGradient) -> np.ndarray:
    buffer = np.zeros(NET.layout.size, dtype=np.float32)
    position = 0
    for start, stop in part.ranges.tolist():
        buffer[start:stop] = part.values[position : position + stop - start]
        position += stop - start
    return buffer


def config(shards: int, **changes: object) -> SearchConfig:
    return SearchConfig.model_validate({"num_shards": shards, "clip_norm": 1e9, **changes})


def test_every_order_of_arrival_gives_the_same_digest() -> None:
    parts = [gradient(shard, FIRST if shard % 2 else SECOND) for shard in range(5)]
    digests = set()
    for order in itertools.permutations(parts):
        weights = SharedWeights(NET, config(5))
        weights.apply(order, 0.01)
        digests.add(weights.digest())
    assert len(digests) == 1


def test_a_plain_sum_in_order_of_arrival_gives_other_bits() -> None:
    """The check above can fail: this is what it guards against."""
    parts = [gradient(shard, FIRST) for shard in range(5)]
    sums = {sum(dense(p) for p in order).tobytes() for order in itertools.permutations(parts)}  # type: ignore[union-attr]
    assert len(sums) > 1


@pytest.mark.parametrize("count", range(1, 10))
def test_the_tree_adds_neighbors_first(count: int) -> None:
    def tree(level: list[np.ndarray]) -> np.ndarray:
        while len(level) > 1:
            pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
            level = [pair[0] + pair[1] if len(pair) == 2 else pair[0] for pair in pairs]
        return level[0]

    parts = [gradient(shard, FIRST if shard % 3 else SECOND) for shard in range(count)]
    total = TreeSum(count, NET.layout.size)
    for part in reversed(parts):
        total.add(part)
    np.testing.assert_array_equal(total.result()[1], tree([dense(part) for part in parts]))


def test_two_nesterov_steps_by_hand() -> None:
    weights = SharedWeights(NET, config(1, momentum=0.5, weight_decay=0.1))
    start, stop = NET.used_ranges(FIRST)[0].tolist()
    weights.values[:] = 1.0
    weights.apply([gradient(0, FIRST, fill=2.0)], 0.1)
    # g = 2 + 0.1 x 1 = 2.1; v = 2.1; w = 1 - 0.1 (2.1 + 0.5 x 2.1) = 0.685
    np.testing.assert_allclose(weights.values[start:stop], 0.685, rtol=1e-6)
    weights.apply([gradient(0, FIRST, fill=2.0)], 0.1)
    # g = 2.0685; v = 0.5 x 2.1 + 2.0685 = 3.1185; w = 0.685 - 0.1 (2.0685 + 1.55925) = 0.322225
    np.testing.assert_allclose(weights.values[start:stop], 0.322225, rtol=1e-6)
    assert weights.version == 2


def test_what_no_shard_used_keeps_value_and_momentum_and_does_not_decay() -> None:
    weights = SharedWeights(NET, config(1, weight_decay=0.1))
    weights.apply([gradient(0, FIRST)], 0.1)
    before = weights.state_dict()
    weights.apply([gradient(0, SECOND)], 0.1)
    used = np.zeros(weights.size, dtype=bool)
    for start, stop in NET.used_ranges(SECOND).tolist():
        used[start:stop] = True
    after = weights.state_dict()
    for name in ("weights", "momentum"):
        np.testing.assert_array_equal(after[name][~used], before[name][~used])
        assert (after[name][used] != before[name][used]).mean() > 0.5
    assert before["momentum"][~used].any()  # used by the first genotype alone, momentum still waiting


def test_gradients_are_averaged_over_all_shards_also_those_that_did_not_use_them() -> None:
    weights = SharedWeights(NET, config(2, momentum=0.0, weight_decay=0.0))
    weights.values[:] = 0.0
    metrics = weights.apply([gradient(0, FIRST, fill=1.0), gradient(1, SECOND, fill=3.0)], 1.0)
    only_first = NET.layout.offsets["layer2.node0.x.input0.sep_conv_3x3.0.depthwise"]
    only_second = NET.layout.offsets["layer2.node0.x.input1.sep_conv_3x3.0.depthwise"]
    both = NET.layout.offsets["stem.weight"]
    assert weights.values[[only_first, only_second, both]].tolist() == [-0.5, -1.5, -2.0]
    assert metrics.bytes_returned == 4 * sum(len(gradient(0, g).values) for g in (FIRST, SECOND))
    assert metrics.num_used == int((weights.values != 0).sum())


def test_a_long_gradient_is_clipped_to_its_norm() -> None:
    weights = SharedWeights(NET, config(1, momentum=0.0, weight_decay=0.0, clip_norm=5.0))
    weights.values[:] = 0.0
    part = gradient(0, FIRST)
    metrics = weights.apply([part], 1.0)
    assert metrics.gradient_norm == pytest.approx(np.linalg.norm(part.values.astype(np.float64)), rel=1e-6)
    assert metrics.gradient_norm > 5
    assert np.linalg.norm(weights.values.astype(np.float64)) == pytest.approx(5.0, rel=1e-5)


def test_a_short_gradient_is_not_stretched() -> None:
    weights = SharedWeights(NET, config(1, momentum=0.0, weight_decay=0.0, clip_norm=1e6))
    weights.values[:] = 0.0
    weights.apply([gradient(0, FIRST, fill=1e-3)], 1.0)
    assert weights.values.min() == np.float32(-1e-3)


def test_a_sum_that_is_not_finite_changes_nothing() -> None:
    weights = SharedWeights(NET, config(2))
    before = weights.digest()
    with np.errstate(over="ignore"), pytest.raises(NonFiniteLossError, match="weights are unchanged"):
        weights.apply([gradient(0, FIRST, fill=3e38), gradient(1, FIRST, fill=3e38)], 0.1)
    assert weights.digest() == before
    assert weights.version == 0


@pytest.mark.parametrize(
    ("shards", "message"),
    [
        ([0], r"gradients of shards \[1\] are missing; all 2 are needed"),
        ([0, 0], "gradient of shard 0 is unexpected; a step of 2 shards needs each number once"),
        ([0, 2], "gradient of shard 2 is unexpected"),
    ],
)
def test_each_shard_comes_once(shards: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SharedWeights(NET, config(2)).apply([gradient(shard, FIRST) for shard in shards], 0.1)


def test_saved_weights_continue_alike_and_are_copies() -> None:
    straight = SharedWeights(NET, config(1))
    straight.apply([gradient(0, FIRST)], 0.1)
    state = straight.state_dict()
    straight.apply([gradient(0, SECOND)], 0.1)
    resumed = SharedWeights(NET, config(1, seed=5))
    resumed.load_state_dict(state)
    assert resumed.version == 1
    resumed.apply([gradient(0, SECOND)], 0.1)
    assert resumed.digest() == straight.digest()


def test_weights_of_another_network_are_refused() -> None:
    state = SharedWeights(NET, config(1)).state_dict()
    state["momentum"] = state["momentum"][:-1]
    with pytest.raises(ValueError, match="`momentum` of the checkpoint has shape"):
        SharedWeights(NET, config(1)).load_state_dict(state)


def test_the_buffer_lies_at_64_bytes_before_and_after_loading() -> None:
    weights = SharedWeights(NET, config(1))
    assert weights.tensor.data_ptr() % 64 == 0
    weights.load_state_dict(weights.state_dict())
    assert weights.tensor.data_ptr() % 64 == 0


# 6 blocks of the norm, the last of them a part of one.
WIDE = Supernet(
    SupernetConfig(
        num_classes=3, image_size=8, channels=12, normal_cells=3, num_nodes=2, auxiliary_channels=(16, 64)
    )
)


def shared(owners: int, clip_norm: float = 5.0, own_norms: bool = False) -> str:
    """Digest after three updates by so many owners. `own_norms`: each clips by the norm of its range."""
    settings = config(4, clip_norm=clip_norm)
    bounds = owner_bounds(WIDE, 4, owners)
    ranges = [SharedWeights(WIDE, settings, part) for part in itertools.pairwise(bounds)]
    for step in range(3):
        genotypes = RandomStrategy(2, seed=1).sample(4, "weights", step)
        parts = [split_gradient(gradient(n, g, net=WIDE), bounds) for n, g in enumerate(genotypes)]
        sums = [one.add_up(own) for one, own in zip(ranges, zip(*parts, strict=True), strict=True)]
        for one, own in zip(ranges, sums, strict=True):
            one.update(join_sums([own] if own_norms else sums).gradient_norm, 0.1)
    return hashlib.sha256(b"".join(one.values.tobytes() for one in ranges)).hexdigest()


def test_owners_of_ranges_give_the_bits_of_one() -> None:
    assert WIDE.layout.size // NORM_BLOCK == 5
    whole = SharedWeights(WIDE, config(4, clip_norm=5.0))
    for step in range(3):
        genotypes = RandomStrategy(2, seed=1).sample(4, "weights", step)
        parts = [gradient(n, g, net=WIDE) for n, g in enumerate(genotypes)]
        whole.apply(parts, 0.1)
    assert {shared(owners) for owners in (1, 2, 3, 6)} == {whole.digest()}


def test_owners_that_clip_by_their_own_norms_would_give_other_bits() -> None:
    """The check above can fail: what is shared between the halves of an update matters."""
    assert shared(2, own_norms=True) != shared(2)


def test_the_metrics_of_ranges_join_to_those_of_the_whole() -> None:
    (genotype,) = RandomStrategy(2, seed=1).sample(1, "weights", 0)
    part = gradient(0, genotype, net=WIDE)
    bounds = owner_bounds(WIDE, 1, 3)
    sums = [
        SharedWeights(WIDE, config(1), own).add_up([piece])
        for own, piece in zip(itertools.pairwise(bounds), split_gradient(part, bounds), strict=True)
    ]
    assert join_sums(sums) == SharedWeights(WIDE, config(1)).apply([part], 0.1)


def test_a_gradient_is_split_where_the_buffer_is() -> None:
    part = ShardGradient(
        shard=3,
        loss=1.0,
        accuracy=0.5,
        num_images=2,
        ranges=np.array([[0, 2], [6, 10]]),
        values=np.arange(6, dtype=np.float32),
    )
    first, second, third, fourth = split_gradient(part, (0, 4, 5, 8, 12))
    # used are 0 1 and 6 7 8 9, with the values 0 1 and 2 3 4 5
    assert (first.ranges.tolist(), first.values.tolist()) == ([[0, 2]], [0, 1])
    assert (second.ranges.tolist(), second.values.tolist()) == ([], [])
    assert (third.ranges.tolist(), third.values.tolist()) == ([[1, 3]], [2, 3])
    assert (fourth.ranges.tolist(), fourth.values.tolist()) == ([[0, 2]], [4, 5])
    assert {piece.shard for piece in (first, second, third, fourth)} == {3}


def test_a_range_that_no_shard_used_keeps_its_bits() -> None:
    weights = SharedWeights(NET, config(1), (0, 32))
    before = weights.values.copy()
    nothing = ShardGradient(
        shard=0,
        loss=0.0,
        accuracy=0.0,
        num_images=1,
        ranges=np.zeros((0, 2), np.int64),
        values=np.zeros(0, np.float32),
    )
    assert weights.add_up([nothing]).squares == ()
    weights.update(3.0, 0.1)
    np.testing.assert_array_equal(weights.values, before)
    assert weights.version == 1


def test_work_is_divided_at_blocks_and_about_equally() -> None:
    net = Supernet(SupernetConfig(num_classes=10, channels=12))
    bounds = owner_bounds(net, 64, 4)
    assert bounds[0] == 0
    assert bounds[-1] == net.layout.size
    assert all(cut % NORM_BLOCK == 0 for cut in bounds[:-1])
    work = np.zeros(4)
    for genotype in RandomStrategy(5, seed=9).sample(20, "weights", 0):
        work += [piece.values.size for piece in split_gradient(gradient(0, genotype, net=net), bounds)]
    # The head that all use is 1.6 MB of 2.2 and lies in seven blocks: a quarter each is not to be had.
    assert work.max() / work.sum() < 0.4
    with pytest.raises(ValueError, match="`owners` is 42; the weights of this search network are 41 blocks"):
        owner_bounds(net, 64, 42)
