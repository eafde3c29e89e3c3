"""Regularized evolution: a population from which the oldest leaves, whatever it is worth.

Source: Real, Aggarwal, Huang, Le, "Regularized Evolution for Image Classifier Architecture Search" (2019).
"""

from collections import deque
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.random import generator
from nas.space import SearchSpace, find_space
from nas.strategy import check_owner, check_rewards, draw_uniform, options_of

__all__ = ["RegularizedEvolution", "mutate"]

Decisions = tuple[int, ...]


def mutate(decisions: Decisions, bounds: Sequence[int], rng: np.random.Generator) -> Decisions:
    """The same decisions but for one, which takes another of its options.

    Args:
        decisions: as `Genotype.to_decisions`.
        bounds: number of options of each decision, at least one of them above 1.
        rng: draws the decision and its new option, both uniform.
    """
    open_places = [place for place, bound in enumerate(bounds) if bound > 1]
    place = open_places[int(rng.integers(len(open_places)))]
    other = int(rng.integers(bounds[place] - 1))
    return (*decisions[:place], other + (other >= decisions[place]), *decisions[place + 1 :])


class RegularizedEvolution:
    """Tournament selection, one mutation a child, and the oldest of the population leaves.

    Until the population is full, genotypes are drawn uniformly. Where the paper evaluates one child after the
    other, a controller step here draws its children from the same population.

    Args:
        num_nodes: nodes in a cell.
        seed: key of the choices.
        space: what there is to choose.
        population: how many of the last evaluated genotypes may become parents.
        tournament: the best of that many, drawn from the population, becomes the parent.

    Raises:
        ValueError: the tournament is larger than the population, or below 1.
    """

    name = "evolution"

    def __init__(
        self, num_nodes: int, seed: int, space: SearchSpace, *, population: int = 50, tournament: int = 10
    ) -> None:
        if not 1 <= tournament <= population:
            raise ValueError(
                f"`tournament` is {tournament} and `population` {population}; 1 <= tournament <= population "
                "is needed"
            )
        self._space, self._seed = space.sized(num_nodes), seed
        self._size, self._tournament = population, tournament
        self._population: deque[tuple[Decisions, float]] = deque(maxlen=population)

    @classmethod
    def from_search(cls, config: SearchConfig, num_nodes: int) -> Self:
        """As a search's settings say; `strategy_options` may hold `population` and `tournament`."""
        options = options_of(config, cls.name, ("population", "tournament"))
        return cls(num_nodes, config.seed, find_space(config.space), **options)

    def sample(self, count: int, stream: str, step: int) -> list[Genotype]:
        """Children of the population; the key is (seed, stream, step)."""
        rng = generator(self._seed, f"children of {stream}", step)
        if len(self._population) < self._size:
            return draw_uniform(self._space, count, rng)
        return [Genotype.from_decisions(self._child(rng), self._space) for _ in range(count)]

    def _child(self, rng: np.random.Generator) -> Decisions:
        chosen = rng.choice(len(self._population), size=self._tournament, replace=False)
        parent, _ = max((self._population[place] for place in chosen), key=lambda member: member[1])
        return mutate(parent, self._space.bounds, rng)

    def update(self, genotypes: Sequence[Genotype], rewards: Sequence[float]) -> dict[str, float]:
        """The evaluated genotypes join the population; the oldest leave.

        Returns:
            "population", "population_reward" (mean) and "population_best".

        Raises:
            ValueError: a reward is not finite; the population is unchanged.
        """
        check_rewards(rewards)
        for genotype, reward in zip(genotypes, rewards, strict=True):
            self._population.append((tuple(genotype.to_decisions()), float(reward)))
        values = [reward for _, reward in self._population]
        return {
            "population": float(len(values)),
            "population_reward": sum(values) / len(values),
            "population_best": max(values),
        }

    def state_dict(self) -> dict[str, Any]:
        """The population, the oldest first."""
        return {
            "name": self.name,
            "decisions": [list(decisions) for decisions, _ in self._population],
            "rewards": [reward for _, reward in self._population],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: the state is another strategy's.
        """
        check_owner(state, self.name)
        members = zip(state["decisions"], state["rewards"], strict=True)
        self._population = deque(
            ((tuple(map(int, decisions)), float(reward)) for decisions, reward in members), maxlen=self._size
        )
