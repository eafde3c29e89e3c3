"""`posenas cells list`, `show`, `compare`, `pool` and `export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.commands.queue import DatabaseOption

if TYPE_CHECKING:
    from cluster.cells.pooled import PooledAnswers

__all__ = ["register"]

STORE = "sqlite:///mlflow.db"

cells = typer.Typer(no_args_is_help=True, help="Look at the cells that searches have found.")

Tracking = Annotated[
    str, typer.Option("--tracking", help="MLflow store to read.", envvar="MLFLOW_TRACKING_URI")
]
Experiment = Annotated[str, typer.Option("--experiment", help="MLflow experiment.")]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write the same as a page, with drawings.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(cells, name="cells", rich_help_panel="Look at results")


@cells.command("list")
def list_command(
    data: Annotated[str, typer.Option("--data", help="Only data sets or splits that contain this.")] = "",
    sort: Annotated[
        str, typer.Option("--sort", help="date, accuracy, parameters, latency or name.")
    ] = "date",
    html: Html = None,
    tracking: Tracking = STORE,
    experiment: Experiment = "posenas",
) -> None:
    """What was found, the newest first.

    Example: [bold]posenas cells list --data AS1 --sort accuracy[/bold]

    From Python: cluster.cells.list_cells(uri, experiment, data="AS1", sort="accuracy").
    """
    from cluster.cells import SORTS, cells_table, list_cells

    if sort not in SORTS:
        raise ValueError(f"--sort is {sort!r}; one of {', '.join(SORTS)} is needed")
    found = list_cells(tracking, experiment, data=data, sort=sort)
    console = Console()
    if not found:
        console.print("no cells found yet; `posenas search` or `posenas demo` finds some")
        return
    console.print(cells_table(found))
    if html is not None:
        from cluster.cells import list_page, write_page  # with torch and matplotlib, which take seconds

        write_page(html, list_page(found))
        _say_page(html)


@cells.command("show")
def show_command(
    run: Annotated[str, typer.Argument(help="Run: id, name, or the beginning of one.")],
    html: Html = None,
    tracking: Tracking = STORE,
    experiment: Experiment = "posenas",
    database: DatabaseOption = None,
) -> None:
    """One search's cells in full, and where their pictures are.

    Example: [bold]posenas cells show as1[/bold]

    From Python: cluster.cells.find_cells(run, uri, experiment).
    """
    from cluster.cells import best_sampled, describe, find_cells, run_page, write_page

    found = find_cells(run, tracking, experiment)
    best = best_sampled(found, database)
    Console().print(Text(describe(found, best)), soft_wrap=True)
    if html is not None:
        write_page(html, run_page(found, best))
        _say_page(html)


@cells.command("compare")
def compare_command(
    runs: Annotated[list[str], typer.Argument(help="Two or more runs: ids, names, or the beginning of one.")],
    html: Html = None,
    tracking: Tracking = STORE,
    experiment: Experiment = "posenas",
) -> None:
    """Several searches side by side: numbers, paired tests on the same clips, and where the cells differ.

    Example: [bold]posenas cells compare as1 as2 --html compared.html[/bold]

    From Python: cluster.cells.compare(cells) and cluster.cells.comparison_page(comparison).
    """
    from cluster.cells import compare, comparison_page, comparison_text, find_cells, write_page
    from cluster.cells.paired import read_predictions

    found = [find_cells(run, tracking, experiment) for run in runs]
    comparison = compare(found, [read_predictions(one, tracking) for one in found])
    Console().print(comparison_text(comparison))
    if html is not None:
        write_page(html, comparison_page(comparison))
        _say_page(html)


@cells.command("pool")
def pool_command(
    runs: Annotated[
        list[Path], typer.Argument(help="Folder of an experiment, or of several runs on other test clips.")
    ],
) -> None:
    """The table of a cross-validation: each run's accuracy, and the scores of all clips together.

    Example: [bold]posenas cells pool runs/left-out[/bold]

    Example: [bold]posenas cells pool runs/clips-part1 runs/clips-part2 runs/clips-part3[/bold]

    From Python: cluster.cells.cross_validation.pool_folder(folder).
    """
    from cluster.cells.cross_validation import pool_folder
    from cluster.cells.pooled import pool_answers, read_tables

    if len(runs) > 1:
        _show_pooled(pool_answers(read_tables(runs)))
        return
    groups, notes = pool_folder(runs[0])
    for group in groups:
        Console(highlight=False).print(Text(f"{group.title}\n", style="bold"))
        _show_pooled(group.pooled)
        Console().print()
    if len(groups) > 1:
        table = Table(
            "", "runs", "accuracy", "of all clips", "balanced", "macro F1", box=None, header_style="bold"
        )
        for group in groups:
            pooled, scores = group.pooled, group.pooled.scores
            cells = [f"{pooled.mean:.4f} ± {pooled.spread:.4f}", f"{scores['accuracy']:.4f}"]
            cells += [f"{scores['balanced_accuracy']:.4f}", f"{scores['macro_f1']:.4f}"]
            table.add_row(Text(group.title), str(len(pooled.rows)), *cells)
        Console(highlight=False).print(table)
    for note in notes:
        Console(highlight=False).print(Text(note), soft_wrap=True)


def _show_pooled(pooled: "PooledAnswers") -> None:
    from cluster.scores import score_lines

    table = Table("run", "right", "of", "accuracy", box=None, header_style="bold")
    for name, total, right, accuracy in pooled.rows:
        table.add_row(Text(name), str(right), str(total), f"{accuracy:.4f}")
    lines = [
        f"{pooled.mean:.4f} ± {pooled.spread:.4f} over {len(pooled.rows)} runs",
        f"{pooled.scores['accuracy']:.4f} of {sum(row[1] for row in pooled.rows)} clips together",
        *score_lines(pooled.scores),
    ]
    Console(highlight=False).print(table)
    Console(highlight=False).print(Text("\n".join(lines)), soft_wrap=True)


def _say_page(html: Path) -> None:
    Console().print(Text(f"\npage      {html}"), soft_wrap=True)


@cells.command("export")
def export_command(
    run: Annotated[str, typer.Argument(help="Run: id, name, or the beginning of one.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="New folder; by default named as the run.", show_default=False),
    ] = None,
    tracking: Tracking = STORE,
    experiment: Experiment = "posenas",
) -> None:
    """Take a trained network away: readable source that needs torch alone, weights, ONNX, score.

    Example: [bold]posenas cells export as1 --out as1-network[/bold]

    From Python: cluster.cells.export_cells(cells, folder, uri).
    """
    from cluster.cells import export_cells, find_cells

    found = find_cells(run, tracking, experiment)
    exported = export_cells(found, out or Path(f"{found.name}-network"), tracking)
    lines = [
        *(f"          {path.name}" for path in sorted(exported.folder.iterdir())),
        f"checked   largest difference of a probability: source {exported.source_difference:.1e}, "
        f"ONNX {exported.onnx_difference:.1e}",
        f"next      {exported.folder / 'README.md'} says how to use it",
    ]
    Console().print(Text("\n".join([f"folder    {exported.folder}", *lines])), soft_wrap=True)
