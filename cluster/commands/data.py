"""`posenas encode` and `posenas data check`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cluster.commands import data_files, options
from cluster.commands.options import changes, data_changes, show

__all__ = ["register"]

data = typer.Typer(no_args_is_help=True, help="Import, export and check data sets.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel="Data")(encode)
    data_files.add_to(data)
    app.add_typer(data, name="data", rich_help_panel="Data")


def encode(
    out: Annotated[Path, typer.Option("--out", help="Folder for the images; new or empty.")],
    data: options.Data = None,
    root: options.Root = None,
    subset: options.Subset = None,
    file_list: options.FileList = None,
    protocol: options.Protocol = None,
    fold: options.Fold = None,
    config: options.Config = None,
    settings: options.Settings = None,
) -> None:
    """Clips to images: a PNG for each clip in folders by class, and contact_sheet.png to look at.

    Example: [bold]posenas encode --data msr --root PATH --subset AS1 --out images/as1[/bold]

    From Python: cluster.stages.encoding.encode_clips(config, folder).
    """
    from cluster.config import ExperimentConfig
    from cluster.stages.encoding import encode_clips

    given = changes(data_changes(data, root, subset, file_list, protocol, fold), settings)
    experiment = (
        ExperimentConfig.from_file(config, given) if config else ExperimentConfig.preset("small", given)
    )
    outcome = encode_clips(experiment, out)
    show(*outcome.lines())


@data.command("check")
def check_command(
    path: Annotated[Path | None, typer.Argument(help="A .npz file of your own.")] = None,
    data: options.Data = None,
    root: options.Root = None,
    subset: options.Subset = None,
    file_list: options.FileList = None,
    protocol: options.Protocol = None,
    fold: options.Fold = None,
) -> None:
    """What is wrong or odd about a data set: a .npz file of your own, or one of the known sets.

    Example: [bold]posenas data check clips.npz[/bold], or [bold]data check --data msr --root PATH[/bold]

    From Python: encoding.datasets.check(path); encoding.datasets.check_split(split).
    """
    from encoding.datasets import check

    if (path is None) == (data is None):
        raise ValueError("name one thing to check: a .npz file, or a data set with --data")
    if path is not None:
        report = check(path)
    else:
        from cluster.settings import check_settings
        from encoding.datasets import DataConfig, check_split, load

        given = changes(data_changes(data, root, subset, file_list, protocol, fold), None)
        settings = {name.removeprefix("data."): value for name, value in given.items()}
        report = check_split(load(check_settings(DataConfig, settings, "the data set")))
    console = Console()
    data_files.show_findings(report)
    verdict = "can be used" if report.ok else "cannot be used"
    console.print(
        Text(f"{report.source}: {report.num_clips} clips, {report.num_frames} frames: {verdict}"),
        soft_wrap=True,
    )
    if not report.ok:
        raise typer.Exit(2)
