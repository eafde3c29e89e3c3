"""Who proposes architectures: the interface of a strategy, ENAS's controller, and chance.

A strategy is asked for genotypes and given their rewards. Its proposals depend on its state and on the key
of the request alone: asking twice with one key gives the same genotypes.
"""

from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nas.config import ControllerConfig, SearchConfig
from nas.controller import Controller
from nas.genotype import Genotype
from nas.outside import load_outside, unknown_name
from nas.random import generator
from nas.space import ENAS_MICRO, SearchSpace, find_space
from nas.strategy_table import STRATEGIES
from nas.threads import one_thread

_METHODS = ("name", "from_search", "sample", "update", "state_dict", "load_state_dict")


class Strategy(Protocol):
    """What a search needs of a strategy."""

    @property
    def name(self) -> str:
        """The name in `nas.strategy_table`, or `module:Class`."""
        ...

    def sample(self, count: int, stream: str, step: int) -> list[Genotype]:
        """`count` genotypes, repetitions possible; the key is (seed, stream, step)."""
        ...

    def update(self, genotypes: Sequence[Genotype], rewards: Sequence[float]) -> dict[str, float]:
        """Learn from the rewards of one controller step; returns metrics by name."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers that `load_state_dict` continues from."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave."""
        ...


def build_strategy(config: SearchConfig, num_nodes: int) -> Strategy:
    """The strategy that a configuration names, at its beginning, over the space that it names.

    Raises:
        ValueError: its class cannot be loaded, lacks a method, or refuses `strategy_options`.
    """
    cls = load_outside(STRATEGIES.get(config.strategy, config.strategy), "strategy")
    lacking = [name for name in _METHODS if not hasattr(cls, name)]
    if lacking:
        raise ValueError(
            f"strategy {config.strategy!r} lacks {', '.join(lacking)}; a strategy has {', '.join(_METHODS)}"
        )
    strategy: Strategy = cls.from_search(config, num_nodes)
    return strategy


def options_of(config: SearchConfig, strategy: str, known: Sequence[str]) -> dict[str, Any]:
    """`strategy_options` of a search, for a strategy that knows these.

    Raises:
        ValueError: there is another one; the nearest is named.
    """
    for name in config.strategy_options:
        if name not in known:
            raise unknown_name(f"option of the strategy {strategy!r} named", name, known or ("none",))
    return dict(config.strategy_options)


def check_rewards(rewards: Sequence[float]) -> None:
    """Whether something can be learned from rewards.

    Raises:
        ValueError: one is not finite.
    """
    if not np.isfinite(rewards).all():
        raise ValueError(f"rewards are {list(rewards)}; all must be finite")


def draw_uniform(space: SearchSpace, count: int, rng: np.random.Generator) -> list[Genotype]:
    """Genotypes whose decisions are all uniform."""
    bounds = np.array(space.bounds)
    return to_genotypes(rng.integers(bounds, size=(count, len(bounds))), space)


class RandomStrategy:
    """Every choice uniform; learns nothing. What the controller must beat.

    Args:
        num_nodes: nodes in a cell.
        seed: key of the choices.
        space: what there is to choose.
    """

    name = "random"

    def __init__(self, num_nodes: int, seed: int, space: SearchSpace = ENAS_MICRO) -> None:
        self._space = space.sized(num_nodes)
        self._seed = seed

    @classmethod
    def from_search(cls, config: SearchConfig, num_nodes: int) -> Self:
        """As a search's settings say; it has no options."""
        options_of(config, cls.name, ())
        return cls(num_nodes, config.seed, find_space(config.space))

    def sample(self, count: int, stream: str, step: int) -> list[Genotype]:
        """Genotypes uniform over the search space."""
        return draw_uniform(self._space, count, generator(self._seed, f"genotypes of {stream}", step))

    def update(self, genotypes: Sequence[Genotype], rewards: Sequence[float]) -> dict[str, float]:  # noqa: ARG002
        """Nothing to learn, nothing to report."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """No state: proposals depend on the key alone."""
        return {"name": self.name}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Accepts the state of another random strategy.

        Raises:
            ValueError: the state is another strategy's.
        """
        check_owner(state, self.name)


class EnasStrategy:
    """The LSTM controller, trained by REINFORCE with a moving baseline.

    loss = mean over samples of -log p(genotype) (R - b),  R = reward + entropy_weight x entropy

    The baseline is moved before it is used, sample after sample, as in the released program:
    b <- b + (1 - decay) (R - b). It starts from 0 (ENAS) or, with `baseline_start` "first", from the mean
    of the first step: from 0, minus-loss rewards would spend their first hundred samples on the offset.
    No gradient flows through entropy or baseline. Adam without first moment (beta1 = 0, beta2 = 0.999).

    Args:
        config: the controller's.
        num_nodes: nodes in a cell.
        seed: key of initial parameters and choices.
        space: what there is to choose.
    """

    name = "enas"

    def __init__(
        self, config: ControllerConfig, num_nodes: int, seed: int, space: SearchSpace = ENAS_MICRO
    ) -> None:
        self._config = config
        self._seed = seed
        self._space = space.sized(num_nodes)
        self.controller = Controller(config, num_nodes, seed, space)
        self._second_moment = {n: torch.zeros_like(p) for n, p in self.controller.parameters.items()}
        self._num_updates = 0
        self.baseline: float | None = 0.0 if config.baseline_start == "zero" else None

    @classmethod
    def from_search(cls, config: SearchConfig, num_nodes: int) -> Self:
        """As a search's settings say; its options are the section `controller`."""
        options_of(config, cls.name, ())
        return cls(config.controller, num_nodes, config.seed, find_space(config.space))

    def sample(self, count: int, stream: str, step: int) -> list[Genotype]:
        """Genotypes drawn from the controller's distribution."""
        rng = generator(self._seed, f"genotypes of {stream}", step)
        with one_thread():
            decisions = self.controller.sample(rng.random((count, self.controller.num_decisions)))
        flat = torch.cat([decisions.numbers.flatten(1), decisions.choices], dim=1)
        return to_genotypes(flat.numpy(), self._space)

    def update(self, genotypes: Sequence[Genotype], rewards: Sequence[float]) -> dict[str, float]:
        """One REINFORCE step.

        Returns:
            "entropy" (mean over samples, nats), "baseline", "log_probability" (mean),
            "controller_gradient_norm", "controller_learning_rate".

        Raises:
            ValueError: a reward is not finite; the controller is unchanged.
        """
        check_rewards(rewards)
        with one_thread():
            decisions = self.controller.replay(*to_numbers(genotypes))
            shaped = torch.tensor(rewards, dtype=torch.float64)
            shaped = shaped + self._config.entropy_weight * decisions.entropy.double()
            advantages = torch.tensor(self._move_baseline(shaped.tolist()), dtype=torch.float32)
            loss = -(decisions.log_probability * advantages).mean()
            parameters = self.controller.parameters
            gradients = torch.autograd.grad(loss, list(parameters.values()))
            norm = torch.stack([gradient.norm() for gradient in gradients]).norm().item()
            self._adam(dict(zip(parameters, gradients, strict=True)))
        return {
            "entropy": decisions.entropy.mean().item(),
            "baseline": float(self.baseline or 0.0),
            "log_probability": decisions.log_probability.mean().item(),
            "controller_gradient_norm": norm,
            "controller_learning_rate": self._config.learning_rate,
        }

    def _move_baseline(self, rewards: list[float]) -> list[float]:
        """Advantages of the samples in order, each against the baseline just moved by its own reward."""
        baseline = sum(rewards) / len(rewards) if self.baseline is None else self.baseline
        advantages = []
        for reward in rewards:
            baseline += (1 - self._config.baseline_decay) * (reward - baseline)
            advantages.append(reward - baseline)
        self.baseline = baseline
        return advantages

    def _adam(self, gradients: dict[str, Tensor]) -> None:
        """w <- w - rate sqrt(1 - beta2^t) g / (sqrt(v) + epsilon): epsilon where TensorFlow has it.

        torch's Adam divides by the bias correction first, which would make epsilon up to 30 times smaller
        in effect.
        """
        beta2, epsilon = 0.999, self._config.adam_epsilon
        self._num_updates += 1
        rate = self._config.learning_rate * (1 - beta2**self._num_updates) ** 0.5
        with torch.no_grad():
            for name, gradient in gradients.items():
                moment = self._second_moment[name]
                moment.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
                self.controller.parameters[name].sub_(rate * gradient / (moment.sqrt() + epsilon))

    def state_dict(self) -> dict[str, Any]:
        """Copies of parameters and second moments, number of updates, baseline."""
        return {
            "name": self.name,
            "parameters": {n: p.detach().clone() for n, p in self.controller.parameters.items()},
            "second_moment": {n: m.clone() for n, m in self._second_moment.items()},
            "num_updates": self._num_updates,
            "baseline": self.baseline,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: the state is another strategy's, or has other parameters or shapes.
        """
        check_owner(state, self.name)
        current = self.controller.parameters
        for part in ("parameters", "second_moment"):
            shapes = {n: tuple(v.shape) for n, v in state[part].items()}
            expected = {n: tuple(v.shape) for n, v in current.items()}
            if shapes != expected:
                raise ValueError(f"`{part}` of the checkpoint have shapes {shapes}; needed are {expected}")
        self.controller.parameters = {
            n: torch.as_tensor(state["parameters"][n]).detach().clone().requires_grad_() for n in current
        }
        self._second_moment = {n: torch.as_tensor(state["second_moment"][n]).clone() for n in current}
        self._num_updates = int(state["num_updates"])
        self.baseline = None if state["baseline"] is None else float(state["baseline"])


def to_genotypes(decisions: npt.NDArray[np.int64], space: SearchSpace) -> list[Genotype]:
    """Genotypes of an integer array (M, D), D decisions in the order of `Genotype.to_decisions`."""
    return [Genotype.from_decisions(row, space) for row in decisions.tolist()]


def to_numbers(genotypes: Sequence[Genotype]) -> tuple[Tensor, Tensor]:
    """int64 (M, 2, 4 B), the cells, and (M, K), what is chosen besides; inverse of `to_genotypes`."""
    flat = torch.tensor([genotype.to_decisions() for genotype in genotypes])
    cells = flat.shape[1] - len(genotypes[0].space.choices)
    return flat[:, :cells].view(len(flat), 2, -1), flat[:, cells:]


def check_owner(state: dict[str, Any], name: str) -> None:
    """Whether a state belongs to a strategy.

    Raises:
        ValueError: it is another strategy's.
    """
    if state.get("name") != name:
        raise ValueError(f"the checkpoint is of strategy {state.get('name')!r}; this search uses {name!r}")
