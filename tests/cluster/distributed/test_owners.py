"""Shared weights that several actors hold by ranges: the same bits as of one, whatever happens to them."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from cluster.checkpoints.store import Checkpoints
from cluster.distributed.children import RayChildren
from cluster.distributed.leases import ActorLostError, LeasedActor
from cluster.distributed.owners import num_owners
from cluster.distributed.runtime import Runtime
from nas.search import Search
from nas.shards import NonFiniteLossError, ShardGradient
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig
from nas.weights import split_gradient

pytestmark = pytest.mark.ray
Outcome = dict[str, Any]


@pytest.fixture(scope="module")
def divided(searches: Any, ray_runtime: Runtime) -> Iterator[RayChildren]:
    """Two workers, and three owners of the weights, whose buffer is four blocks long."""
    config = ray_runtime.config.model_copy(update={"owners": 3, "workers": 2})
    with Runtime(config) as runtime:
        children = RayChildren(runtime, searches.supernet, searches.config, *searches.sources)
        yield children
        children.close()


@pytest.fixture
def search(searches: Any, divided: RayChildren) -> Search:
    """At its beginning."""
    local = searches.local()
    search = Search(searches.config, local.strategy, divided)
    search.load_state_dict(local.state_dict())
    return search


def test_three_owners_give_the_result_of_none(
    search: Search, divided: RayChildren, run_to_end: Callable[[Search], Outcome], expected: Outcome
) -> None:
    assert len(divided.owners.actors) == 3
    assert all(len(view) > 0 for view in divided.published_weights())
    assert run_to_end(search) == expected


def test_an_owner_killed_between_the_halves_of_an_update_is_restored_exactly(
    search: Search,
    divided: RayChildren,
    run_to_end: Callable[[Search], Outcome],
    expected: Outcome,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others have updated then: without loading all of them, versions would be mixed."""
    search.step()
    real, killed = LeasedActor.call_all, []

    def call_all(actors: Any, method: str, arguments: Any) -> list[Any]:
        if method == "update" and not killed:
            killed.append(ray.get(actors[1].handle.pid.remote()))
            os.kill(killed[0], signal.SIGKILL)
        return real(actors, method, arguments)

    monkeypatch.setattr(LeasedActor, "call_all", staticmethod(call_all))
    assert run_to_end(search) == expected
    assert ray.get(divided.owners.actors[1].handle.pid.remote()) != killed[0]


def test_a_checkpoint_knows_nothing_of_owners(
    search: Search,
    searches: Any,
    run_to_end: Callable[[Search], Outcome],
    expected: Outcome,
    tmp_path: Path,
) -> None:
    search.step()
    Checkpoints(tmp_path).save(search.state_dict(), 1)
    loaded = Checkpoints(tmp_path).load_latest()
    assert loaded is not None
    for resumed in (searches.local(), searches.on_ray()):  # no owner, and one
        resumed.load_state_dict(loaded.state)
        assert run_to_end(resumed) == expected
    begun = searches.on_ray()
    begun.step()
    search.load_state_dict(begun.state_dict())
    assert run_to_end(search) == expected


@pytest.mark.parametrize("reached", [3, 1])
def test_an_update_whose_answer_was_lost_is_not_done_twice_nor_by_some_alone(
    search: Search,
    run_to_end: Callable[[Search], Outcome],
    expected: Outcome,
    monkeypatch: pytest.MonkeyPatch,
    reached: int,
) -> None:
    real, lost = LeasedActor.call_all, []

    def call_all(actors: Any, method: str, arguments: Any) -> list[Any]:
        if method == "update" and not lost:
            lost.append(real(actors[:reached], method, arguments[:reached]))
            raise ActorLostError("no answer came, though all owners live")
        return real(actors, method, arguments)

    monkeypatch.setattr(LeasedActor, "call_all", staticmethod(call_all))
    assert run_to_end(search) == expected
    assert len(lost) == 1


def test_a_gradient_that_is_infinite_in_one_range_changes_none(
    search: Search, divided: RayChildren, searches: Any
) -> None:
    network, before = Supernet(searches.supernet), divided.digest()
    values = np.zeros(network.layout.size, np.float32)
    values[-1] = np.inf
    parts = split_gradient(
        ShardGradient(
            shard=0,
            loss=1.0,
            accuracy=0.0,
            num_images=2,
            ranges=np.array([[0, network.layout.size]]),
            values=values,
        ),
        divided.owners.bounds,
    )
    shards = [
        [ray.put(replace(part, shard=shard)) for part in parts] for shard in range(searches.config.num_shards)
    ]
    with pytest.raises(NonFiniteLossError, match="gradient of update 0 is not finite; weights are unchanged"):
        divided.owners.update(shards, 0.1)
    assert divided.digest() == before


def test_a_state_of_another_network_is_refused_before_any_owner_has_it(divided: RayChildren) -> None:
    state, before = divided.state_dict(), divided.digest()
    with pytest.raises(ValueError, match="`momentum` of the checkpoint has shape"):
        divided.owners.load({**state, "momentum": state["momentum"][:-1]})
    assert divided.digest() == before


def test_owners_are_as_many_as_asked_or_one_for_every_sixteen_workers() -> None:
    network = Supernet(SupernetConfig(num_classes=3, image_size=8, channels=8, normal_cells=3, num_nodes=2))
    assert num_owners(3, workers=1, num_shards=1, supernet=network) == 3
    by_workers = [num_owners("auto", count, 64, network) for count in (1, 16, 17, 64, 256)]
    assert by_workers == [1, 1, 2, 4, 4]  # no more than shards that are computed at once
    assert num_owners("auto", 64, 4, network) == 1
