"""The controller: its size, its probabilities and its REINFORCE training."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas.config import ControllerConfig
from nas.controller import Controller
from nas.genotype import Genotype
from nas.random import generator
from nas.space import ENAS_MICRO
from nas.strategy import EnasStrategy, to_genotypes, to_numbers

CONFIG = ControllerConfig()


def uniforms(count: int, controller: Controller, key: int = 0) -> np.ndarray:
    return generator(key, "test").random((count, controller.num_decisions))


def probability_of(parameters: dict[str, Tensor], genotype: Genotype) -> tuple[float, float]:
    """Product of the probabilities of all choices, and the sum of their entropies, for one genotype.

    Written for one sample, in double precision, as the paper says it, to be unlike the code under test.
    """
    p = {name: value.detach().double() for name, value in parameters.items()}
    h = c = torch.zeros(64, dtype=torch.float64)
    product, entropy = 1.0, 0.0

    def lstm(x: Tensor) -> None:
        nonlocal h, c
        i, f, o, g = (torch.cat([x, h]) @ p["lstm"]).split(64)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)

    def meet(logits: Tensor, choice: int) -> None:
        nonlocal product, entropy
        q = F.softmax(logits, dim=0)
        product *= q[choice].item()
        entropy -= (q * q.log()).sum().item()

    for cell, bonus in ((genotype.normal, 0.25), (genotype.reduction, 0.0)):
        vectors, keys = [], []
        for _ in range(2):
            lstm(p["start"][0])
            vectors.append(torch.zeros(64, dtype=torch.float64))
            keys.append(h @ p["attention_anchor"])
        for node in cell.nodes:
            x = p["start"][0]
            for choice in (node.x_input, node.y_input):
                lstm(x)
                scores = [torch.tanh(k + h @ p["attention_query"]) @ p["attention_value"][:, 0] for k in keys]
                meet(1.10 * torch.tanh(torch.stack(scores)), choice)
                x = vectors[choice]
            for choice in (node.x_operation, node.y_operation):
                lstm(x)
                logits = 1.10 / 2.5 * torch.tanh(h @ p["operation_weight"] + p["operation_bias"])
                meet(logits + bonus * torch.tensor([1, 1, -1, -1, -1]), choice)
                x = p["operation_embedding"][choice]
            lstm(x)
            vectors.append(h)
            keys.append(h @ p["attention_anchor"])
    return product, entropy


def test_it_has_the_parameters_of_the_released_controller() -> None:
    # LSTM 128 x 256, start 64, embedding 5 x 64, operations 64 x 5 + 5, attention 2 x 64 x 64 + 64
    expected = 32768 + 64 + 320 + 325 + 8192 + 64
    assert expected == 41733
    parameters = Controller(CONFIG, 5, seed=0).parameters
    assert sum(parameter.numel() for parameter in parameters.values()) == expected
    assert parameters["operation_bias"].tolist() == [10, 10, 0, 0, 0]
    others = torch.cat([v.flatten() for n, v in parameters.items() if n != "operation_bias"])
    assert 0.099 < others.abs().max() <= 0.1


def test_log_probability_is_the_log_of_the_product_of_the_choices() -> None:
    controller = Controller(CONFIG, 5, seed=1)
    sampled = controller.sample(uniforms(6, controller))
    replayed = controller.replay(sampled.numbers)
    torch.testing.assert_close(sampled.log_probability, replayed.log_probability)
    for index, genotype in enumerate(to_genotypes(sampled.numbers.flatten(1).numpy(), ENAS_MICRO)):
        product, entropy = probability_of(controller.parameters, genotype)
        assert sampled.log_probability[index].item() == pytest.approx(np.log(product), rel=1e-5)
        assert sampled.entropy[index].item() == pytest.approx(entropy, rel=1e-5)


def one_node_space() -> Tensor:
    """All 100 x 100 genotypes of one node a cell: int64 (10000, 2, 4)."""
    cell = list(itertools.product(range(2), range(5), range(2), range(5)))
    return torch.tensor(list(itertools.product(cell, cell)))


def test_probabilities_of_the_whole_space_sum_to_one_and_frequencies_agree() -> None:
    controller = Controller(CONFIG, 1, seed=0)
    with torch.no_grad():
        # Larger weights make the choices unequal and dependent on each other.
        for parameter in controller.parameters.values():
            parameter.mul_(6)
        probabilities = controller.replay(one_node_space()).log_probability.exp().double()
    assert probabilities.sum().item() == pytest.approx(1.0, abs=1e-4)
    count = 20000
    sampled = controller.sample(uniforms(count, controller)).numbers
    for cell in (0, 1):
        marginal = probabilities.view(100, 100).sum(1 - cell)
        met = Counter(map(tuple, sampled[:, cell].tolist()))
        cells = itertools.product(range(2), range(5), range(2), range(5))
        for expected, numbers in zip(marginal.tolist(), cells, strict=True):
            # Five standard deviations of a binomial frequency.
            tolerance = 5 * (expected * (1 - expected) / count) ** 0.5 + 1e-4
            assert met[numbers] / count == pytest.approx(expected, abs=tolerance)


def test_convolutions_are_favored_at_first_more_so_in_the_normal_cell() -> None:
    controller = Controller(CONFIG, 5, seed=0)
    numbers = controller.sample(uniforms(500, controller)).numbers.view(500, 2, 5, 4)
    shares = (numbers[..., [1, 3]] < 2).float().mean(dim=(0, 2, 3))
    # Normal: 2 e^0.69 / (2 e^0.69 + 3 e^-0.25) = 0.63; reduction: 2 e^0.44 / (2 e^0.44 + 3) = 0.51
    assert shares.tolist() == pytest.approx([0.63, 0.51], abs=0.03)


def test_no_gradient_flows_through_the_entropy() -> None:
    controller = Controller(CONFIG, 2, seed=0)
    decisions = controller.replay(controller.sample(uniforms(2, controller)).numbers)
    assert decisions.log_probability.requires_grad
    assert not decisions.entropy.requires_grad


def test_samples_of_a_batch_do_not_depend_on_each_other() -> None:
    controller = Controller(CONFIG, 3, seed=0)
    drawn = uniforms(4, controller)
    together = controller.sample(drawn).numbers
    for index in range(4):
        assert torch.equal(controller.sample(drawn[index : index + 1]).numbers[0], together[index])


def test_numbers_and_genotypes_are_inverse() -> None:
    controller = Controller(CONFIG, 5, seed=0)
    numbers = controller.sample(uniforms(3, controller)).numbers
    assert torch.equal(to_numbers(to_genotypes(numbers.flatten(1).numpy(), ENAS_MICRO))[0], numbers)


def agreement(genotype: Genotype, planted: Genotype) -> float:
    pairs = list(zip(str(genotype).split(), str(planted).split(), strict=True))
    return sum(a == b for a, b in pairs) / len(pairs)


def test_reinforce_raises_a_planted_better_genotype_and_entropy_falls() -> None:
    planted = Genotype.parse("1 0 1 0 1 0 1 0")
    # A higher rate than ENAS's, to be quick; the reward is the share of numbers that agree.
    config = ControllerConfig(learning_rate=0.02, baseline_start="first")
    strategy = EnasStrategy(config, 1, seed=0)

    def log_probability() -> float:
        return strategy.controller.replay(*to_numbers([planted])).log_probability.item()

    before, entropies, rewards = log_probability(), [], []
    for step in range(120):
        genotypes = strategy.sample(40, "test", step)
        told = [agreement(genotype, planted) for genotype in genotypes]
        entropies.append(strategy.update(genotypes, told)["entropy"])
        rewards.append(np.mean(told))
    assert log_probability() > before + 2
    assert np.mean(entropies[-10:]) < np.mean(entropies[:10]) - 1
    assert np.mean(rewards[-10:]) > np.mean(rewards[:10]) + 0.15


def test_bounded_logits_keep_every_operation_possible() -> None:
    """The released constants: with b at 10 and +-1.10 / 2.5, no operation's probability exceeds 0.46."""
    controller = Controller(CONFIG, 1, seed=0)
    with torch.no_grad():
        controller.parameters["operation_bias"].copy_(torch.tensor([1000.0, -1000, -1000, -1000, -1000]))
        sampled = controller.sample(uniforms(4000, controller)).numbers
    # Normal: e^0.69 / (e^0.69 + e^-0.19 + 3 e^-0.69) = 1.99 / (1.99 + 0.83 + 1.50) = 0.46
    assert (sampled[:, 0, 1] == 0).double().mean().item() == pytest.approx(0.46, abs=0.03)
