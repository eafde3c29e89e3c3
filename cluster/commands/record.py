"""`posenas deliver`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Look at results")(deliver)


def deliver(
    run: Annotated[Path, typer.Argument(help="Run folder.")],
    tracking: Annotated[
        str | None,
        typer.Option("--tracking", help="Tell another MLflow store everything instead.", show_default=False),
    ] = None,
) -> None:
    """Bring to MLflow what a run could not tell it, because the server was down when the run ended.

    Example: [bold]posenas deliver runs/as1[/bold]

    From Python: cluster.stages.delivery.deliver_run(folder).
    """
    from cluster.stages.delivery import deliver_run

    console = Console(highlight=False)
    done = deliver_run(run, tracking)
    if not done:
        console.print(Text(f"nothing of {run} waits: MLflow has been told everything"), soft_wrap=True)
    for one in done:
        console.print(Text(f"{one.count} facts of {run} are in {one.store} now"), soft_wrap=True)
    refused = [one for one in done if one.left.refused]
    if refused:
        raise ValueError(
            f"MLflow refused {refused[0].left.refused} facts, the first with: {refused[0].left.reason}"
        )
