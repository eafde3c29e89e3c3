"""Strategies: pure sampling, one REINFORCE step by hand, and continuing from a saved state."""

import numpy as np
import pytest
import torch

from nas.config import ControllerConfig, SearchConfig
from nas.strategy import EnasStrategy, RandomStrategy, Strategy, build_strategy, to_numbers

KINDS = ["enas", "random"]


def strategy(kind: str, seed: int = 0) -> Strategy:
    return build_strategy(SearchConfig.preset("released", strategy=kind, seed=seed), num_nodes=3)


@pytest.mark.parametrize("kind", KINDS)
def test_sampling_depends_on_the_key_alone(kind: str) -> None:
    first = strategy(kind)
    assert first.name == kind
    drawn = first.sample(4, "weights", 7)
    first.sample(4, "weights", 8)
    assert first.sample(4, "weights", 7) == drawn == strategy(kind).sample(4, "weights", 7)
    for other in (
        first.sample(4, "weights", 6),
        first.sample(4, "controller", 7),
        strategy(kind, 1).sample(4, "weights", 7),
    ):
        assert other != drawn


@pytest.mark.parametrize("kind", KINDS)
def test_a_saved_strategy_continues_alike(kind: str) -> None:
    def advance(one: Strategy, step: int) -> dict[str, float]:
        genotypes = one.sample(4, "controller", step)
        return one.update(genotypes, [0.1 * index + step for index in range(4)])

    straight = strategy(kind)
    advance(straight, 0)
    resumed = strategy(kind)
    resumed.load_state_dict(straight.state_dict())
    assert advance(resumed, 1) == advance(straight, 1)
    assert resumed.sample(9, "weights", 5) == straight.sample(9, "weights", 5)


def test_a_state_is_a_copy() -> None:
    one = strategy("enas")
    state = one.state_dict()
    before = state["parameters"]["lstm"].clone()
    one.update(one.sample(4, "controller", 0), [0.0, 1.0, 0.0, 1.0])
    assert torch.equal(state["parameters"]["lstm"], before)


def test_another_strategys_state_is_refused() -> None:
    with pytest.raises(ValueError, match="the checkpoint is of strategy 'random'; this search uses 'enas'"):
        strategy("enas").load_state_dict(strategy("random").state_dict())


def test_a_controller_of_another_size_is_refused() -> None:
    wide = EnasStrategy(ControllerConfig(hidden=8), 3, seed=0)
    with pytest.raises(ValueError, match="`parameters` of the checkpoint have shapes"):
        strategy("enas").load_state_dict(wide.state_dict())


def test_random_architectures_are_uniform_over_inputs_and_operations() -> None:
    numbers = to_numbers(RandomStrategy(3, seed=0).sample(4000, "weights", 0))[0].view(4000, 2, 3, 4)
    for node in range(3):
        for side in (0, 2):
            inputs = np.bincount(numbers[:, :, node, side].flatten(), minlength=node + 2) / 8000
            assert inputs == pytest.approx(1 / (node + 2), abs=0.03)
            operations = np.bincount(numbers[:, :, node, side + 1].flatten(), minlength=5) / 8000
            assert operations == pytest.approx(0.2, abs=0.03)


def test_the_baseline_moves_before_it_is_used() -> None:
    one = EnasStrategy(ControllerConfig(entropy_weight=0.0, baseline_decay=0.9), 1, seed=0)
    # b: 0 -> 0.1 x 1 = 0.1 -> 0.1 + 0.1 x (0.5 - 0.1) = 0.14; advantages 1 - 0.1 and 0.5 - 0.14
    assert one._move_baseline([1.0, 0.5]) == pytest.approx([0.9, 0.36])
    assert one.baseline == pytest.approx(0.14)


def test_a_baseline_may_start_from_the_first_mean() -> None:
    one = EnasStrategy(ControllerConfig(baseline_start="first", baseline_decay=0.9), 1, seed=0)
    # b: mean -2 -> -2 + 0.1 x (-1 + 2) = -1.9 -> -1.9 + 0.1 x (-3 + 1.9) = -2.01
    assert one._move_baseline([-1.0, -3.0]) == pytest.approx([0.9, -0.99])


def test_the_entropy_bonus_is_small_beside_an_accuracy() -> None:
    """The trap of rewards in percent: the bonus is entropy x 1e-4 beside a reward between 0 and 1."""
    one = EnasStrategy(ControllerConfig(baseline_decay=0.0), 5, seed=0)
    told = one.update(one.sample(1, "controller", 0), [0.5])
    assert told["baseline"] == pytest.approx(0.5 + 1e-4 * told["entropy"], rel=1e-6)
    assert 50 < told["entropy"] < 70


def test_one_adam_step_by_hand() -> None:
    config = ControllerConfig(entropy_weight=0.0, learning_rate=0.1, baseline_decay=0.9)
    one = EnasStrategy(config, 1, seed=0)
    genotypes = one.sample(2, "controller", 0)
    advantages = torch.tensor([0.9, 0.36])  # as worked out above
    loss = -(one.controller.replay(*to_numbers(genotypes)).log_probability * advantages).mean()
    (gradient,) = torch.autograd.grad(loss, one.controller.parameters["operation_bias"])
    before = one.controller.parameters["operation_bias"].detach().clone()
    one.update(genotypes, [1.0, 0.5])
    # v = 0.001 g^2 after the first step, and the rate is corrected by sqrt(1 - 0.999)
    expected = before - 0.1 * 0.001**0.5 * gradient / ((0.001 * gradient**2).sqrt() + 1e-3)
    torch.testing.assert_close(one.controller.parameters["operation_bias"].detach(), expected)


def test_a_reward_that_is_not_finite_changes_nothing() -> None:
    one = strategy("enas")
    genotypes = one.sample(2, "controller", 0)
    with pytest.raises(ValueError, match=r"rewards are \[1.0, nan\]; all must be finite"):
        one.update(genotypes, [1.0, float("nan")])
    assert one.sample(4, "weights", 0) == strategy("enas").sample(4, "weights", 0)


def test_the_callers_number_of_threads_is_restored() -> None:
    torch.set_num_threads(2)
    try:
        one = strategy("enas")
        one.update(one.sample(2, "controller", 0), [0.0, 1.0])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)
