"""Every strategy of the table: keyed proposals, exact state, and whether it climbs a known landscape."""

import itertools
from typing import Any

import numpy as np
import pytest

from nas.config import SearchConfig
from nas.evolution import RegularizedEvolution, mutate
from nas.genotype import Genotype
from nas.local_search import LocalSearch, neighbors
from nas.random import generator
from nas.space import ENAS_MICRO
from nas.strategy import Strategy, build_strategy
from nas.strategy_table import STRATEGIES

NODES = 2
SPACE = ENAS_MICRO.sized(NODES)


def built(name: str, seed: int = 0, **options: Any) -> Strategy:
    return build_strategy(SearchConfig(strategy=name, seed=seed, strategy_options=options), NODES)


def planted(genotype: Genotype) -> float:
    """The share of decisions that are those of a planted genotype, here 0 everywhere: 1 at the top."""
    return float(np.mean([decision == 0 for decision in genotype.to_decisions()]))


def best_found(strategy: Strategy, steps: int, count: int = 8) -> float:
    best = 0.0
    for step in range(steps):
        genotypes = strategy.sample(count, "controller", step)
        rewards = [planted(genotype) for genotype in genotypes]
        strategy.update(genotypes, rewards)
        best = max(best, *rewards)
    return best


@pytest.mark.parametrize("name", STRATEGIES)
def test_proposals_depend_on_state_and_key_alone(name: str) -> None:
    strategy = built(name)
    best_found(strategy, 12)
    first = strategy.sample(5, "weights", 3)
    strategy.sample(7, "controller", 4)
    assert strategy.sample(5, "weights", 3) == first
    assert strategy.sample(5, "weights", 4) != first
    assert built(name, seed=1).sample(5, "weights", 3) != built(name).sample(5, "weights", 3)


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_strategy_continues_exactly_from_its_state(name: str) -> None:
    straight, resumed = built(name), built(name)
    best_found(straight, 9)
    resumed.load_state_dict(straight.state_dict())
    for step in range(9, 15):
        one, other = (strategy.sample(4, "controller", step) for strategy in (straight, resumed))
        assert one == other
        rewards = [planted(genotype) for genotype in one]
        assert straight.update(one, rewards) == resumed.update(other, rewards)


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_state_of_another_strategy_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is of strategy 'other'"):
        built(name).load_state_dict({**built(name).state_dict(), "name": "other"})


@pytest.mark.parametrize(
    ("name", "options", "least"),
    [("evolution", {"population": 24, "tournament": 6}, 14 / 16), ("local", {}, 1.0)],
)
def test_it_climbs_a_smooth_landscape_that_random_does_not(name: str, options: Any, least: float) -> None:
    """480 of about 10^9 genotypes: near the top or on it, where random stays below 0.8."""
    for seed in range(3):
        assert best_found(built(name, seed, **options), 60) >= least
        assert best_found(built("random", seed), 60) < 0.8


def test_a_mutation_changes_one_decision_and_reaches_every_other_option() -> None:
    start = tuple(bound - 1 for bound in SPACE.bounds)
    rng = generator(0, "mutations", 0)
    reached = {mutate(start, SPACE.bounds, rng) for _ in range(4000)}
    assert reached == set(neighbors(start, SPACE.bounds))
    assert len(reached) == sum(bound - 1 for bound in SPACE.bounds)
    assert all(sum(a != b for a, b in zip(start, one, strict=True)) == 1 for one in reached)


def test_the_oldest_leaves_the_population_even_if_it_is_the_best() -> None:
    evolution = RegularizedEvolution(NODES, 0, SPACE, population=3, tournament=3)
    genotypes = evolution.sample(4, "controller", 0)
    evolution.update(genotypes[:3], [0.9, 0.1, 0.2])
    metrics = evolution.update(genotypes[3:], [0.3])
    assert metrics == {
        "population": 3.0,
        "population_best": 0.3,  # 0.9 was the oldest
        "population_reward": pytest.approx((0.1 + 0.2 + 0.3) / 3),
    }


def test_local_search_starts_anew_where_no_neighbor_is_better() -> None:
    search = LocalSearch(NODES, 0, SPACE, starts=1)
    top = Genotype.from_decisions((0,) * len(SPACE.bounds), SPACE)
    search.update([top], [1.0])
    for step in itertools.count():
        genotypes = search.sample(8, "controller", step)
        metrics = search.update(genotypes, [planted(genotype) for genotype in genotypes])
        if metrics["restarts"]:
            break
        assert metrics["top_reward"] == 1.0
    # 8 at a time: every neighbor of the top has been seen once, ceil(sum / 8) steps
    assert step + 1 == -(-sum(bound - 1 for bound in SPACE.bounds) // 8)


@pytest.mark.parametrize("name", ["evolution", "local", "enas"])
def test_a_reward_that_is_no_number_is_refused(name: str) -> None:
    strategy = built(name)
    with pytest.raises(ValueError, match="all must be finite"):
        strategy.update(strategy.sample(2, "controller", 0), [0.5, float("nan")])


def test_a_wrong_name_option_or_class_is_answered_with_a_sentence(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"no strategy 'evolutoin' \(did you mean 'evolution'\?\)"):
        SearchConfig(strategy="evolutoin")
    with pytest.raises(ValueError, match=r"named 'populaton' \(did you mean 'population'\?\)"):
        built("evolution", populaton=5)
    with pytest.raises(ValueError, match="`tournament` is 10 and `population` 5"):
        built("evolution", population=5)
    (tmp_path / "half_a_strategy.py").write_text("class Half:\n    name = 'half'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="lacks from_search, sample, update, state_dict, load_state_dict"):
        built("half_a_strategy:Half")
