"""`posenas cells list` and `posenas cells show`."""

from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

__all__ = ["register"]

STORE = "sqlite:///mlflow.db"

cells = typer.Typer(no_args_is_help=True, help="Look at the cells that searches have found.")

Tracking = Annotated[
    str, typer.Option("--tracking", help="MLflow store to read.", envvar="MLFLOW_TRACKING_URI")
]
Experiment = Annotated[str, typer.Option("--experiment", help="MLflow experiment.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(cells, name="cells", rich_help_panel="Look at results")


@cells.command("list")
def list_command(
    data: Annotated[str, typer.Option("--data", help="Only data sets or splits that contain this.")] = "",
    sort: Annotated[str, typer.Option("--sort", help="date, accuracy, parameters or name.")] = "date",
    tracking: Tracking = STORE,
    experiment: Experiment = "posenas",
) -> None:
    """What was found, the newest first.

    Example: [bold]posenas cells list --data AS1 --sort accuracy[/bold]

    From Python: cluster.cells.list_cells(uri, experiment, data="AS1", sort="accuracy").
    """
    from cluster.cells import cells_table, list_cells

    if sort not in ("date", "accuracy", "parameters", "name"):
        raise ValueError(f"--sort is {sort!r}; date, accuracy, parameters or name is needed")
    found = list_cells(tracking, experiment, data=data, sort=sort)  # type: ignore[arg-type]
    console = Console()
    if found:
        console.print(cells_table(found))
    else:
        console.print("no cells found yet; `posenas search` or `posenas demo` finds some")


@cells.command("show")
def show_command(
    run: Annotated[str, typer.Argument(help="Run: id, name, or the beginning of one.")],
    tracking: Tracking = STORE,
    experiment: Experiment = "posenas",
) -> None:
    """One search's cells in full, and where their pictures are.

    Example: [bold]posenas cells show as1[/bold]

    From Python: cluster.cells.find_cells(run, uri, experiment).
    """
    from cluster.cells import describe, find_cells

    Console().print(Text(describe(find_cells(run, tracking, experiment))), soft_wrap=True)
