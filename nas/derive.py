"""Derivation: from a finished search to one architecture.

Many genotypes are sampled, each is scored on the whole validation part with the shared weights, the best few
are retrained from scratch, and the one that then does best on validation is kept. One random draw of the
controller, which some ports export, says little. The released program has no derivation.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from nas.children import Children, Scored, ignore
from nas.derive_config import DeriveConfig
from nas.genotype import Genotype
from nas.shards import ShardScore
from nas.strategy import Strategy

Retrain = Callable[[Sequence[Genotype]], Sequence[float]]
"""Trains each genotype from scratch on the training part; returns validation scores, higher is better."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A genotype that was looked at.

    Attributes:
        genotype: the architecture.
        shared: score on the whole validation part with the shared weights.
        retrained: validation score after training from scratch; None if it was not among the best few.
    """

    genotype: Genotype
    shared: ShardScore
    retrained: float | None = None


@dataclass(frozen=True, kw_only=True)
class Derivation:
    """Outcome of a derivation.

    Attributes:
        candidates: all distinct samples, the best first: the retrained by their retrained score, then the
            others by their shared score.
    """

    candidates: tuple[Candidate, ...]

    @property
    def best(self) -> Genotype:
        """The architecture to keep."""
        return self.candidates[0].genotype


def derive(
    strategy: Strategy,
    children: Children,
    config: DeriveConfig,
    retrain: Retrain,
    extra: Sequence[Genotype] = (),
    known: Mapping[Genotype, ShardScore] | None = None,
    scored: Callable[[Genotype, ShardScore], None] | None = None,
) -> Derivation:
    """Choose an architecture by validation.

    Ties are broken by the shared score, then by the genotype's numbers, so the outcome does not depend on
    the order in which anything finished.

    Args:
        strategy: sampled with a key of its own.
        children: scores with the shared weights.
        config: counts.
        retrain: called once with the best few.
        extra: genotypes to look at besides, for example the best that the search has met.
        known: scores with these shared weights that are there already; the others are computed.
        scored: receives each computed score, in any order; what it raises ends the derivation.

    Raises:
        ValueError: `retrain` returns another number of scores.
    """
    sampled = strategy.sample(config.num_samples, "derivation", 0)
    distinct = list(dict.fromkeys([*sampled, *extra]))
    scores = dict(known or {})
    missing = [genotype for genotype in distinct if genotype not in scores]
    tell: Scored = ignore if scored is None else lambda position, score: scored(missing[position], score)
    scores |= zip(missing, children.evaluate(missing, tell) if missing else [], strict=True)
    ranked = [
        Candidate(genotype=genotype, shared=replace(scores[genotype], shard=position))
        for position, genotype in enumerate(distinct)
    ]
    ranked.sort(key=lambda candidate: _shared_rank(candidate, config.rank_by))
    best = ranked[: config.num_retrained]
    retrained = list(retrain([candidate.genotype for candidate in best]))
    if len(retrained) != len(best):
        raise ValueError(f"`retrain` returned {len(retrained)} scores for {len(best)} genotypes")
    best = [replace(c, retrained=float(score)) for c, score in zip(best, retrained, strict=True)]
    best.sort(key=lambda c: (-(c.retrained or 0.0), *_shared_rank(c, config.rank_by)))
    return Derivation(candidates=(*best, *ranked[config.num_retrained :]))


def _shared_rank(candidate: Candidate, rank_by: str) -> tuple[float, float, tuple[tuple[int, ...], ...]]:
    score = candidate.shared
    first, second = (score.loss, -score.accuracy) if rank_by == "loss" else (-score.accuracy, score.loss)
    return first, second, candidate.genotype.to_numbers()
