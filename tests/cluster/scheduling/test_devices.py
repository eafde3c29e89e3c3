from cluster.scheduling.devices import Devices


def test_whole_gpus_are_not_shared() -> None:
    devices = Devices(2)
    assert [devices.take(1), devices.take(1), devices.take(1)] == [(0,), (1,), ()]
    devices.give_back((0,), 1)
    assert devices.take(1) == (0,)


def test_fractions_fill_one_gpu_before_the_next() -> None:
    devices = Devices(2)
    assert [devices.take(0.5) for _ in range(4)] == [(0,), (0,), (1,), (1,)]


def test_four_workers_of_half_a_gpu_take_two_gpus() -> None:
    assert Devices(3).take(2.0) == (0, 1)


def test_a_job_without_gpu_gets_none() -> None:
    assert Devices(2).take(0) == ()
