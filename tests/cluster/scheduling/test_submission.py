"""What `submit` makes of a plan, once and again and again; on both engines."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from cluster.registry.records import Job, Resources
from cluster.registry.registry import Registry
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.queue import Host, Queue
from cluster.scheduling.submission import Options, start_due_rounds, submit

Add = Callable[..., tuple[Job, ...]]


@pytest.fixture
def plan() -> Plan:
    """Two steps in one folder."""
    jobs = tuple(
        PlannedJob(
            name=f"one:{kind}", kind=kind, settings={}, run="one", needs=Resources(cpus=1), after=after
        )
        for kind, after in (("search", ()), ("train", (0,)))
    )
    return Plan(name="nightly", kind="pipeline", source="kind: pipeline\n", jobs=jobs)


def test_a_plan_becomes_jobs_that_wait_for_one_another(
    registry: Registry, plan: Plan, tmp_path: Path
) -> None:
    submitted = submit(registry, plan, Options(out=str(tmp_path), priority=2, max_attempts=5))
    first, second = submitted.jobs
    assert second.after == (first.id,)
    assert first.folder == second.folder == str(tmp_path / "nightly-1" / "one")
    assert (first.priority, first.max_attempts, first.state) == (2, 5, "queued")
    assert registry.experiment(1).source == "kind: pipeline\n"


def test_a_folder_that_is_taken_is_not_used_again(registry: Registry, plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "nightly-1").mkdir()
    submitted = submit(registry, plan, Options(out=str(tmp_path)))
    assert submitted.experiment.folder == str(tmp_path / "nightly-1-2")


def test_after_names_jobs_that_can_still_finish(registry: Registry, add: Add, tmp_path: Path) -> None:
    (first,) = add("first")
    (second,) = add("second", after=(first.id,))
    assert second.after == (first.id,)
    registry.cancel(first.id)
    with pytest.raises(ValueError, match=f"--after {first.id}: that job is cancelled and will not finish"):
        add("third", after=(first.id,))
    with pytest.raises(ValueError, match="--after 99: there is no such job"):
        add("third", after=(99,))
    assert len(registry.jobs()) == 2


def test_a_round_is_begun_when_its_time_comes_and_only_once(
    registry: Registry, plan: Plan, tmp_path: Path
) -> None:
    submitted = submit(registry, plan, Options(out=str(tmp_path), every="0 2 * * *"))
    assert submitted.jobs == ()
    assert start_due_rounds(registry) == 0
    _make_due(registry)
    assert start_due_rounds(registry) == 1
    assert start_due_rounds(registry) == 0
    jobs = registry.jobs()
    assert [job.round for job in jobs] == [1, 1]
    next_at = registry.experiment(1).next_at
    assert next_at is not None
    assert next_at > registry.now()


def test_a_round_is_left_out_while_the_one_before_has_not_ended(
    registry: Registry, plan: Plan, tmp_path: Path
) -> None:
    submit(registry, plan, Options(out=str(tmp_path), every="*/5 * * * *"))
    _make_due(registry)
    start_due_rounds(registry)
    _make_due(registry)
    assert start_due_rounds(registry) == 0
    assert "round left out" in [event.kind for event in registry.events()]
    queue, place = Queue(registry), Host(name="here", capacity=Resources(cpus=1))
    while claim := queue.claim("w", place):
        queue.finish(claim)
    _make_due(registry)
    assert start_due_rounds(registry) == 1
    assert registry.jobs()[-1].folder.endswith("one-round-2")


def test_a_cancelled_experiment_has_no_more_rounds(registry: Registry, plan: Plan, tmp_path: Path) -> None:
    submit(registry, plan, Options(out=str(tmp_path), every="*/5 * * * *"))
    _make_due(registry)
    start_due_rounds(registry)
    assert [job.state for job in registry.cancel_experiment(1)] == ["cancelled", "cancelled"]
    _make_due(registry)
    assert registry.experiment(1).next_at is None
    assert start_due_rounds(registry) == 0


def test_rounds_whose_plan_cannot_be_read_end_and_disturb_no_other(
    registry: Registry, plan: Plan, tmp_path: Path
) -> None:
    for _ in range(2):
        submit(registry, plan, Options(out=str(tmp_path), every="*/5 * * * *"))
    with registry.database.writing() as connection:
        connection.execute(text("UPDATE experiment SET plan = '{}' WHERE id = 1"))
    _make_due(registry)
    assert start_due_rounds(registry) == 1
    assert registry.experiment(1).next_at is None
    assert {job.experiment_id for job in registry.jobs()} == {2}
    ended = next(event for event in registry.events() if event.kind == "rounds ended")
    assert ended.text.startswith("experiment 1 nightly has no more rounds")


def test_random_fields_of_a_cron_form_are_drawn_once(registry: Registry, plan: Plan, tmp_path: Path) -> None:
    submitted = submit(registry, plan, Options(out=str(tmp_path), every="R R * * *"))
    drawn = submitted.experiment.every
    assert drawn is not None
    assert "R" not in drawn
    with registry.database.writing() as connection:  # as an older version has left it
        connection.execute(text("UPDATE experiment SET every = 'R 2 * * *', next_at = 1"))
    start_due_rounds(registry)
    assert "R" not in str(registry.experiment(1).every)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_attempts": 0}, "--max-attempts is 0; 1 or more is needed"),
        ({"every": "at noon"}, "'at noon' is no cron form of five fields"),
        ({"every": "0 2 * * *", "at": 1.0}, "give --at or --every"),
    ],
)
def test_wrong_options_are_one_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Options(**options)  # type: ignore[arg-type]


def _make_due(registry: Registry) -> None:
    with registry.database.writing() as connection:
        connection.execute(text("UPDATE experiment SET next_at = 1 WHERE next_at IS NOT NULL"))
