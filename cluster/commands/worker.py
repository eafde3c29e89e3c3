"""`posenas worker` and `posenas db upgrade`."""

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cluster.commands.queue import DatabaseOption, opened_registry

__all__ = ["register"]

database_commands = typer.Typer(no_args_is_help=True, help="Look after the registry's database.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Schedule experiments")(worker)
    app.add_typer(database_commands, name="db", rich_help_panel="Schedule experiments")


def worker(
    address: Annotated[
        str | None,
        typer.Option(help="Ray cluster to run jobs on: auto or HOST:PORT.", show_default=False),
    ] = None,
    cpus: Annotated[
        float | None,
        typer.Option(
            help="CPUs of this machine for it and its other workers; by default all.", show_default=False
        ),
    ] = None,
    gpus: Annotated[
        float | None,
        typer.Option(
            help="GPUs of this machine for it and its other workers; by default all.", show_default=False
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the worker.", show_default=False)] = None,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End when nothing is queued or running any more.")
    ] = False,
    lease: Annotated[
        float, typer.Option(help="Seconds of silence after which a worker's jobs are given to others.")
    ] = 60,
    patience: Annotated[
        float,
        typer.Option(
            help="Seconds that small jobs may overtake a large one before capacity is reserved for it."
        ),
    ] = 300,
    retry_pause: Annotated[float, typer.Option(help="Seconds before a failed job's second attempt.")] = 30,
    database: DatabaseOption = None,
) -> None:
    """Run queued jobs whenever there is room, each as a process. Ctrl-C: they are saved and given back.

    Example: [bold]posenas worker[/bold] on this machine, [bold]posenas worker --address auto[/bold] on Ray

    From Python: cluster.scheduling.worker.run_worker(registry, WorkerConfig(cpus=2)).
    """
    from cluster.scheduling.worker import WorkerConfig, run_worker

    config = WorkerConfig(
        name=name,
        address=address,
        cpus=cpus,
        gpus=gpus,
        lease_seconds=lease,
        patience_seconds=patience,
        retry_seconds=retry_pause,
        until_empty=until_empty,
    )
    with opened_registry(database) as registry:
        run_worker(registry, config, _say)


@database_commands.command("upgrade")
def upgrade(database: DatabaseOption = None) -> None:
    """Bring a registry that an older posenas made to the schema of this one; everything in it stays.

    Example: [bold]posenas db upgrade --database sqlite:///posenas.db[/bold]

    From Python: cluster.registry.database.upgrade_schema(url).
    """
    from cluster.registry.database import chosen_url, upgrade_schema

    before, after = upgrade_schema(chosen_url(database))
    done = f"is at {after} already" if before == after else f"was at {before or 'nothing'}, is at {after} now"
    _print(f"the registry {done}")


def _say(line: str) -> None:
    _print(f"{datetime.now():%H:%M:%S} {line}")


def _print(line: str) -> None:
    Console(highlight=False).print(Text(line), soft_wrap=True)
