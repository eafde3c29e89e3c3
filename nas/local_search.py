"""Local search: all neighbors of the best genotype, and on to the first that is better.

Source: White, Nolen, Savani, "Exploring the Loss Landscape in Neural Architecture Search" (2021).
"""

from collections.abc import Iterator, Sequence
from typing import Any, Self

from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.random import generator
from nas.space import SearchSpace, find_space
from nas.strategy import check_owner, check_rewards, draw_uniform, options_of

__all__ = ["LocalSearch", "neighbors"]

Decisions = tuple[int, ...]


def neighbors(decisions: Decisions, bounds: Sequence[int]) -> Iterator[Decisions]:
    """Every genotype that differs in one decision, in the order of decisions and options."""
    for place, bound in enumerate(bounds):
        for option in range(bound):
            if option != decisions[place]:
                yield (*decisions[:place], option, *decisions[place + 1 :])


class LocalSearch:
    """Climbs from a random genotype to a better neighbor until none is left, then starts anew.

    Args:
        num_nodes: nodes in a cell.
        seed: key of the choices.
        space: what there is to choose.
        starts: random genotypes of which the best is climbed from.

    Raises:
        ValueError: `starts` is below 1.
    """

    name = "local"

    def __init__(self, num_nodes: int, seed: int, space: SearchSpace, *, starts: int = 10) -> None:
        if starts < 1:
            raise ValueError(f"`starts` is {starts}; 1 or more is needed")
        self._space, self._seed, self._starts = space.sized(num_nodes), seed, starts
        self._begun: list[tuple[Decisions, float]] = []
        self._top: tuple[Decisions, float] | None = None
        self._seen: set[Decisions] = set()
        self._restarts = 0

    @classmethod
    def from_search(cls, config: SearchConfig, num_nodes: int) -> Self:
        """As a search's settings say; `strategy_options` may hold `starts`."""
        options = options_of(config, cls.name, ("starts",))
        return cls(num_nodes, config.seed, find_space(config.space), **options)

    def sample(self, count: int, stream: str, step: int) -> list[Genotype]:
        """Neighbors not yet evaluated, in random order; uniform ones while there are fewer than `count`."""
        rng = generator(self._seed, f"neighbors of {stream}", step)
        left = self._open_neighbors()
        chosen = [left[place] for place in rng.permutation(len(left))[:count]]
        found = [Genotype.from_decisions(decisions, self._space) for decisions in chosen]
        return found + draw_uniform(self._space, count - len(found), rng)

    def _open_neighbors(self) -> list[Decisions]:
        if self._top is None:
            return []
        return [one for one in neighbors(self._top[0], self._space.bounds) if one not in self._seen]

    def update(self, genotypes: Sequence[Genotype], rewards: Sequence[float]) -> dict[str, float]:
        """Climb to the best of the evaluated genotypes if it is better than where the search stands.

        Returns:
            "top_reward" (of the place where the search stands; of the best start while it is starting),
            "open_neighbors" and "restarts".

        Raises:
            ValueError: a reward is not finite; nothing is changed.
        """
        check_rewards(rewards)
        evaluated = [(tuple(g.to_decisions()), float(r)) for g, r in zip(genotypes, rewards, strict=True)]
        best = max(evaluated, key=lambda one: one[1])
        if self._top is None:
            self._begin(evaluated)
        elif best[1] > self._top[1]:
            self._top, self._seen = best, set()
        else:
            self._seen.update(decisions for decisions, _ in evaluated)
            if not self._open_neighbors():
                self._top, self._seen, self._restarts = None, set(), self._restarts + 1
        top = self._top[1] if self._top else max((reward for _, reward in self._begun), default=best[1])
        return {
            "top_reward": top,
            "open_neighbors": float(len(self._open_neighbors())),
            "restarts": float(self._restarts),
        }

    def _begin(self, evaluated: Sequence[tuple[Decisions, float]]) -> None:
        """Collect starts; with enough of them, climb from the best."""
        self._begun.extend(evaluated)
        if len(self._begun) >= self._starts:
            self._top, self._begun = max(self._begun, key=lambda one: one[1]), []

    def state_dict(self) -> dict[str, Any]:
        """Where the search stands, what it has seen there, and its starts."""
        return {
            "name": self.name,
            "top": None if self._top is None else [list(self._top[0]), self._top[1]],
            "seen": sorted(list(decisions) for decisions in self._seen),
            "begun": [[list(decisions), reward] for decisions, reward in self._begun],
            "restarts": self._restarts,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave.

        Raises:
            ValueError: the state is another strategy's.
        """
        check_owner(state, self.name)
        self._top = None if state["top"] is None else _member(state["top"])
        self._seen = {tuple(map(int, decisions)) for decisions in state["seen"]}
        self._begun = [_member(one) for one in state["begun"]]
        self._restarts = int(state["restarts"])


def _member(pair: Sequence[Any]) -> tuple[Decisions, float]:
    decisions, reward = pair
    return tuple(map(int, decisions)), float(reward)
