"""How long leases are, and since when they stand unchanged."""

from cluster.scheduling.lease_watch import LeaseLength, LeaseWatch


def test_a_lease_is_never_shorter_than_the_delay_measured() -> None:
    length = LeaseLength(4.0)
    assert length.after(-1.0) == 4.0  # in time
    assert length.after(2.5) == 11.5  # 4 + 3 * 2.5: a renewal at a third of it may be 2.5 s late
    assert length.after(0.0) == 11.5  # remembered ...
    for _ in range(50):
        length.after(0.1)
    assert abs(length.after(0.1) - 4.3) < 1e-9  # ... for a while


def test_a_lease_counts_from_when_it_was_seen_to_change() -> None:
    clock = [100.0]
    watch = LeaseWatch(lambda: clock[0])
    watch.note([(1, 7.0), (2, 7.0)], whole=True)
    clock[0] = 103.0
    watch.note([(1, 7.0), (2, 8.0)], whole=True)
    assert [watch.unchanged_seconds(job) for job in (1, 2, 3)] == [3.0, 0.0, 0.0]
    watch.note([(2, 8.0)], whole=True)
    clock[0] = 110.0
    assert [watch.unchanged_seconds(job) for job in (1, 2)] == [0.0, 7.0]
