"""What batches cost adds up over an epoch, a resume in the middle included."""

import json

from cluster.distributed.measurements import ShardCost, Tally


def measurement(kind: str, seconds: float, bytes_in: int, idle: dict[int, float]) -> ShardCost:
    return ShardCost(
        kind=kind, seconds=seconds, update_seconds=0.1, bytes_in=bytes_in, bytes_out=7, repeated=0, idle=idle
    )


BATCHES = (
    measurement("train", 2.0, 100, {0: 0.5, 1: 0.0}),
    measurement("train", 2.0, 200, {0: 0.5, 1: 0.5}),
    measurement("score", 4.0, 60, {0: 0.0, 1: 0.25, 2: 0.5}),
)


def test_shares_are_weighted_by_time_and_bytes_are_for_each_weight_step() -> None:
    tally = Tally()
    for one in BATCHES:
        tally.add(one)
    assert tally.scalars() == {
        "weight_bytes": (100 + 200 + 60) / 2,
        "idle_share": (0.25 + 0.25 + 0.25) / 3,
        "idle_share_worker_0": (0.5 * 2 + 0.5 * 2 + 0) / 8,
        "idle_share_worker_1": (0 + 0.5 * 2 + 0.25 * 4) / 8,
        "idle_share_worker_2": 0.5 * 4 / 8,  # it joined late: only what it was there for counts
    }


def test_it_goes_on_from_a_checkpoint() -> None:
    whole, first = Tally(), Tally()
    for one in BATCHES:
        whole.add(one)
    first.add(BATCHES[0])
    second = Tally.from_state(json.loads(json.dumps(first.state_dict())))
    for one in BATCHES[1:]:
        second.add(one)
    assert second.scalars() == whole.scalars()


def test_without_workers_there_is_nothing_to_say() -> None:
    assert Tally().scalars() == {}
