"""`posenas data import`, `export` and `skeletons`: other programs' files in and out."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.commands import options
from cluster.commands.options import changes, opened_progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from cluster.interruption import Interruption
    from cluster.progress import Progress
    from encoding.datasets.importing import Conversion, ImportReport
    from encoding.datasets.validation import Report

__all__ = ["add_to", "show_findings"]

_FILES = "What the files do not say"
_COLORS = {"error": "red", "warning": "yellow"}
# A check takes as much memory as the file: a larger one is left to `posenas data check`.
_CHECKED_BYTES = 500_000_000


def add_to(data: typer.Typer) -> None:
    """Add the commands of this file to `posenas data`."""
    data.command("import")(import_command)
    data.command("export")(export_command)
    data.command("skeletons")(skeletons)


def import_command(
    source: Annotated[Path, typer.Argument(help="A file, or a folder of files.")],
    out: Annotated[Path, typer.Option("--out", help="The .npz to write.")],
    format_name: Annotated[
        str | None, typer.Option("--format", help="Format; by default it is recognized.", show_default=False)
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Table (CSV) of clips: clip, label; also subject, group, split, start, end (seconds).",
            rich_help_panel=_FILES,
            show_default=False,
        ),
    ] = None,
    class_names: Annotated[
        Path | None,
        typer.Option(
            help="Names of numbered classes, one a line.", rich_help_panel=_FILES, show_default=False
        ),
    ] = None,
    skeleton: Annotated[
        str | None,
        typer.Option(
            help="Joint layout: a name, or a YAML file.", rich_help_panel=_FILES, show_default=False
        ),
    ] = None,
    fps: Annotated[
        float | None, typer.Option(help="Frames per second.", rich_help_panel=_FILES, show_default=False)
    ] = None,
    unit: Annotated[
        str | None, typer.Option(help="m, cm, mm or in.", rich_help_panel=_FILES, show_default=False)
    ] = None,
    up: Annotated[
        str | None,
        typer.Option(help="Axis that points up: x, y, z or -y.", rich_help_panel=_FILES, show_default=False),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(help="Picture of 2D points, as 1920x1080.", rich_help_panel=_FILES, show_default=False),
    ] = None,
    keypoints: Annotated[
        Path | None,
        typer.Option(
            help="Folder of keypoints that annotations refer to.", rich_help_panel=_FILES, show_default=False
        ),
    ] = None,
    unusable: Annotated[
        Path | None,
        typer.Option(
            help="List of clips to leave out, one a line.", rich_help_panel=_FILES, show_default=False
        ),
    ] = None,
    people: Annotated[
        int | None,
        typer.Option(
            min=1, max=2, help="People of a clip; by default as many as it shows.", show_default=False
        ),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Joint layout to convert to, as coco_17.", show_default=False)
    ] = None,
    lifter: Annotated[
        Path | None,
        typer.Option(help="A trained lifter's folder, to lift 2D clips to 3D.", show_default=False),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="The split that trains by default.", show_default=False)
    ] = None,
    unlabeled: Annotated[
        bool,
        typer.Option("--unlabeled", help="Take clips without a label, to be recognized, not learned from."),
    ] = False,
) -> None:
    """Recordings of another program into a data set: NTU RGB+D, pyskl and mmaction2, C3D, BVH ...

    Example: [bold]posenas data import nturgbd_skeletons --out ntu.npz --unusable missing.txt[/bold]

    Then: [bold]posenas search --data npz --root ntu.npz --out runs/ntu[/bold]

    An import that was stopped continues when it is started again. docs/datasets.md lists the formats.

    From Python: encoding.datasets.importing.import_clips(source, out).
    """
    from cluster.interruption import Interruption
    from encoding.datasets.formats.entry import ImportOptions
    from encoding.datasets.importing import import_clips
    from lifting.skeleton_file import find_skeleton

    given = {
        "labels": labels, "class_names": class_names, "skeleton": skeleton, "fps": fps, "unit": unit,
        "up": up, "image_size": image_size, "keypoints": keypoints, "unusable": unusable, "people": people,
    }  # fmt: skip
    wanted = ImportOptions.from_words({name: value for name, value in given.items() if value is not None})
    conversion = _conversion(lifter, to)
    with opened_progress() as progress, Interruption("run the same command again to continue") as stop:
        report = import_clips(
            source,
            out,
            wanted,
            format_name=format_name,
            layout=find_skeleton(to).skeleton if to else None,
            conversion=conversion,
            protocol=protocol,
            unlabeled=unlabeled,
            processes=len(os.sched_getaffinity(0)),
            on_progress=_counted(progress, stop),
        )
    _show(report, out)


def _conversion(lifter: Path | None, to: str | None) -> "Conversion | None":
    if lifter is None:
        return None
    if to is not None:
        raise ValueError("--lifter makes poses of the lifter's own joints; leave out --to")
    from cluster.stages.lifted_import import lifting_conversion

    return lifting_conversion(lifter)


def _counted(progress: "Progress", stop: "Interruption") -> "Callable[[int, int], None]":
    """What shows how many clips are read, and stops between two of them when asked to."""
    begun = False

    def on_progress(done: int, total: int) -> None:
        nonlocal begun
        if not begun:
            progress.begin("read", total, done)
            begun = True
        progress.advance(done)
        stop.stop_if_requested()

    return on_progress


def _show(report: "ImportReport", out: Path) -> None:
    console = Console()
    table = Table.grid(padding=(0, 2))
    for what, how_much in report.lines():
        table.add_row(Text(what), Text(how_much, overflow="fold"))
    console.print(table)
    if report.imported.class_names and out.stat().st_size <= _CHECKED_BYTES:
        from encoding.datasets import check

        show_findings(check(out))
    further = f"data check {out}" if report.imported.class_names else f"recognize {out} --model MODEL"
    console.print(Text(f"written {out}; next: posenas {further}"), soft_wrap=True)


def show_findings(report: "Report") -> None:
    """A line for each finding of a check."""
    console = Console()
    for finding in report.findings:
        console.print(Text(str(finding), style=_COLORS[finding.severity]), soft_wrap=True)


def export_command(
    path: Annotated[Path | None, typer.Argument(help="A .npz of clips; or name a set with --data.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="A .pkl (pyskl, mmaction2), or a folder for CSV.")
    ] = None,
    data: options.Data = None,
    root: options.Root = None,
    settings: options.Settings = None,
) -> None:
    """A data set for other programs: pyskl's .pkl, or a folder with a CSV for each clip.

    Example: [bold]posenas data export clips.npz --out clips.pkl[/bold], or [bold]--out clips_csv[/bold]

    From Python: encoding.datasets.exporting.export_pyskl(split, path), export_csv(split, folder).
    """
    from cluster.settings import check_settings
    from encoding.datasets import DataConfig, load
    from encoding.datasets.exporting import export_csv, export_pyskl

    if out is None or (path is None) == (data is None):
        raise ValueError("name one thing to export (a .npz file, or a data set with --data), and --out")
    given = changes({"data.name": data or "npz", "data.root": root if path is None else path}, settings)
    content = {name.removeprefix("data."): value for name, value in given.items()}
    config = check_settings(DataConfig, {"validation_fraction": 0, **content}, "the data set")
    split = load(config)
    write = export_pyskl if out.suffix == ".pkl" else export_csv
    write(split, out)
    Console().print(Text(f"written {out}: {len(split.clips)} clips of {split.num_classes} classes"))


def skeletons(
    name: Annotated[str | None, typer.Argument(help="One layout, or a YAML file; by default all.")] = None,
) -> None:
    """The joint layouts: every joint with its number, its parent and its twin on the other side.

    Example: [bold]posenas data skeletons kinect_20[/bold]

    From Python: lifting.skeleton.SKELETONS; lifting.skeleton_text.as_table(skeleton), as_tree(skeleton).
    """
    from lifting.skeleton import SKELETONS
    from lifting.skeleton_file import find_skeleton
    from lifting.skeleton_text import as_table, as_tree

    console = Console()
    for skeleton in SKELETONS.values() if name is None else [find_skeleton(name).skeleton]:
        console.print(Text(f"{skeleton.name}, {skeleton.num_joints} joints", style="bold"))
        console.print(Text(as_tree(skeleton) if name else as_table(skeleton)), soft_wrap=True)
        if name:
            console.print(Text(as_table(skeleton)), soft_wrap=True)
