"""`posenas doctor` and `posenas ui`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["register"]

WIDE = 200
COLORS = {"works": "green", "limited": "yellow", "missing": "red"}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="This machine")(doctor)
    app.command(rich_help_panel="Look at results")(ui)


def doctor(
    folder: Annotated[Path, typer.Option("--folder", help="Folder that would hold the runs.")] = Path(),
    ray: Annotated[bool, typer.Option(help="Start Ray and stop it again (about 5 s).")] = True,
    address: Annotated[
        str | None,
        typer.Option(help="Join this Ray cluster instead: auto, or HOST:PORT.", show_default=False),
    ] = None,
) -> None:
    """What works on this machine, what is missing, and how to mend it.

    Example: [bold]posenas doctor[/bold]

    From Python: cluster.doctor.diagnose().
    """
    from cluster.doctor import diagnose

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)  # a log file has no width to be broken at
    with console.status("looking ..."):
        findings = list(diagnose(folder.absolute(), start_ray=ray, address=address))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("", "state", "found", "how to mend it"):
        table.add_column(heading, overflow="fold")
    for finding in findings:
        state = Text(finding.state, style=COLORS[finding.state])
        table.add_row(finding.subject, state, Text(finding.found), Text(finding.mend))
    console.print(table)
    if any(finding.state == "missing" for finding in findings):
        raise typer.Exit(1)


def ui(
    uri: Annotated[
        str, typer.Option("--tracking", help="MLflow store to show.", envvar="MLFLOW_TRACKING_URI")
    ] = "sqlite:///mlflow.db",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 5000,
) -> None:
    """Open MLflow on the store that runs are recorded in. Ctrl-C ends it.

    Example: [bold]posenas ui --tracking sqlite:///mlflow.db --port 5000[/bold]

    From Python: cluster.tracking.ui.serve(uri, port).
    """
    from cluster.tracking.ui import serve

    serve(uri, port=port)
