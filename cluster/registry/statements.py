"""The statements that every claim takes, built once: building one costs more than running it.

Order: a step of priority is worth an hour of waiting (`rank`), so nothing waits for ever behind later jobs.
"""

import typing
from dataclasses import fields

from sqlalchemy import (
    ColumnElement,
    Table,
    Text,
    and_,
    bindparam,
    case,
    cast,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)  # fmt: skip

from cluster.registry.database import now
from cluster.registry.models import ControlRow, DependencyRow, EventRow, JobRow
from cluster.registry.records import JobProgress

__all__ = [
    "ADD_EVENT", "END_JOB", "FENCE", "JOB", "LOCK_HOST", "NEXT_JOB", "NOTE_PROGRESS", "RENEW_JOBS",
    "RESERVE_JOB", "RUNNING_JOBS", "TAKE_JOB", "UNCLAIMED", "USED_RESOURCES",
]  # fmt: skip

JOB = typing.cast(Table, JobRow.__table__)
_CONTROL = typing.cast(Table, ControlRow.__table__)
_DEPENDENCY = typing.cast(Table, DependencyRow.__table__)
_EVENT = typing.cast(Table, EventRow.__table__)

_HAIR = 1e-6
"""What ten times 0.1 misses 1 by must not keep a job waiting."""

UNCLAIMED = {"claim_token": None, "lease_until": None, "seconds_left": None}
"""Columns of a job that no worker holds."""

FENCE = and_(
    JOB.c.id == bindparam("claimed_id"),
    JOB.c.state == "running",
    JOB.c.claim_token == bindparam("claimed_token"),
    JOB.c.attempt == bindparam("claimed_attempt"),
)
"""Finds its row only while the claim holds."""

LOCK_HOST = text("SELECT pg_advisory_xact_lock(hashtext(:place))")
"""PostgreSQL: two workers of one place must not give the same room away."""

USED_RESOURCES = (
    select(func.coalesce(func.sum(JOB.c.cpus), 0), func.coalesce(func.sum(JOB.c.gpus), 0), _CONTROL.c.mode)
    .select_from(_CONTROL.outerjoin(JOB, and_(JOB.c.state == "running", JOB.c.place == bindparam("place"))))
    .group_by(_CONTROL.c.mode)
)
"""CPUs and GPUs that the jobs at a place use, and whether the queue is open."""

_NEEDED_IDS = (
    select(func.aggregate_strings(cast(_DEPENDENCY.c.needs_id, Text), " "))
    .where(_DEPENDENCY.c.job_id == JOB.c.id)
    .scalar_subquery()
)
"""The jobs after which a job runs, as words; NULL where there are none."""


def _within(name: str) -> ColumnElement[bool]:
    return and_(
        JOB.c.cpus <= bindparam(f"{name}_cpus") + _HAIR, JOB.c.gpus <= bindparam(f"{name}_gpus") + _HAIR
    )


def _ready() -> ColumnElement[bool]:
    """Queued, due, and nothing before it is left to do."""
    needed = JOB.alias()
    unfinished = exists().where(
        _DEPENDENCY.c.job_id == JOB.c.id, needed.c.id == _DEPENDENCY.c.needs_id, needed.c.state != "finished"
    )
    return and_(JOB.c.state == "queued", JOB.c.not_before <= now(), ~unfinished)


_DUE = and_(
    JOB.c.not_before < now() - bindparam("patience"),
    or_(JOB.c.reserved_by.is_(None), JOB.c.reserved_by == bindparam("place"), JOB.c.reserved_until < now()),
)
"""It has let smaller ones pass for long enough, and no other place keeps room for it."""

NEXT_JOB = (
    select(JOB.c.id, case((_within("free"), 1), else_=0), _NEEDED_IDS)
    .where(_ready(), _within("all"), or_(_within("free"), _DUE))
    .order_by(JOB.c.rank.desc(), JOB.c.id)
    .limit(1)
    .with_for_update(skip_locked=True, of=JOB)
)
"""The job that is next for a place, whether it fits (one that does not is to have room kept for it), and the
jobs after which it ran."""

RESERVE_JOB = (
    update(JOB)
    .where(JOB.c.id == bindparam("job_id"))
    .values(reserved_by=bindparam("keeper"), reserved_until=now() + bindparam("lease"))
)

TAKE_JOB = (
    update(JOB)
    .where(JOB.c.id == bindparam("job_id"))
    .values(
        state="running",
        attempt=JOB.c.attempt + 1,
        claim_token=bindparam("token"),
        worker=bindparam("by"),
        place=bindparam("at"),
        lease_until=now() + bindparam("lease"),
        started_at=now(),
        ended_at=None,
        reserved_by=None,
        reserved_until=None,
        phase="",
        done=0,
        total=0,
        note="",
        seconds_left=None,
    )
    .returning(JOB)
)

END_JOB = (
    update(JOB)
    .where(FENCE)
    .values(state=bindparam("ending"), error=bindparam("why"), ended_at=now(), **UNCLAIMED)
)

RENEW_JOBS = (
    update(JOB)
    .where(
        JOB.c.id.in_(bindparam("claimed_ids", expanding=True)),
        JOB.c.state == "running",
        JOB.c.claim_token.in_(bindparam("claimed_tokens", expanding=True)),
    )
    .values(lease_until=now() + bindparam("lease"))
    .returning(JOB.c.id, JOB.c.claim_token, JOB.c.lease_until, JOB.c.cancel_requested)
)
"""Holds many jobs for another lease. A token belongs to one attempt, so it is the whole fence."""

NOTE_PROGRESS = (
    update(JOB)
    .where(FENCE)
    .values({field.name: bindparam(f"seen_{field.name}") for field in fields(JobProgress)})
)

RUNNING_JOBS = select(JOB.c.id, JOB.c.lease_until, JOB.c.lease_until < now(), JOB.c.worker).where(
    JOB.c.state == "running"
)
"""The leases there are, and whether they have run out by the database's clock."""

ADD_EVENT = insert(_EVENT).values(at=now())
