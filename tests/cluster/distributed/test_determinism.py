"""Whatever happens on the cluster, a search gives the genotypes, metrics and weights of one without it.

The runs share their actors, which take seconds to start; every run begins by loading the initial state.
"""

import hashlib
import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray

from cluster.checkpoints.store import Checkpoints
from cluster.distributed.owners import Update
from nas.children import LocalChildren
from nas.layout import union
from nas.search import Search
from nas.shards import NonFiniteLossError, ShardGradient, train_shard
from nas.supernet import Supernet
from nas.weights import TreeSum

pytestmark = pytest.mark.ray
Outcome = dict[str, Any]
RunToEnd = Callable[[Search], Outcome]


def test_one_to_four_workers_give_the_result_of_none(
    searches: Any, run_to_end: RunToEnd, expected: Outcome
) -> None:
    for workers in (1, 2, 3, 4):
        assert run_to_end(searches.on_ray(workers)) == expected, f"{workers} workers"


def test_a_killed_worker_costs_only_time(searches: Any, run_to_end: RunToEnd, expected: Outcome) -> None:
    search = searches.on_ray()
    repeated = searches.children.dispatcher.repeated
    search.step()
    searches.set_trap(signal.SIGKILL)
    assert run_to_end(search) == expected
    assert not Path(f"/proc/{searches.trapped()}").exists()
    assert searches.children.dispatcher.repeated > repeated


def test_a_frozen_worker_is_replaced_and_its_late_answer_ignored(
    searches: Any, run_to_end: RunToEnd, expected: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = searches.on_ray()
    dispatcher = searches.children.dispatcher
    handles = [worker.handle for worker in dispatcher.workers]
    repeated = dispatcher.repeated
    monkeypatch.setattr(dispatcher, "shard_seconds", 3.0)
    searches.set_trap(signal.SIGSTOP)

    def wake() -> None:
        frozen = searches.trapped()
        while all(w.handle is old for w, old in zip(dispatcher.workers, handles, strict=True)):
            time.sleep(0.01)
        os.kill(frozen, signal.SIGCONT)  # before Ray has ended it, which takes five seconds

    waker = threading.Thread(target=wake)
    waker.start()
    assert run_to_end(search) == expected
    waker.join(timeout=30)
    assert not waker.is_alive()
    assert dispatcher.repeated > repeated


def test_a_worker_that_joins_in_mid_search_changes_nothing(
    searches: Any, run_to_end: RunToEnd, expected: Outcome
) -> None:
    dispatcher = searches.children.dispatcher
    search = searches.on_ray(workers=2)
    absent = dispatcher.workers[1:]
    del dispatcher.workers[1:]  # one worker begins alone
    search.step()
    searches.children.add_workers(1)  # starts while shards are computed
    search.step()
    dispatcher.infos()
    assert run_to_end(search) == expected
    for worker in absent:
        worker.number = len(dispatcher.workers)
        dispatcher.workers.append(worker)


def test_a_killed_owner_of_the_weights_is_restored_exactly(
    searches: Any, run_to_end: RunToEnd, expected: Outcome
) -> None:
    search = searches.on_ray()
    search.step()
    (owner,) = searches.children.owners.actors
    pid = ray.get(owner.handle.pid.remote())
    os.kill(pid, signal.SIGKILL)
    assert run_to_end(search) == expected
    assert ray.get(owner.handle.pid.remote()) != pid


def test_a_killed_controller_is_restored_exactly(
    searches: Any, run_to_end: RunToEnd, expected: Outcome
) -> None:
    search = searches.on_ray()
    while search.position.phase == "weights":
        search.step()
    search.step()
    os.kill(ray.get(searches.strategy.host.handle.pid.remote()), signal.SIGKILL)
    assert run_to_end(search) == expected


def test_gradients_that_died_with_their_machine_are_computed_again(
    searches: Any, run_to_end: RunToEnd, expected: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = searches.on_ray()
    real, losses = searches.children.owners.update, [(0, 3), (3,)]

    def update(*arguments: Any) -> Update:
        return Update(lost=losses.pop()) if losses else real(*arguments)

    monkeypatch.setattr(searches.children.owners, "update", update)
    repeated = searches.children.dispatcher.repeated
    assert run_to_end(search) == expected
    assert losses == []
    assert searches.children.dispatcher.repeated >= repeated + 3


@pytest.mark.parametrize("steps", [1, 3])
def test_a_run_resumes_on_any_number_of_workers(
    searches: Any, run_to_end: RunToEnd, expected: Outcome, tmp_path: Path, steps: int
) -> None:
    begun, resumed = searches.on_ray(4), searches.local()
    for search in (begun, searches.local()):
        for _ in range(steps):
            search.step()
        Checkpoints(tmp_path / str(id(search))).save(search.state_dict(), steps)
        loaded = Checkpoints(tmp_path / str(id(search))).load_latest()
        assert loaded is not None
        resumed.load_state_dict(loaded.state)
        assert run_to_end(resumed) == expected
        resumed = searches.on_ray(4)


def test_no_worker_writes_into_the_published_weights(searches: Any) -> None:
    search = searches.on_ray()
    search.step()
    (view,) = searches.children.published_weights()
    before = hashlib.sha256(view).hexdigest()
    assert before == searches.children.digest()
    genotypes = search.strategy.sample(6, "derivation", 0)
    searches.children.score(0, genotypes)
    searches.children.evaluate(genotypes)
    searches.children.train(1, genotypes[:5], 0.05)  # computes with these weights, then publishes others
    assert hashlib.sha256(view).hexdigest() == before
    assert searches.children.digest() != before
    with pytest.raises(ValueError, match="read-only"):
        view += 1


def test_an_error_in_a_shard_reaches_the_caller_and_changes_nothing(searches: Any) -> None:
    search = searches.on_ray()
    genotypes = search.strategy.sample(5, "weights", 0)
    state = searches.children.state_dict()
    poisoned = {**state, "weights": np.full_like(state["weights"], np.nan)}
    searches.children.load_state_dict(poisoned)
    before = searches.children.digest()
    with pytest.raises(NonFiniteLossError, match=r"not finite in weight step 7, shard \d"):
        searches.children.train(7, genotypes, 0.05)
    assert searches.children.digest() == before


def test_steps_are_measured(searches: Any) -> None:
    search = searches.on_ray()
    record = search.step()
    measured = searches.children.measurement
    workers = len(searches.children.dispatcher.workers)
    assert measured.kind == "train"
    assert measured.bytes_out >= record.metrics["bytes_returned"] > 0
    size = Supernet(searches.supernet).layout.size
    assert measured.bytes_in in [4 * size * copies for copies in range(1, workers + 1)]
    assert measured.seconds > measured.update_seconds > 0
    assert all(0 <= share <= 1 for share in measured.idle.values())
    assert set(measured.scalars()) == {
        "seconds",
        "update_seconds",
        "bytes_in",
        "bytes_out",
        "repeated_shards",
        "workers",
        "idle_share",
    }


def test_a_sum_in_order_of_arrival_would_give_other_weights(searches: Any) -> None:
    """The negative control: without the fixed tree, the comparisons above would fail."""
    search = searches.local()
    children: LocalChildren = search.children
    genotypes = search.strategy.sample(5, "weights", 0)
    network = Supernet(searches.supernet)
    gradients = [
        train_shard(network, children._weights.tensor, g, children._train_source, searches.config, 0, shard)
        for shard, g in enumerate(genotypes)
    ]
    arrivals = [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 4, 0, 3, 1)]

    def plain(order: tuple[int, ...]) -> str:
        total = np.zeros(network.layout.size, dtype=np.float32)
        for shard in order:
            position = 0
            for start, stop in gradients[shard].ranges.tolist():
                total[start:stop] += gradients[shard].values[position : position + stop - start]
                position += stop - start
        return hashlib.sha256(total).hexdigest()

    def tree(order: tuple[int, ...]) -> str:
        total = TreeSum(5, network.layout.size)
        for shard in order:
            total.add(gradients[shard])
        return hashlib.sha256(total.result()[1]).hexdigest()

    assert len({plain(order) for order in arrivals}) > 1
    assert len({tree(order) for order in arrivals}) == 1


def test_a_search_that_adds_without_the_tree_ends_with_other_weights(
    searches: Any, run_to_end: RunToEnd, expected: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of a whole search: what all others here compare does differ then."""

    class PlainSum(TreeSum):
        """Adds each gradient to the sum of those before it."""

        def __init__(self, num_shards: int, size: int, buffers: Any = None) -> None:
            super().__init__(num_shards, size)
            self._sum, self._ranges = np.zeros(size, np.float32), []

        def add(self, gradient: ShardGradient) -> None:
            position = 0
            for start, stop in gradient.ranges.tolist():
                self._sum[start:stop] += gradient.values[position : position + stop - start]
                position += stop - start
            self._ranges.append(gradient.ranges)

        def result(self) -> Any:
            return union(self._ranges), self._sum

    monkeypatch.setattr("nas.weights.TreeSum", PlainSum)
    assert run_to_end(searches.local())["digest"] != expected["digest"]
    monkeypatch.undo()
    assert run_to_end(searches.local()) == expected
