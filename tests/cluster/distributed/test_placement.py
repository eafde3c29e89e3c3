"""When workers are added, and what becomes of them when their machine is lost; without Ray."""

from collections.abc import Sequence
from typing import Any

import pytest

from cluster.distributed import placement as module
from cluster.distributed.config import RuntimeConfig
from cluster.distributed.dispatch import RayWorker
from cluster.distributed.placement import Placement
from cluster.distributed.runtime import Slot


class Cluster:
    """Stands in for `Runtime`: so much room, and groups of which some have lost a bundle."""

    def __init__(self, workers: Any, room: int) -> None:
        self.config = RuntimeConfig(workers=workers)
        self.free = room
        self.lost: set[Any] = set()
        self.left: list[Any] = []
        self._groups = iter("abcdefgh")

    def room(self) -> int:
        return self.free

    def place(self, count: int, _seconds: float | None = None) -> list[tuple[Any, int]]:
        if count > self.free:
            raise ValueError("somebody else was faster")
        self.free -= count
        group = next(self._groups)
        return [(group, bundle) for bundle in range(count)]

    def in_place(self, _cls: type, place: tuple[Any, int]) -> Slot:
        return Slot(place[0], lambda: place)

    def broken(self, group: Any) -> bool:
        return group in self.lost

    def leave(self, group: Any) -> None:
        self.left.append(group)
        self.lost.discard(group)


class Hall:
    """Stands in for `Dispatcher`: every worker that is placed is ready."""

    def __init__(self, slots: Sequence[Slot]) -> None:
        self.workers: list[RayWorker] = []
        self.add(slots)

    def add(self, slots: Sequence[Slot]) -> None:
        for slot in slots:
            worker = RayWorker(len(self.workers), slot)
            self.workers.append(worker)
            self.assign_slot(worker, slot)

    def assign_slot(self, worker: RayWorker, slot: Slot) -> None:
        worker.create, worker.handle, worker.ready = slot, slot(), True

    def release_slot(self, worker: RayWorker) -> None:
        worker.handle, worker.ready = None, False

    @property
    def places(self) -> list[str]:
        """As "a0": group and bundle of every worker; "": none."""
        return [f"{w.handle[0]}{w.handle[1]}" if w.handle else "" for w in self.workers]


def _hall(cluster: Any, workers: int, most: int | None = None) -> tuple[Hall, Any]:
    placement = Placement(cluster, object, most)
    return Hall(placement.slots(workers)), placement


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cluster is looked at whenever it is asked for."""
    monkeypatch.setattr(module, "GROW_SECONDS", 0.0)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)


def test_a_cluster_is_not_looked_at_all_the_time() -> None:
    hall, placement = _hall(Cluster("auto", room=5), workers=2)
    placement(hall)
    assert hall.places == ["a0", "a1"]  # it has just been looked at


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("workers", "most", "then"),
    [
        ("auto", 4, ["a0", "a1", "b0", "b1"]),
        ("auto", None, ["a0", "a1", "b0", "b1", "b2"]),
        ("auto", 2, ["a0", "a1"]),
        (2, None, ["a0", "a1"]),
    ],
)
def test_new_room_is_used_up_to_a_limit(workers: Any, most: int | None, then: list[str]) -> None:
    hall, placement = _hall(Cluster(workers, room=5), 2, most)
    for _ in range(2):  # the second time there is nothing left to do
        placement(hall)
        assert hall.places == then


@pytest.mark.usefixtures("at_once")
def test_workers_of_a_lost_machine_wait_for_room_and_the_others_go_on_elsewhere(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cluster = Cluster(3, room=3)
    hall, placement = _hall(cluster, workers=3)
    cluster.lost.add("a")
    placement(hall)
    assert (hall.places, cluster.left) == (["a0", "a1", "a2"], [])  # Ray may still find room by itself
    placement(hall)
    assert (hall.places, cluster.left) == (["", "", ""], ["a"])
    assert "a machine of the cluster was lost; 3 of 3 workers start anew" in caplog.text
    cluster.free = 2
    placement(hall)
    assert hall.places == ["b0", "b1", ""]
    cluster.free = 4  # a machine has come in the lost one's place, and a larger one
    placement(hall)
    assert hall.places == ["b0", "b1", "c0"]


@pytest.mark.usefixtures("at_once")
def test_a_worker_that_only_restarts_keeps_its_place() -> None:
    cluster = Cluster(2, room=4)
    hall, placement = _hall(cluster, workers=2)
    hall.workers[1].ready = False
    for _ in range(3):
        placement(hall)
    assert (hall.places, cluster.left) == (["a0", "a1"], [])
