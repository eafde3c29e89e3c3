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
        typer.Option(
            "--tracking", help="Deliver everything to this MLflow store instead.", show_default=False
        ),
    ] = None,
) -> None:
    """Bring to MLflow what a run could not: the server was down when the run ended, or it lost its data.

    Example: [bold]posenas deliver runs/as1[/bold]

    From Python: cluster.stages.delivery.deliver_run(folder).
    """
    from cluster.stages.delivery import deliver_run

    console = Console(highlight=False)
    done = deliver_run(run, tracking)
    if not done:
        console.print(Text(f"nothing of {run} waits: MLflow has all of it"), soft_wrap=True)
    for one in done:
        if one.count:
            console.print(Text(f"{one.count} records of {run} are in {one.store} now"), soft_wrap=True)
        if one.gone:
            console.print(
                Text(
                    f"{one.store} had lost the run, and with it {one.gone} tables or models "
                    "of which no copy is kept"
                ),
                soft_wrap=True,
            )
    refused = [one for one in done if one.left.refused]
    if refused:
        raise ValueError(
            f"MLflow refused {refused[0].left.refused} facts, the first with: {refused[0].left.reason}"
        )
