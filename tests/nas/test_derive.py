"""Derivation: many are looked at, few are retrained, one is kept, by validation alone."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from nas.children import Scored, StepMetrics, ignore
from nas.derive import Derivation, derive
from nas.derive_config import DeriveConfig
from nas.genotype import Genotype
from nas.shards import ShardScore
from nas.strategy import RandomStrategy

STRATEGY = RandomStrategy(1, seed=0)


def quality(genotype: Genotype) -> int:
    return sum(map(int, str(genotype).split()))


class Children:
    """Scores a genotype by the sum of its numbers, so that many tie."""

    def __init__(self) -> None:
        self.asked: list[Genotype] = []

    def evaluate(self, genotypes: Sequence[Genotype], scored: Scored = ignore) -> list[ShardScore]:
        self.asked += genotypes
        scores = [
            ShardScore(shard=i, loss=1.0, accuracy=quality(g) / 100, num_images=9)
            for i, g in enumerate(genotypes)
        ]
        for position in reversed(range(len(scores))):  # on a cluster they come in any order
            scored(position, scores[position])
        return scores

    def train(self, step: int, genotypes: Sequence[Genotype], learning_rate: float) -> StepMetrics:
        raise NotImplementedError

    def score(self, step: int, genotypes: Sequence[Genotype]) -> list[ShardScore]:
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        raise NotImplementedError

    def load_state_dict(self, state: dict[str, Any]) -> None:
        raise NotImplementedError

    def digest(self) -> str:
        raise NotImplementedError


def outcome(scores: dict[Genotype, float] | None = None, extra: Sequence[Genotype] = ()) -> Derivation:
    def retrain(genotypes: Sequence[Genotype]) -> list[float]:
        return [(scores or {}).get(genotype, 0.5) for genotype in genotypes]

    config = DeriveConfig(num_samples=60, num_retrained=4, rank_by="accuracy")
    return derive(STRATEGY, Children(), config, retrain, extra)


def test_every_distinct_sample_is_listed_and_only_the_best_are_retrained() -> None:
    result = outcome()
    genotypes = [candidate.genotype for candidate in result.candidates]
    assert len(set(genotypes)) == len(genotypes)
    assert set(genotypes) == set(STRATEGY.sample(60, "derivation", 0))
    retrained = [candidate.retrained for candidate in result.candidates]
    assert retrained == [0.5] * 4 + [None] * (len(genotypes) - 4)
    accuracies = [candidate.shared.accuracy for candidate in result.candidates]
    assert accuracies == sorted(accuracies, reverse=True)


def test_the_best_after_retraining_is_kept() -> None:
    fourth = outcome().candidates[3].genotype
    result = outcome({fourth: 0.9})
    assert result.best == fourth
    assert result.candidates[0].retrained == 0.9


def test_ties_go_to_the_smaller_numbers() -> None:
    candidates = outcome().candidates
    for first, second in pairwise(candidates):
        if first.shared.accuracy == second.shared.accuracy:
            assert first.genotype.to_numbers() < second.genotype.to_numbers()
    assert outcome() == outcome()


def test_other_genotypes_may_be_looked_at_too() -> None:
    strong = Genotype.parse("1 4 1 4 1 4 1 4")
    result = outcome(extra=[strong, strong])
    assert [candidate.genotype for candidate in result.candidates].count(strong) == 1
    assert result.candidates[0].genotype == strong  # 20, the largest sum there is


def test_a_repeated_sample_is_scored_once() -> None:
    children = Children()
    derive(STRATEGY, children, DeriveConfig(num_samples=3000, num_retrained=1), lambda g: [0.0] * len(g))
    assert len(children.asked) == len(set(children.asked)) < 3000


def test_a_missing_retraining_score_is_named() -> None:
    with pytest.raises(ValueError, match="`retrain` returned 1 scores for 3 genotypes"):
        derive(STRATEGY, Children(), DeriveConfig(num_samples=20), lambda _: [0.1])


def test_the_ranking_is_by_loss_or_accuracy() -> None:
    with pytest.raises(ValueError, match="rank_by"):
        DeriveConfig(rank_by="luck")


def test_what_is_scored_already_is_not_scored_again_and_changes_nothing() -> None:
    config = DeriveConfig(num_samples=60, num_retrained=2, rank_by="accuracy")
    heard: dict[Genotype, ShardScore] = {}

    def derived(children: Children, known: dict[Genotype, ShardScore]) -> Derivation:
        return derive(STRATEGY, children, config, lambda g: [0.5] * len(g), (), known, heard.__setitem__)

    straight = derived(Children(), {})
    known = dict(list(heard.items())[:40])
    heard.clear()
    children = Children()
    assert derived(children, known) == straight
    assert set(children.asked) == set(heard)
    assert not set(heard) & set(known)
    everything = Children()
    assert derived(everything, {**known, **heard}) == straight
    assert everything.asked == []
