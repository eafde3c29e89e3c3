"""The actors' classes, called without being actors."""

import hashlib
from typing import Any

import numpy as np
import pytest
import ray
from ray.exceptions import GetTimeoutError

from cluster.distributed.actors import (
    ControllerHost,
    Evaluator,
    StaleLeaseError,
    WeightsOwner,
    WeightsUnavailableError,
)
from cluster.distributed.processes import NotPreparedError
from nas.shards import evaluate_genotype, score_shard, train_shard
from nas.supernet import Supernet

pytestmark = pytest.mark.ray


def lose(monkeypatch: pytest.MonkeyPatch, *lost: Any) -> None:
    """From now on these objects cannot be fetched."""
    real = ray.get

    def get(references: Any, timeout: float | None = None) -> Any:
        if references in lost:
            raise GetTimeoutError("it does not come")
        return real(references, timeout=timeout)

    monkeypatch.setattr(ray, "get", get)


@pytest.fixture
def owner(searches: Any) -> WeightsOwner:
    return WeightsOwner(searches.supernet, searches.config, (0, Supernet(searches.supernet).layout.size))


def digest(owner: WeightsOwner) -> str:
    return hashlib.sha256(owner.state_dict("a")["weights"].tobytes()).hexdigest()


@pytest.fixture
def evaluator(searches: Any) -> Evaluator:
    evaluator = Evaluator()
    evaluator.prepare(searches.supernet, searches.config, [ray.put(source) for source in searches.sources])
    return evaluator


def test_an_evaluator_does_what_the_pure_functions_do(
    searches: Any, owner: WeightsOwner, evaluator: Evaluator
) -> None:
    published = owner.load("a", None)
    network, config = Supernet(searches.supernet), searches.config
    weights = network.initial_weights(config.seed)
    train, validation = searches.sources
    (genotype,) = searches.local().strategy.sample(1, "weights", 0)

    report, gradient = evaluator.train(published, genotype, 2, 3)
    plain = train_shard(network, weights, genotype, train, config, 2, 3)
    np.testing.assert_array_equal(gradient.values, plain.values)
    assert (report.result.loss, report.result.accuracy) == (plain.loss, plain.accuracy)
    assert report.bytes_out == plain.values.nbytes + plain.ranges.nbytes
    score = score_shard(network, weights, genotype, validation, config, 2, 3)
    assert evaluator.score(published, genotype, 2, 3).result == score
    whole = evaluate_genotype(network, weights, genotype, validation, config)
    assert evaluator.evaluate(published, genotype).result == whole


def test_weights_are_copied_once_for_each_publication(
    searches: Any, owner: WeightsOwner, evaluator: Evaluator
) -> None:
    (genotype,) = searches.local().strategy.sample(1, "weights", 0)
    size = 4 * Supernet(searches.supernet).layout.size
    first = owner.load("a", None)
    copied = [evaluator.evaluate(first, genotype).bytes_in for _ in range(3)]
    again = owner.publish("a")  # the same version, but it could have been loaded from another state
    copied.append(evaluator.evaluate(again, genotype).bytes_in)
    assert copied == [size, 0, 0, size]


def test_an_evaluator_never_shares_memory_with_the_published_weights(
    searches: Any, owner: WeightsOwner, evaluator: Evaluator
) -> None:
    published = owner.load("a", None)
    (genotype,) = searches.local().strategy.sample(1, "weights", 0)
    evaluator.train(published, genotype, 0, 0)
    evaluator.score(published, genotype, 0, 0)
    evaluator.evaluate(published, genotype)
    assert evaluator._parts is not None
    (view,) = ray.get(published.references)
    np.testing.assert_array_equal(evaluator._parts.weights.numpy(), view)  # its copy is only read
    evaluator._parts.weights.add_(5)
    assert not view.flags.writeable
    assert hashlib.sha256(view).hexdigest() == digest(owner)


def test_a_restarted_actor_refuses_until_it_is_loaded(searches: Any, owner: WeightsOwner) -> None:
    with pytest.raises(StaleLeaseError, match="shows lease 'a'; this process was loaded under ''"):
        owner.state_dict("a")
    owner.load("a", None)
    owner.state_dict("a")
    strategy = searches.local().strategy
    host = ControllerHost()
    host.load("a", (strategy, strategy.state_dict()))
    with pytest.raises(StaleLeaseError, match="shows lease 'b'"):
        host.sample("b", 1, "weights", 0)
    (genotype,) = host.sample("a", 1, "weights", 0)
    with pytest.raises(NotPreparedError, match="was started anew"):
        Evaluator().evaluate(owner.publish("a"), genotype)


def test_lost_gradients_are_named_and_change_nothing(
    searches: Any, owner: WeightsOwner, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = owner.load("a", None)
    genotypes = searches.local().strategy.sample(5, "weights", 0)
    gradients = [ray.put(evaluator.train(published, g, 0, n)[1]) for n, g in enumerate(genotypes)]
    before = digest(owner)
    lose(monkeypatch, gradients[1], gradients[4])
    assert owner.add_up("a", gradients).lost == (1, 4)
    assert digest(owner) == before

    monkeypatch.undo()
    summed = owner.add_up("a", gradients)
    assert summed.lost == ()
    assert summed.part is not None
    assert digest(owner) == before  # until it is told the norm of the whole
    assert owner.update("a", 1.0, 0.05).version == 1
    assert digest(owner) != before


def test_weights_that_are_gone_are_reported_as_such(
    searches: Any, owner: WeightsOwner, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = owner.load("a", None)
    lose(monkeypatch, published.references)
    (genotype,) = searches.local().strategy.sample(1, "weights", 0)
    with pytest.raises(WeightsUnavailableError, match="version 0"):
        evaluator.evaluate(published, genotype)
