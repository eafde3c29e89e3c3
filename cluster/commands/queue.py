"""`posenas submit`, `queue`, `show`, `logs`, `cancel`, `retry`, `resume`, `pause` and `drain`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from cluster.registry.records import Job
    from cluster.registry.registry import Registry
    from cluster.scheduling.plan import Plan
    from cluster.scheduling.submission import Submitted
    from cluster.scheduling.view import QueueSnapshot

__all__ = ["DatabaseOption", "opened_registry", "register"]

PANEL = "Schedule experiments"
WIDE = 200
COLORS = {
    "running": "cyan",
    "finished": "green",
    "failed": "red",
    "cancelled": "yellow",
    "skipped": "yellow",
}

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        "--database",
        help="Registry (sqlite:///FILE.db, postgresql://...); else $POSENAS_DATABASE, else posenas.db here.",
        show_default=False,
    ),
]
JobNumber = Annotated[int, typer.Argument(help="Number of the job, as `posenas queue` shows it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    for command in (submit, queue, show, logs, cancel, retry, resume, pause, drain):
        app.command(rich_help_panel=PANEL)(command)


def submit(
    file: Annotated[Path, typer.Argument(help="Experiment file (YAML).")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would run.")] = False,
    priority: Annotated[
        int, typer.Option(help="Jobs of higher priority run first; one step is worth an hour of waiting.")
    ] = 0,
    at: Annotated[
        str | None,
        typer.Option(help="Earliest start: 22:30, '2026-11-25 02:00', 'in 2 h'.", show_default=False),
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="Repeat at these times, in cron form: '0 2 * * *'.", show_default=False)
    ] = None,
    after: Annotated[
        list[int] | None,
        typer.Option(help="Start when this job has finished; may be repeated.", show_default=False),
    ] = None,
    max_attempts: Annotated[int, typer.Option(help="Attempts of a job before it has failed.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder that will hold the experiment's folder.")] = Path("runs"),
    database: DatabaseOption = None,
) -> None:
    """Queue the jobs of an experiment file. Workers run them: [bold]posenas worker[/bold].

    Example: [bold]posenas submit as1.yaml --dry-run[/bold]; [bold]posenas submit as1.yaml --at 22:30[/bold]

    From Python: cluster.scheduling.submission.submit(registry, plan_of(file), Options(priority=1)).
    """
    from datetime import datetime

    from cluster.scheduling.planning import plan_of
    from cluster.scheduling.submission import Options
    from cluster.scheduling.submission import submit as submit_plan
    from cluster.scheduling.times import parse_time

    moment = None if at is None else parse_time(at, datetime.now().astimezone())
    options = Options(
        priority=priority,
        at=moment,
        every=every,
        after=tuple(after or ()),
        max_attempts=max_attempts,
        out=str(out.absolute()),
    )
    plan = plan_of(file)
    if dry_run:
        _show_plan(plan, options.out)
        return
    with opened_registry(database) as registry:
        _show_submitted(submit_plan(registry, plan, options), len(plan.jobs))


def _show_submitted(submitted: "Submitted", num_jobs: int) -> None:
    from datetime import datetime

    experiment, jobs = submitted.experiment, submitted.jobs
    if experiment.next_at is not None:
        first = datetime.fromtimestamp(experiment.next_at).astimezone()
        _say(f"experiment {experiment.id} {experiment.name}: {num_jobs} job(s) each time, "
             f"for the first time {first:%Y-%m-%d %H:%M}")  # fmt: skip
    for job in jobs:
        waits = f"  after {', '.join(map(str, job.after))}" if job.after else ""
        _say(f"job {job.id}  {job.name}  {job.kind}{waits}")
    _say(f"runs in {experiment.folder}; `posenas queue` shows how they get on")
    if sum(job.kind in ("evaluate", "baseline") for job in jobs) > 1:
        _say(f"`posenas cells pool {experiment.folder}` makes one table of their scores in the end")


def queue(
    all_jobs: Annotated[bool, typer.Option("--all", help="Show jobs that ended long ago too.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")
    ] = False,
    web: Annotated[bool, typer.Option("--web", help="Show it as a page in a browser, until Ctrl-C.")] = False,
    host: Annotated[
        str, typer.Option(help="With --web: address to listen on; other than loopback needs a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="With --web: the first port to try.")] = 8400,
    token: Annotated[
        str | None,
        typer.Option(
            help="With --web: token that visitors must give.", envvar="POSENAS_TOKEN", show_default=False
        ),
    ] = None,
    mlflow: Annotated[
        str | None,
        typer.Option(
            help="With --web: the MLflow server that its links open; else $MLFLOW_TRACKING_URI.",
            show_default=False,
        ),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """What runs where, since when, how far it is, what time is left; what waits for what.

    Example: [bold]posenas queue[/bold], [bold]posenas queue --watch[/bold], or
    [bold]posenas queue --web --mlflow http://127.0.0.1:5000[/bold]

    From Python: cluster.scheduling.view.snapshot(registry), job_line(job, snapshot);
    cluster.scheduling.page.serve_page().
    """
    from cluster.scheduling.view import snapshot

    if web:
        from cluster.scheduling.page import serve_page

        serve_page(database, host=host, port=port, token=token, mlflow=mlflow)
        return
    console = _console()
    with opened_registry(database) as registry:
        while True:
            seen = snapshot(registry)
            if watch:
                console.clear()
            _show_queue(console, seen, all_jobs)
            if not watch:
                return
            time.sleep(2)


def show(job: JobNumber, database: DatabaseOption = None) -> None:
    """All about one job: what it needs, where its run and log are, what happened to it.

    Example: [bold]posenas show 12[/bold]

    From Python: registry.job(12), registry.events(12).
    """
    from cluster.registry.records import Resources
    from cluster.scheduling.view import clock, describe_resources, job_line, snapshot

    with opened_registry(database) as registry:
        found = registry.job(job)
        seen = snapshot(registry)
        line = job_line(found, seen)
        experiment = registry.experiment(found.experiment_id)
        _say(f"job {found.id}  {found.name}  {found.kind} of experiment {experiment.id} {experiment.name}")
        facts = {
            "state": f"{found.state} for {line.since}" + (f" at {line.where}" if line.where else ""),
            "waits for" if found.state == "queued" else "": line.remark if found.state == "queued" else "",
            "progress": line.progress + (f", {line.left} left" if line.left else ""),
            "attempts": f"{found.attempt} begun, {found.failures} of {found.max_attempts} failed",
            "needs": describe_resources(Resources(cpus=found.cpus, gpus=found.gpus)),
            "after": ", ".join(map(str, found.after)),
            "run": found.folder,
            "checkpoint": found.checkpoint or "",
            "MLflow run": found.mlflow_run_id or "",
            "log": found.log or "",
            "error": found.error or "",
        }
        for name, value in facts.items():
            if name and value:
                _say(f"{name:<11}" + value.replace("\n", "\n" + " " * 11))
        for event in registry.events(found.id):
            by = f"  ({event.worker})" if event.worker else ""
            _say(f"  {clock(event.at, seen.now)}  {event.kind:<10} {event.text.splitlines()[0]}{by}")


def logs(
    job: JobNumber,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Continue until the job has ended.")] = False,
    database: DatabaseOption = None,
) -> None:
    """What a job's process has written: the newest attempt, the whole of it where its file can be read.

    Example: [bold]posenas logs 12 --follow[/bold]

    From Python: cluster.scheduling.logs.log_text(registry, 12).
    """
    from cluster.scheduling.logs import log_text

    with opened_registry(database) as registry:
        for text in log_text(registry, job, follow=follow):
            typer.echo(text, nl=False)


def cancel(
    job: Annotated[int | None, typer.Argument(help="Number of the job.", show_default=False)] = None,
    experiment: Annotated[
        int | None,
        typer.Option(help="All jobs of an experiment, and its rounds to come.", show_default=False),
    ] = None,
    database: DatabaseOption = None,
) -> None:
    """Take a job off the queue. One that runs stops at its next step and keeps its checkpoint.

    Example: [bold]posenas cancel 12[/bold], or [bold]posenas cancel --experiment 3[/bold]

    From Python: registry.cancel(12), registry.cancel_experiment(3).
    """
    if (job is None) == (experiment is None):
        raise ValueError("name one thing to cancel: a job's number, or an experiment with --experiment")
    with opened_registry(database) as registry:
        jobs = [registry.cancel(job)] if job is not None else registry.cancel_experiment(experiment or 0)
        for one in jobs:
            stopping = "stops at its next step" if one.state == "running" else one.state
            _say(f"job {one.id} {one.name}: {stopping}; `posenas resume {one.id}` takes it up again")


def retry(job: JobNumber, database: DatabaseOption = None) -> None:
    """Queue a failed job again, and what was skipped on its account. It continues from its last checkpoint.

    Example: [bold]posenas retry 12[/bold]

    From Python: registry.retry(12).
    """
    with opened_registry(database) as registry:
        again = registry.retry(job)
        _say(f"job {again.id} {again.name}: {again.state}")


def resume(
    job: Annotated[int | None, typer.Argument(help="Number of a cancelled job.", show_default=False)] = None,
    database: DatabaseOption = None,
) -> None:
    """Queue a cancelled job again, from its last checkpoint; without a number: open the queue again.

    Example: [bold]posenas resume 12[/bold], or [bold]posenas resume[/bold]

    From Python: registry.resume(12), registry.set_mode("open").
    """
    with opened_registry(database) as registry:
        if job is None:
            registry.set_mode("open")
            _say("the queue is open: workers claim jobs")
            return
        again = registry.resume(job)
        _say(f"job {again.id} {again.name}: {again.state}")


def pause(database: DatabaseOption = None) -> None:
    """Let no new job begin. Those that run go on, workers stay; [bold]posenas resume[/bold] ends it.

    Example: [bold]posenas pause[/bold]

    From Python: registry.set_mode("paused").
    """
    with opened_registry(database) as registry:
        registry.set_mode("paused")
        _say("the queue is paused: what runs continues, nothing new begins; `posenas resume` opens it again")


def drain(database: DatabaseOption = None) -> None:
    """Let no new job begin, and every worker end when its jobs have ended: for maintenance.

    Example: [bold]posenas drain[/bold]

    From Python: registry.set_mode("draining").
    """
    with opened_registry(database) as registry:
        registry.set_mode("draining")
        _say("the queue is draining: workers end after their jobs; `posenas resume` opens it for new workers")


@contextmanager
def opened_registry(database: str | None) -> Iterator["Registry"]:
    """The registry that --database names."""
    from cluster.registry.registry import Registry

    with Registry.open(database) as registry:
        yield registry


def _show_plan(plan: "Plan", out: str) -> None:
    from cluster.progress import duration
    from cluster.registry.records import Resources
    from cluster.scheduling.view import describe_resources

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "job", "kind", "needs", "at most", "after"):
        table.add_column(heading, overflow="fold")
    for number, job in enumerate(plan.jobs, 1):
        limit = "" if job.limit_seconds is None else duration(job.limit_seconds)
        after = ", ".join(str(position + 1) for position in job.after)
        table.add_row(str(number), Text(job.name), job.kind, describe_resources(job.needs), limit, after)
    console = _console()
    console.print(table)
    needs = [job.needs for job in plan.jobs if not job.after]
    together = Resources(cpus=sum(need.cpus for need in needs), gpus=sum(need.gpus for need in needs))
    _say(
        f"{len(plan.jobs)} job(s) in {out}; all that can begin at once need {describe_resources(together)}; "
        "nothing was queued"
    )


def _show_queue(console: Console, seen: "QueueSnapshot", all_jobs: bool) -> None:
    from cluster.scheduling.view import clock, job_line

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("job", "name", "kind", "state", "where", "since", "progress", "left", "remark"):
        table.add_column(heading, overflow="fold")
    for job in _shown(seen, all_jobs):
        line = job_line(job, seen)
        table.add_row(
            str(job.id), Text(job.name), job.kind, Text(job.state, style=COLORS.get(job.state, "")),
            Text(line.where), line.since, Text(line.progress), line.left, Text(line.remark),
        )  # fmt: skip
    console.print(table)
    for experiment in seen.recurring:
        at = clock(experiment.next_at or 0, seen.now)
        console.print(
            Text(f"experiment {experiment.id} {experiment.name} again at {at} ({experiment.every})")
        )
    counts = [sum(job.state == state for job in seen.jobs.values()) for state in ("running", "queued")]
    console.print(
        Text(
            f"{counts[0]} running, {counts[1]} queued, {len(seen.jobs) - sum(counts)} ended; "
            f"the queue is {seen.mode}; {_workers(seen)}"
        ),
        soft_wrap=True,
    )


def _shown(seen: "QueueSnapshot", all_jobs: bool) -> list["Job"]:
    """Running jobs, then queued ones in their order, then those that ended within a day."""
    day = 86400.0
    order = {"running": 0, "queued": 1}
    jobs = [job for job in seen.jobs.values() if all_jobs or seen.now - (job.ended_at or seen.now) < day]
    return sorted(
        jobs, key=lambda job: (order.get(job.state, 2), -job.rank if job.state == "queued" else 0, job.id)
    )


def _workers(seen: "QueueSnapshot") -> str:
    if not seen.workers:
        return "no worker is there: `posenas worker` starts one"
    named = ", ".join(f"{one.name} ({one.cpus:g} CPUs, {one.gpus:g} GPUs)" for one in seen.workers)
    return f"{len(seen.workers)} worker{'s' if len(seen.workers) > 1 else ''}: {named}"


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDE)


def _say(line: str) -> None:
    Console(highlight=False).print(Text(line), soft_wrap=True)
