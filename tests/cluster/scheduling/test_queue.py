"""The contract of the queue; every test runs on both engines."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from cluster.registry.records import Claim, ClaimLost, Job, JobProgress, Resources
from cluster.registry.registry import Registry
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.queue import Host, Queue
from cluster.scheduling.submission import Options, submit

Add = Callable[..., tuple[Job, ...]]
Places = Callable[..., Host]


@pytest.fixture
def queue(registry: Registry) -> Queue:
    return Queue(registry, retry_seconds=0)


def claimed(claim: Claim | None) -> Claim:
    assert claim is not None
    return claim


def test_a_job_is_claimed_once(queue: Queue, add: Add, place: Places) -> None:
    (job,) = add("a")
    claim = claimed(queue.claim("w1", place()))
    assert (claim.job.id, claim.attempt, claim.job.state) == (job.id, 1, "running")
    assert queue.claim("w2", place()) is None


def test_higher_priority_comes_first_then_the_older(queue: Queue, add: Add, place: Places) -> None:
    add("first")
    add("second")
    add("urgent", priority=1)
    names = [claimed(queue.claim("w", place())).job.name for _ in range(3)]
    assert names == ["urgent", "first", "second"]


def test_an_hour_of_waiting_is_worth_a_step_of_priority(
    queue: Queue, registry: Registry, add: Add, place: Places
) -> None:
    add("newer", priority=2)
    # Submitted 2 h and a minute ago: 2.02 steps of waiting against 2 of priority.
    add("older", at=registry.now())
    with registry.database.writing() as connection:
        connection.execute(text("UPDATE job SET rank = rank - 7200 - 60 WHERE name = 'newer'"))
    assert claimed(queue.claim("w", place())).job.name == "older"


def test_a_job_waits_for_its_time(queue: Queue, registry: Registry, add: Add, place: Places) -> None:
    add("later", at=registry.now() + 0.5)
    assert queue.claim("w", place()) is None
    time.sleep(0.6)
    assert claimed(queue.claim("w", place())).job.name == "later"


def test_a_job_waits_until_those_before_it_have_finished(queue: Queue, add: Add, place: Places) -> None:
    first, second = add("a", "b")
    add("after both", after=(first.id, second.id), priority=9)
    claims = [claimed(queue.claim("w", place())) for _ in range(2)]
    assert queue.claim("w", place()) is None
    for claim in claims:
        queue.finish(claim)
    claim = claimed(queue.claim("w", place()))
    assert (claim.job.name, claim.job.after) == ("after both", (first.id, second.id))


def test_those_after_a_failed_job_are_skipped_and_come_back_with_its_retry(
    queue: Queue, registry: Registry, add: Add, place: Places
) -> None:
    (first,) = add("first", max_attempts=1)
    (second,) = add("second", after=(first.id,))
    (third,) = add("third", after=(second.id,))
    queue.fail(claimed(queue.claim("w", place())), "it broke")
    assert [registry.job(job.id).state for job in (first, second, third)] == ["failed", "skipped", "skipped"]
    assert registry.job(second.id).error == f"job {first.id}, after which it was to run, failed"
    registry.retry(first.id)
    assert [job.state for job in registry.jobs()] == ["queued"] * 3


def test_only_what_fits_is_claimed(queue: Queue, add: Add, place: Places) -> None:
    add("big", cpus=3)
    add("small", cpus=1)
    claim = claimed(queue.claim("w", place(cpus=2)))
    assert claim.job.name == "small"
    assert queue.claim("w", place(cpus=2)) is None
    assert claimed(queue.claim("w", place(cpus=4))).job.name == "big"


def test_workers_of_one_place_share_its_room(queue: Queue, add: Add, place: Places) -> None:
    add("a", "b", "c", cpus=1)
    assert queue.claim("w1", place("here", cpus=2))
    assert queue.claim("w2", place("here", cpus=2))
    assert queue.claim("w1", place("here", cpus=2)) is None
    assert queue.claim("w3", place("there", cpus=2))


def test_fractions_of_a_gpu_fill_it_exactly(queue: Queue, add: Add, place: Places) -> None:
    add(*"abcdefghijk", cpus=0.1, gpus=0.1)
    here = place(cpus=2, gpus=1)
    assert [bool(queue.claim("w", here)) for _ in range(11)] == [True] * 10 + [False]


def test_what_others_use_on_ray_is_not_given_away(queue: Queue, add: Add, place: Places) -> None:
    add("a", cpus=2)
    assert queue.claim("w", replace(place(cpus=4), free=Resources(cpus=1))) is None
    assert queue.claim("w", replace(place(cpus=4), free=Resources(cpus=2)))


def test_a_big_job_is_not_starved_by_small_ones(registry: Registry, add: Add, place: Places) -> None:
    """2 CPUs, a job of 2 behind an endless stream of jobs of 1: it must get its turn."""
    add("small-1", "small-2")
    add("big", cpus=2)
    add(*[f"small-{number}" for number in range(30)])
    here = place(cpus=2)
    running = [claimed(Queue(registry).claim("w", here)) for _ in range(2)]

    def small_jobs_before_the_big_one(queue: Queue, limit: int) -> int:
        for count in range(limit):
            queue.finish(running.pop(0))
            claim = queue.claim("w", here)
            if claim is not None and claim.job.name == "big":
                return count
            running.extend([claim] if claim else [])
        return limit

    # The control: with patience without end the stream passes for as long as there is one.
    assert small_jobs_before_the_big_one(Queue(registry, patience_seconds=3600), 20) == 20
    # One CPU is kept free, then the other: one small job ends meanwhile, none begins.
    assert small_jobs_before_the_big_one(Queue(registry, patience_seconds=0), 20) == 1


def test_one_place_keeps_its_room_for_a_big_job_the_others_go_on(
    registry: Registry, add: Add, place: Places
) -> None:
    queue = Queue(registry, patience_seconds=0)
    add("running", cpus=1)
    assert queue.claim("w1", place("here", cpus=2))
    add("big", cpus=2)
    add("small", cpus=1)
    time.sleep(0.01)
    assert queue.claim("w1", place("here", cpus=2)) is None
    assert registry.jobs()[1].reserved_by == "here"
    with registry.database.writing() as connection:  # a place that is busy too
        connection.execute(text("UPDATE job SET cpus = 3 WHERE name = 'big'"))
    assert claimed(queue.claim("w2", place("there", cpus=2))).job.name == "small"


def test_a_job_too_big_for_every_place_blocks_nobody(registry: Registry, add: Add, place: Places) -> None:
    queue = Queue(registry, patience_seconds=0)
    add("huge", cpus=64, priority=9)
    add("small")
    time.sleep(0.01)
    assert claimed(queue.claim("w", place(cpus=2))).job.name == "small"


def test_progress_is_seen_and_the_lease_renewed(
    queue: Queue, registry: Registry, add: Add, place: Places
) -> None:
    add("a")
    claim = claimed(queue.claim("w", place()))
    progress = JobProgress(phase="search", done=3, total=10, note="epoch 1", seconds_left=70.0, log_tail="x")
    assert queue.renew(claim, progress) is False
    job = registry.job(claim.job.id)
    assert (job.phase, job.done, job.total, job.note, job.seconds_left) == ("search", 3, 10, "epoch 1", 70.0)
    assert job.lease_until is not None
    assert claim.job.lease_until is not None
    assert job.lease_until > claim.job.lease_until


def test_an_expired_job_is_taken_back_and_late_writes_find_nothing(
    registry: Registry, add: Add, place: Places
) -> None:
    queue = Queue(registry, lease_seconds=0.2, retry_seconds=0)
    add("a")
    late = claimed(queue.claim("frozen", place()))
    assert queue.reap() == 0
    time.sleep(0.3)
    assert queue.reap() == 1
    now_held = claimed(queue.claim("other", place()))
    assert (now_held.job.id, now_held.attempt, now_held.job.failures) == (late.job.id, 2, 1)
    for write in (queue.renew, queue.finish, queue.cancelled):
        with pytest.raises(ClaimLost, match="no longer held by attempt 1 of frozen"):
            write(late)
    for write in (queue.fail, queue.release, queue.note_log):
        with pytest.raises(ClaimLost):
            write(late, "too late")
    queue.finish(now_held)
    assert registry.job(late.job.id).state == "finished"
    assert [event.kind for event in registry.events(late.job.id)].count("finished") == 1


def test_all_leases_are_renewed_at_once_and_a_lost_one_is_not(
    registry: Registry, add: Add, place: Places
) -> None:
    queue = Queue(registry, lease_seconds=30, retry_seconds=0)
    add("a", "b", "c")
    claims = [claimed(queue.claim("w", place())) for _ in range(3)]
    queue.release(claims[1], "for the test")
    registry.cancel(claims[2].job.id)
    queue.lease_seconds = 100
    assert queue.renew_all(claims) == {claims[0].token: False, claims[2].token: True}
    lease_until = registry.job(claims[0].job.id).lease_until
    assert lease_until is not None
    assert 90 < lease_until - registry.now() <= 100
    assert registry.job(claims[1].job.id).lease_until is None


def test_a_job_whose_machine_is_in_trouble_waits_without_a_failure(
    registry: Registry, add: Add, place: Places
) -> None:
    queue = Queue(registry, retry_seconds=5)
    (job,) = add("a")
    assert queue.postpone(claimed(queue.claim("w", place())), "the disk is full") == 5
    held = registry.job(job.id)
    assert (held.state, held.failures, held.error) == ("queued", 0, "the disk is full")
    with registry.database.writing() as connection:
        connection.execute(text("UPDATE job SET not_before = 0"))
    assert queue.postpone(claimed(queue.claim("w", place())), "the disk is full") == 10  # it grows
    assert [event.kind for event in registry.events(job.id)].count("held") == 2


def test_a_clock_that_is_ahead_takes_no_job_that_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite: the clock of each machine is its own. Here that of the second is an hour ahead."""
    with Registry.open(f"sqlite:///{tmp_path / 'p.db'}") as registry:
        jobs = (PlannedJob(name="a", kind="search", settings={}, run="a", needs=Resources(cpus=1)),)
        submit(registry, Plan(name="p", kind="search", source="", jobs=jobs), Options(out=str(tmp_path)))
        owner, other = Queue(registry, lease_seconds=0.6), Queue(registry, lease_seconds=0.6)
        claim = claimed(owner.claim("owner", Host(name="here", capacity=Resources(cpus=1))))
        for _ in range(8):
            owner.renew(claim)
            with registry.database.writing() as connection:  # as it looks to a clock an hour ahead
                connection.execute(text("UPDATE job SET lease_until = lease_until - 3600"))
            assert other.reap() == 0
            time.sleep(0.15)
        time.sleep(0.7)
        assert other.reap() == 1  # the control: nothing has renewed it for a whole lease


def test_the_fence_is_what_stops_a_late_write(registry: Registry, add: Add, place: Places) -> None:
    """The control: the same write by number alone would have gone through."""
    queue = Queue(registry, lease_seconds=0.1, retry_seconds=0)
    add("a")
    late = claimed(queue.claim("frozen", place()))
    time.sleep(0.2)
    queue.reap()
    assert queue.claim("other", place())
    with registry.database.writing() as connection:
        unfenced = text("UPDATE job SET state = 'finished', lease_until = NULL WHERE id = :id")
        assert connection.execute(unfenced, {"id": late.job.id}).rowcount == 1


def test_a_running_job_without_a_lease_cannot_be(registry: Registry, add: Add) -> None:
    add("a")
    with pytest.raises(IntegrityError, match="running_has_lease"), registry.database.writing() as connection:
        connection.execute(
            text("UPDATE job SET state = 'running', worker = 'w', claim_token = 'x', place = 'p'")
        )


def test_failures_are_retried_after_a_doubling_pause_then_the_job_has_failed(
    registry: Registry, add: Add, place: Places
) -> None:
    queue = Queue(registry, retry_seconds=100)
    (job,) = add("poison", max_attempts=3)
    pauses = []
    for attempt in (1, 2, 3):
        claim = claimed(queue.claim("w", place()))
        again = queue.fail(claim, "segmentation fault")
        assert again == (attempt < 3)
        row = registry.job(job.id)
        pauses.append(round(row.not_before - registry.now(), -1))
        with registry.database.writing() as connection:
            connection.execute(text("UPDATE job SET not_before = 0"))
    assert pauses[:2] == [100, 200]
    assert (row.state, row.error, row.attempt, row.failures) == ("failed", "segmentation fault", 3, 3)


def test_bad_input_is_not_tried_again(queue: Queue, registry: Registry, add: Add, place: Places) -> None:
    (job,) = add("a")
    assert queue.fail(claimed(queue.claim("w", place())), "no such data", final=True) is False
    assert registry.job(job.id).state == "failed"


def test_a_released_job_goes_on_elsewhere_without_blame(
    queue: Queue, registry: Registry, add: Add, place: Places
) -> None:
    add("a", max_attempts=1)
    queue.release(claimed(queue.claim("w", place())), "the worker ends")
    claim = claimed(queue.claim("other", place()))
    assert (claim.attempt, claim.job.failures) == (2, 0)


def test_cancel_takes_a_queued_job_off_and_asks_a_running_one_to_stop(
    queue: Queue, registry: Registry, add: Add, place: Places
) -> None:
    queued, running = add("a", "b")
    claim = claimed(queue.claim("w", place()))
    assert claim.job.id == queued.id
    queued, running = running, queued
    assert registry.cancel(queued.id).state == "cancelled"
    asked = registry.cancel(running.id)
    assert (asked.state, asked.cancel_requested) == ("running", True)
    assert queue.renew(claim) is True
    queue.cancelled(claim)
    assert registry.job(running.id).state == "cancelled"
    with pytest.raises(ValueError, match="has been cancelled already"):
        registry.cancel(running.id)
    assert registry.resume(running.id).cancel_requested is False
    assert claimed(queue.claim("w", place())).attempt == 2


def test_a_cancelled_job_whose_worker_dies_is_cancelled(registry: Registry, add: Add, place: Places) -> None:
    queue = Queue(registry, lease_seconds=0.1)
    (job,) = add("a")
    queue.claim("w", place())
    registry.cancel(job.id)
    time.sleep(0.2)
    queue.reap()
    assert registry.job(job.id).state == "cancelled"


@pytest.mark.parametrize("mode", ["paused", "draining"])
def test_nothing_is_claimed_while_the_queue_is_closed(
    queue: Queue, registry: Registry, add: Add, place: Places, mode: str
) -> None:
    add("a")
    registry.set_mode(mode)  # type: ignore[arg-type]
    assert queue.announce("w", place(), "host", 1) == mode
    assert queue.claim("w", place()) is None
    registry.set_mode("open")
    assert queue.claim("w", place())


def test_workers_are_seen_while_they_speak(queue: Queue, registry: Registry, place: Places) -> None:
    queue.announce("w1", place("here", cpus=4), "host", 7)
    queue.announce("w1", place("here", cpus=4), "host", 7)
    (worker,) = registry.workers()
    assert (worker.name, worker.place, worker.cpus, worker.pid) == ("w1", "here", 4, 7)
    assert registry.workers(silent_seconds=-1) == ()
    queue.leave("w1")
    assert registry.workers() == ()


def test_records_never_change_afterwards(queue: Queue, registry: Registry, add: Add, place: Places) -> None:
    (job,) = add("a")
    queue.claim("w", place())
    assert job.state == "queued"
    with pytest.raises(AttributeError):
        job.state = "finished"  # type: ignore[misc]
