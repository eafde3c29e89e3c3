"""The dispatcher and the leases, with actors that do nothing but fail."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import ray

from cluster.distributed.actors import StaleLeaseError
from cluster.distributed.children import RayChildren
from cluster.distributed.dispatch import Dispatcher, Finished, Submit, WorkersLostError
from cluster.distributed.leases import ActorLostError, LeasedActor
from cluster.distributed.processes import WorkerInfo
from cluster.distributed.reports import ShardReport
from cluster.distributed.runtime import Runtime
from nas.children import LocalChildren
from nas.shards import ShardScore

pytestmark = pytest.mark.ray


class Sleeper:
    """Sleeps as long as it is told, then reports its argument as the shard."""

    def __init__(self, arithmetic: str = "same") -> None:
        self._arithmetic = arithmetic

    def describe(self) -> WorkerInfo:
        return WorkerInfo(pid=os.getpid(), node="here", arithmetic=self._arithmetic)

    def work(self, shard: int, seconds: float) -> ShardReport:
        time.sleep(seconds)
        score = ShardScore(shard=shard, loss=0.0, accuracy=0.0, num_images=1)
        return ShardReport(result=score, seconds=seconds, bytes_in=0, machine={"busy": 1.0} if shard else {})

    def fail(self) -> None:
        raise KeyError("from a shard")


class NeverReady:
    """Dies of its first greeting."""

    def describe(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Unbuildable:
    """Cannot be made."""

    def __init__(self) -> None:
        raise FileNotFoundError("no such data")

    def describe(self) -> None: ...


class Counter:
    """A leased actor: a state that counts."""

    def __init__(self) -> None:
        self._value, self._lease = -1, ""

    def load(self, lease: str, value: int) -> int:
        self._value, self._lease = value, lease
        return os.getpid()

    def add(self, lease: str, amount: int) -> int:
        if lease != self._lease:
            raise StaleLeaseError("restarted")
        self._value += amount
        return self._value

    def stall(self, lease: str) -> None:
        time.sleep(60)


@pytest.fixture(scope="module", autouse=True)
def by_value(ray_runtime: Runtime) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])


def creates(cls: type, count: int = 1, *arguments: Any) -> list[Callable[[], Any]]:
    actor = ray.remote(cls).options(num_cpus=0, max_restarts=-1, max_task_retries=0)
    return [lambda: actor.remote(*arguments)] * count


def handshake(actor: Any) -> Any:
    return actor.describe.remote()


@pytest.fixture(scope="module")
def sleepers(ray_runtime: Runtime) -> Iterator[Dispatcher]:
    """Two workers that are ready."""
    dispatcher = Dispatcher(creates(Sleeper, 2), handshake, shard_seconds=30, give_up_seconds=30)
    dispatcher.infos()
    yield dispatcher
    dispatcher.kill()


def test_results_come_in_shard_order_whatever_finishes_first(sleepers: Dispatcher) -> None:
    submits = [
        lambda actor, shard=shard, seconds=seconds: [actor.work.remote(shard, seconds)]
        for shard, seconds in enumerate((0.3, 0.0, 0.1, 0.0))
    ]
    finished = sleepers.run(submits)
    assert [shard.report.result.shard for shard in finished] == [0, 1, 2, 3]
    # worker A sleeps 0.3 s over shard 0; meanwhile worker B does 1, 2 and 3, which take 0.1 s
    assert finished[1].worker == finished[2].worker == finished[3].worker != finished[0].worker


def test_what_a_worker_says_of_its_machine_is_kept_by_address(sleepers: Dispatcher) -> None:
    sleepers.machines.clear()
    sleepers.run([lambda actor: [actor.work.remote(0, 0.0)]])
    assert sleepers.machines == {}
    sleepers.run([lambda actor: [actor.work.remote(1, 0.0)]])
    assert sleepers.machines == {"here": {"busy": 1.0}}


def test_an_error_of_a_shard_is_raised_as_it_is_and_late_answers_are_ignored(sleepers: Dispatcher) -> None:
    with pytest.raises(KeyError, match="from a shard"):
        sleepers.run([lambda a: [a.work.remote(7, 0.2)], lambda a: [a.fail.remote()]])
    (finished,) = sleepers.run([lambda actor: [actor.work.remote(1, 0.0)]])
    assert finished.report.result.shard == 1


def test_a_shard_that_is_slow_everywhere_gets_more_time_each_time(ray_runtime: Runtime) -> None:
    dispatcher = Dispatcher(creates(Sleeper), handshake, shard_seconds=0.5, give_up_seconds=60)
    dispatcher.infos()
    (finished,) = dispatcher.run([lambda actor: [actor.work.remote(3, 0.8)]])
    assert finished.report.result.shard == 3
    assert dispatcher.repeated >= 1
    dispatcher.kill()


def test_a_worker_that_joins_takes_part_in_what_is_under_way(ray_runtime: Runtime) -> None:
    """As in retraining, where one batch lasts for as long as there is anything to train."""

    def placement(dispatcher: Dispatcher) -> None:
        if len(dispatcher.workers) == 1 and dispatcher.workers[0].ready:
            dispatcher.add(creates(Sleeper))

    dispatcher = Dispatcher(
        creates(Sleeper), handshake, shard_seconds=30, give_up_seconds=30, placement=placement
    )

    def following(shard: int, finished: Finished) -> Submit | None:
        """Epochs of two trainings, until both workers have had some."""
        workers[shard].append(finished.worker)
        more = {number for numbers in workers for number in numbers} != {0, 1}
        return (lambda actor: [actor.work.remote(shard, 0.02)]) if more else None

    workers: list[list[int]] = [[], []]
    dispatcher.run([lambda actor, n=n: [actor.work.remote(n, 0.02)] for n in (0, 1)], following)
    assert {number for numbers in workers for number in numbers} == {0, 1}
    dispatcher.kill()


def test_machines_that_compute_differently_are_named(
    sleepers: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    sleepers.add(creates(Sleeper, 1, "other"))
    sleepers.infos()
    ray.kill(sleepers.workers.pop().handle)
    assert "worker 2" in caplog.text
    assert "computes with other" in caplog.text


def test_a_search_without_any_worker_left_ends_with_a_message(ray_runtime: Runtime) -> None:
    dispatcher = Dispatcher(creates(NeverReady), handshake, shard_seconds=30, give_up_seconds=2)
    with pytest.raises(
        WorkersLostError, match=r"none of 1 workers answered for 2 s; 1 of 1 shards were not done"
    ):
        dispatcher.run([lambda actor: [actor.work.remote(0, 0.0)]])
    dispatcher.kill()


def test_a_worker_that_cannot_be_built_ends_the_search_with_its_error(ray_runtime: Runtime) -> None:
    dispatcher = Dispatcher(creates(Unbuildable), handshake, shard_seconds=30, give_up_seconds=30)
    with pytest.raises(RuntimeError, match=r"worker 0 cannot be started: [\s\S]*no such data"):
        dispatcher.run([lambda actor: [actor.work.remote(0, 0.0)]])


def add_until_it_fails(counter: LeasedActor) -> None:
    """The call that meets a dead process may be held back until there is another one."""
    while True:
        counter.call("add", 1)


def test_a_leased_actor_is_never_asked_without_its_state(ray_runtime: Runtime) -> None:
    (create,) = creates(Counter)
    counter = LeasedActor(create, "counter", call_seconds=20, give_up_seconds=60)
    pid = counter.load(10)
    assert counter.call("add", 1) == 11

    os.kill(pid, signal.SIGKILL)
    with pytest.raises(ActorLostError, match="the counter"):
        add_until_it_fails(counter)
    other = counter.load(20)
    assert other != pid
    assert counter.call("add", 1) == 21

    ray.kill(counter.handle)  # for good, from outside
    assert counter.load(30) not in (pid, other)
    assert counter.call("add", 1) == 31
    counter.kill()


def test_a_frozen_leased_actor_is_replaced(ray_runtime: Runtime) -> None:
    (create,) = creates(Counter)
    counter = LeasedActor(create, "counter", call_seconds=20, give_up_seconds=60)
    pid = counter.load(1)
    counter._call_seconds = 0.5
    with pytest.raises(ActorLostError, match=r"the counter gave no answer for 0.5 s"):
        counter.call("stall")
    counter._call_seconds = 20
    assert counter.load(5) != pid
    assert counter.call("add", 1) == 6
    counter.kill()


def test_children_refuse_what_local_children_refuse(searches: Any, ray_runtime: Runtime) -> None:
    train, validation = searches.sources
    wrong = searches.supernet.model_copy(update={"num_classes": 4})
    with pytest.raises(ValueError, match="training images have 3 classes; the search network has 4"):
        RayChildren(ray_runtime, wrong, searches.config, train, validation)
    with pytest.raises(ValueError, match="a weight step got 1 genotypes; `num_shards` is 5"):
        searches.children.train(0, searches.local().strategy.sample(1, "weights", 0), 0.05)


def test_states_are_the_same_with_and_without_ray(searches: Any) -> None:
    search = searches.on_ray()
    local: LocalChildren = searches.local().children
    ours, theirs = search.children.state_dict(), local.state_dict()
    assert list(ours) == list(theirs)
    assert ours["version"] == theirs["version"]
    for name in ("weights", "momentum"):
        assert ours[name].tobytes() == theirs[name].tobytes()
        assert not ours[name].flags.writeable  # it is what a dead owner would be restored from
