import time

import pytest
import ray

from cluster.distributed.runtime import Runtime
from cluster.scheduling.hosts import LocalHost, RayHost, local_gpus


def test_this_machine_offers_what_is_asked_of_it() -> None:
    place = LocalHost(cpus=1.5, gpus=0.5).place()
    assert (place.capacity.cpus, place.capacity.gpus, place.free) == (1.5, 0.5, None)


@pytest.mark.parametrize(("visible", "count"), [("0,3", 2), ("", 0), ("-1", 0), ("GPU-abc", 1)])
def test_gpus_are_those_that_may_be_used(visible: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert local_gpus() == count


@pytest.mark.slow
@pytest.mark.ray
def test_a_ray_cluster_tells_what_is_free_and_what_is_not(ray_runtime: Runtime) -> None:
    room = RayHost(ray.get_runtime_context().gcs_address)
    try:
        before = room.place()
        assert before.capacity.cpus == ray.cluster_resources()["CPU"]
        assert before.free is not None
        placed = ray_runtime.place(workers=1)
        try:
            deadline = time.monotonic() + 60
            while room.place().free == before.free:
                assert time.monotonic() < deadline
                time.sleep(0.2)
            free = room.place().free
            assert free is not None
            assert free.cpus == before.free.cpus - 1
        finally:
            ray.util.remove_placement_group(placed[0][0])
    finally:
        room.close()


def test_a_cluster_that_is_not_there_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="no Ray cluster answers at"):
        RayHost("127.0.0.1:9")
