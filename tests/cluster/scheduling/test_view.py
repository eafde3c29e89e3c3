"""The queue in words: every reason for which a job waits."""

from collections.abc import Callable

from sqlalchemy import text

from cluster.registry.records import Job, JobProgress
from cluster.registry.registry import Registry
from cluster.scheduling.queue import Host, Queue
from cluster.scheduling.view import job_line, snapshot

Add = Callable[..., tuple[Job, ...]]
Places = Callable[..., Host]


def remark(registry: Registry, job: Job) -> str:
    return job_line(registry.job(job.id), snapshot(registry)).remark


def test_a_waiting_job_says_what_for(registry: Registry, add: Add, place: Places) -> None:
    queue = Queue(registry, retry_seconds=90)
    (job,) = add("job", cpus=2)
    assert remark(registry, job) == "no worker is there; `posenas worker` starts one"
    queue.announce("w", place(cpus=1), "host", 1)
    assert remark(registry, job) == "needs 2 CPUs; no worker has more than 1 CPU"
    queue.announce("w", place(cpus=2), "host", 1)
    assert remark(registry, job) == "needs 2 CPUs"
    registry.set_mode("paused")
    assert remark(registry, job) == "the queue is paused"
    registry.set_mode("open")
    (next_job,) = add("next", after=(job.id,))
    assert remark(registry, next_job) == f"after {job.id}"
    (later,) = add("later", at=registry.now() + 3600)
    assert remark(registry, later).startswith("at ")
    claim = queue.claim("w", place())
    assert claim is not None
    queue.fail(claim, "out of memory\nand its log")
    assert remark(registry, job).startswith("again in 1 min")
    assert remark(registry, job).endswith("(failed 1 of 3: out of memory)")


def test_a_reserved_job_says_where_room_is_kept(registry: Registry, add: Add, place: Places) -> None:
    queue = Queue(registry, patience_seconds=-1)
    add("small")
    assert queue.claim("w", place(cpus=2))
    (big,) = add("big", cpus=2)
    queue.announce("w", place(cpus=2), "host", 1)
    queue.claim("w", place(cpus=2))
    assert remark(registry, big) == "next at here, which reserves resources for it"


def test_a_running_job_says_where_how_far_and_how_long(registry: Registry, add: Add, place: Places) -> None:
    queue = Queue(registry)
    (job,) = add("job")
    claim = queue.claim("gpu-1", place())
    assert claim is not None
    queue.renew(claim, JobProgress(phase="search", done=3, total=40, note="epoch 1", seconds_left=125.0))
    line = job_line(registry.job(job.id), snapshot(registry))
    assert (line.where, line.progress, line.left) == ("gpu-1", "search 3/40, epoch 1", "2 min 05 s")
    registry.cancel(job.id)
    assert remark(registry, job) == "stops at its next step"
    with registry.database.writing() as connection:
        connection.execute(text("UPDATE job SET lease_until = 0"))
    assert remark(registry, job) == "its worker is not heard of; it will be taken back"


def test_an_ended_job_says_why(registry: Registry, add: Add, place: Places) -> None:
    queue = Queue(registry)
    (job,) = add("job", max_attempts=1)
    claim = queue.claim("w", place())
    assert claim is not None
    queue.fail(claim, "ended by SIGSEGV: segmentation fault\nlog")
    assert remark(registry, job) == "ended by SIGSEGV: segmentation fault"
