"""The search: its steps, its records, and that it continues exactly from any step boundary."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from nas.children import LocalChildren, StepMetrics
from nas.config import SearchConfig, cosine_with_restarts
from nas.genotype import Genotype
from nas.images import TensorImages
from nas.random import generator
from nas.search import Position, Search
from nas.shards import NonFiniteLossError, ShardScore
from nas.strategy import build_strategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig

NET = Supernet(
    SupernetConfig(
        num_classes=3, image_size=8, channels=4, normal_cells=1, num_nodes=2, auxiliary_channels=(4, 4)
    )
)


def images(count: int, key: int) -> TensorImages:
    """Three classes that a brighter channel tells apart."""
    rng = generator(key, "images")
    labels = rng.integers(0, 3, count)
    pixels = rng.standard_normal((count, 3, 8, 8))
    pixels[np.arange(count), labels] += 2.0
    return TensorImages(pixels.astype(np.float32), labels, 3)


def config(**changes: Any) -> SearchConfig:
    small = {
        "epochs": 2,
        "num_shards": 2,
        "weight_steps_per_epoch": 3,
        "num_samples": 3,
        "controller_steps_per_epoch": 2,
        "batch_size": 8,
        "validation_batch_size": 10,
    }
    return SearchConfig.model_validate({**small, **changes})


def search(settings: SearchConfig, train: TensorImages | None = None) -> Search:
    children = LocalChildren(NET, settings, train or images(30, 0), images(20, 1))
    return Search(settings, build_strategy(settings, 2), children)


def rest(one: Search) -> list[Any]:
    results = []
    while not one.finished:
        results.append(one.run_epoch())
    return results


@pytest.mark.parametrize("strategy", ["enas", "random"])
def test_a_search_continued_at_any_step_equals_one_straight_run(strategy: str) -> None:
    settings = config(strategy=strategy, weight_steps_per_epoch=2)
    straight = search(settings)
    epochs = rest(straight)
    # In the weights, at the change to the controller, in the controller, at the change of epochs, after it.
    for done in (1, 2, 3, 4, 5):
        stopped = search(settings)
        for _ in range(done):
            stopped.step()
        resumed = search(settings)
        resumed.load_state_dict(stopped.state_dict())
        assert resumed.position == stopped.position
        assert rest(resumed) == epochs[done // straight.steps_per_epoch :]
        assert resumed.children.digest() == straight.children.digest()


def test_two_searches_of_one_seed_are_equal_and_another_seed_differs() -> None:
    first, second, third = (search(config(seed=seed)) for seed in (0, 0, 1))
    results = [rest(one) for one in (first, second, third)]
    assert results[0] == results[1] != results[2]
    assert first.children.digest() == second.children.digest() != third.children.digest()


def test_the_callers_threads_do_not_enter_the_result() -> None:
    one, two = search(config()), search(config())
    torch.set_num_threads(2)
    try:
        one.run_epoch()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
    two.run_epoch()
    assert one.children.digest() == two.children.digest()


def test_steps_follow_each_other_weights_first() -> None:
    one = search(config())
    positions = []
    while not one.finished:
        positions.append(one.position)
        assert one.step().position == positions[-1]
    epoch = [("weights", 0), ("weights", 1), ("weights", 2), ("controller", 0), ("controller", 1)]
    assert positions == [Position(e, phase, step) for e in (0, 1) for phase, step in epoch]
    with pytest.raises(RuntimeError, match="the search has finished its 2 epochs"):
        one.step()


def test_records_hold_every_sampled_architecture_with_its_reward() -> None:
    metrics = search(config()).run_epoch()
    assert len(metrics.records) == 5
    weights, controller = metrics.records[:3], metrics.records[3:]
    assert all(len(record.genotypes) == 2 and not record.rewards for record in weights)
    assert all(len(record.genotypes) == len(record.rewards) == 3 for record in controller)
    rewards = [reward for record in controller for reward in record.rewards]
    assert metrics.best_reward == max(rewards)
    assert metrics.reward_mean == pytest.approx(np.mean(rewards))
    spread = np.mean([np.std(record.rewards) for record in controller])
    assert metrics.reward_spread == pytest.approx(spread)
    assert [record.scores[2].shard for record in controller] == [2, 2]
    assert metrics.scalars()["reward_mean"] == metrics.reward_mean


def test_an_epoch_sums_up_both_optimizers_and_what_was_sent() -> None:
    metrics = search(config()).run_epoch()
    weights, controller = metrics.records[:3], metrics.records[3:]
    assert metrics.bytes_returned == pytest.approx(np.mean([r.metrics["bytes_returned"] for r in weights]))
    norms = [record.metrics["controller_gradient_norm"] for record in controller]
    assert metrics.strategy["controller_gradient_norm"] == pytest.approx(np.mean(norms))
    assert metrics.strategy["controller_learning_rate"] == config().controller.learning_rate


def test_rewards_are_accuracies_between_0_and_1_or_minus_losses() -> None:
    for reward, read in (("accuracy", lambda s: s.accuracy), ("loss", lambda s: -s.loss)):
        record = search(config(reward=reward)).run_epoch().records[-1]
        assert list(record.rewards) == [read(score) for score in record.scores]
        assert reward == "loss" or all(0 <= value <= 1 for value in record.rewards)


def test_the_search_learns() -> None:
    one = search(config(epochs=4, weight_steps_per_epoch=8, reward="loss", learning_rate_min=0.05))
    epochs = rest(one)
    assert epochs[-1].loss < epochs[0].loss - 0.2
    assert epochs[-1].accuracy > epochs[0].accuracy + 0.1
    assert {"entropy", "baseline"} <= epochs[0].scalars().keys()


def test_a_random_search_reports_no_entropy_and_no_baseline() -> None:
    metrics = search(config(strategy="random")).run_epoch()
    assert metrics.strategy == {}
    assert "entropy" not in metrics.scalars()


class Constant:
    """Children whose scores say nothing."""

    def train(self, step: int, genotypes: Sequence[Genotype], learning_rate: float) -> StepMetrics:
        return StepMetrics(loss=0.0, accuracy=1.0, gradient_norm=0.0, num_used=0, bytes_returned=0)

    def score(self, step: int, genotypes: Sequence[Genotype]) -> list[ShardScore]:
        return [ShardScore(shard=i, loss=0.0, accuracy=1.0, num_images=9) for i in range(len(genotypes))]

    def evaluate(self, genotypes: Sequence[Genotype]) -> list[ShardScore]:
        return self.score(0, genotypes)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...

    def digest(self) -> str:
        return ""


def test_a_saturated_reward_is_said_to_have_collapsed() -> None:
    settings = config()
    metrics = Search(settings, build_strategy(settings, 2), Constant()).run_epoch()
    assert metrics.reward_spread == 0
    assert metrics.reward_collapsed
    assert metrics.best_genotype == metrics.records[3].genotypes[0]  # the earliest of equals
    assert not search(config(reward="loss")).run_epoch().reward_collapsed


def test_a_failed_step_leaves_the_search_where_it_was() -> None:
    broken = images(30, 0)
    broken.images[:] = 3e38
    one = search(config(), broken)
    before = one.children.digest()
    with pytest.raises(NonFiniteLossError, match="weight step 0, shard 0"):
        one.step()
    assert one.position == Position()
    assert one.children.digest() == before


def test_the_summary_waits_for_the_end_of_the_epoch() -> None:
    one = search(config())
    one.step()
    with pytest.raises(RuntimeError, match="the epoch has 1 of 5 steps"):
        one.epoch_metrics()
    assert len(one.epoch_records) == 1


def test_the_learning_rate_restarts() -> None:
    settings = SearchConfig.preset("released")
    rates = [settings.learning_rate(epoch) for epoch in range(31)]
    assert rates[0] == rates[10] == rates[30] == 0.05  # periods of 10, then of 20 epochs
    assert rates[5] == pytest.approx((0.05 + 0.0005) / 2)  # half-way the cosine is 0
    assert rates[20] == pytest.approx((0.05 + 0.0005) / 2)
    assert rates[9] < 0.002
    assert cosine_with_restarts(3, 1.0, 0.0, 4, 1) == pytest.approx(0.5 * (1 - 2**-0.5))  # cos(3 pi / 4)


def test_presets() -> None:
    released = SearchConfig.preset("released")
    assert (released.epochs, released.batch_size, released.num_samples) == (150, 160, 10)
    paper = SearchConfig.preset("paper", epochs=5)
    assert paper.epochs == 5
    assert paper.num_shards * paper.batch_size == 160
    assert paper.controller.learning_rate == 0.00035
    with pytest.raises(ValueError, match="search preset is 'large'; known are released, paper, small"):
        SearchConfig.preset("large")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"num_shards": 0}, "num_shards"),
        ({"reward": "percent"}, "reward"),
        ({"batchsize": 4}, "batchsize"),
        ({"momentum": 1.0}, "momentum"),
    ],
)
def test_a_bad_configuration_names_its_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        config(**change)


def test_children_check_their_sources() -> None:
    settings = config()
    large = TensorImages(np.zeros((4, 3, 16, 16), dtype=np.float32), np.zeros(4, dtype=np.int64), 3)
    with pytest.raises(
        ValueError, match=r"validation images have shape \(3, 16, 16\); the search network needs"
    ):
        LocalChildren(NET, settings, images(4, 0), large)
    two = TensorImages(np.zeros((4, 3, 8, 8), dtype=np.float32), np.zeros(4, dtype=np.int64), 2)
    with pytest.raises(ValueError, match="training images have 2 classes; the search network has 3"):
        LocalChildren(NET, settings, two, images(4, 0))
    one = TensorImages(np.zeros((1, 3, 8, 8), dtype=np.float32), np.zeros(1, dtype=np.int64), 3)
    with pytest.raises(
        ValueError, match="the validation part has 1 images; batch normalization needs at least 2"
    ):
        LocalChildren(NET, settings, images(4, 0), one)


def test_a_weight_step_needs_one_genotype_for_each_shard() -> None:
    settings = config()
    children = LocalChildren(NET, settings, images(8, 0), images(8, 1))
    genotypes = build_strategy(settings, 2).sample(3, "test", 0)
    with pytest.raises(ValueError, match="a weight step got 3 genotypes; `num_shards` is 2"):
        children.train(0, genotypes, 0.1)
