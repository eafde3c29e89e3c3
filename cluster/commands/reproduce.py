"""`posenas reproduce`."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from cluster.commands.options import numbers, parse_settings

if TYPE_CHECKING:
    from cluster.registry.records import Job
    from cluster.reproduction.protocol import Part, TableCell

__all__ = ["register"]

Word = TypeVar("Word", bound=str)


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Find, train, score")(reproduce)


def reproduce(
    data: Annotated[
        Path,
        typer.Option(
            "--root", "--data", help="Folder of the data sets.", envvar="POSENAS_DATA", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Registry, runs and tables.")] = Path("runs/tables"),
    table: Annotated[list[str] | None, typer.Option(help="msr, sbu; both.", show_default=False)] = None,
    poses: Annotated[
        list[str] | None, typer.Option(help="sensor, lifted (MSR alone); sensor.", show_default=False)
    ] = None,
    part: Annotated[
        list[str] | None, typer.Option(help="AS1, 'fold 1', ...; all.", show_default=False)
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help="enas, random, kernels, residual, densenet, neighbour; all.", show_default=False),
    ] = None,
    searches: Annotated[str, typer.Option(help="Seeds of ENAS searches.")] = "0",
    random_searches: Annotated[str, typer.Option(help="Seeds of random searches.")] = "0,1,2",
    seeds: Annotated[
        str, typer.Option(help="Final trainings of a single search, and of baselines.")
    ] = "0,1,2",
    workers: Annotated[int, typer.Option(help="Ray workers of each job; 0: no Ray.")] = 2,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster to work on: auto or HOST:PORT.", show_default=False)
    ] = None,
    tracking: Annotated[
        str | None, typer.Option(help="MLflow store; by default one in --out.", show_default=False)
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of all methods, as training.epochs=80.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be run.")] = False,
    only_tables: Annotated[
        bool, typer.Option("--only-tables", help="Run nothing; write the tables of what is there.")
    ] = False,
) -> None:
    """The paper's tables on your data: searches, random sampling and baselines, each scored the same way.

    Every job goes through a queue of its own and is recorded in MLflow.

    Stop it when you like: the same command continues, and tries again what has failed.

    Example: [bold]posenas reproduce --root DATA --table msr --out runs/tables[/bold]

    One column: [bold]posenas reproduce --root DATA --table msr --part AS1 --method enas[/bold]

    From Python: cluster.reproduction.running.run_tables, cluster.reproduction.results.write_tables.
    """
    from cluster.registry.registry import Registry
    from cluster.reproduction.protocol import METHODS, POSES, Protocol
    from cluster.reproduction.results import write_tables
    from cluster.reproduction.running import run_tables
    from cluster.scheduling.worker import WorkerConfig

    store = tracking or f"sqlite:///{out.absolute() / 'mlflow.db'}"
    protocol = Protocol(
        methods=_chosen("--method", method, METHODS),
        searches=numbers("--searches", searches),
        random_searches=numbers("--random-searches", random_searches),
        training_seeds=numbers("--seeds", seeds),
        workers=workers,
        settings=parse_settings(settings or []),
        tracking=store,
    )
    wanted = _chosen("--poses", poses or ["sensor"], POSES)
    parts = _parts(data, table, part)
    if dry_run:
        for kind in wanted:
            _list(protocol.measurements(parts, kind, Path("LIFTER")))
        return
    out.mkdir(parents=True, exist_ok=True)
    with Registry.open(f"sqlite:///{out.absolute() / 'posenas.db'}") as registry:
        worker = WorkerConfig(address=address, until_empty=True)
        job = (registry, out, data.absolute(), parts, wanted, protocol, worker, _say)
        failed = () if only_tables else run_tables(*job)
        text = write_tables(registry, out)
    _report(text, failed, out, store)


def _report(text: str, failed: "Sequence[Job]", out: Path, store: str) -> None:
    if text:
        pictures = ", ".join(str(path) for path in sorted(out.glob("*.png")))
        _print(
            f"{text}\n\ntables    {out / 'results.md'}\npictures  {pictures}\n"
            f"runs      posenas ui --tracking {store}"
        )
    else:
        _print("no run is finished yet: there is no table to write")
    if failed:
        first = f"job {failed[0].id} {failed[0].name}: {failed[0].error}"
        _print(f"{len(failed)} jobs have failed, the first: {first}\nthe same command tries them again")
        raise typer.Exit(1)


def _list(measurements: Sequence["TableCell"]) -> None:
    for one in measurements:
        seeds = one.file.get("training_seeds", [])
        trained = f", {len(seeds)} trainings" if seeds and one.method != "neighbour" else ""
        searched = f", {len(one.file['seeds'])} searches" if "seeds" in one.file else ""
        _print(f"{one.file['name']}  {one.file['kind']}{searched}{trained}")


def _parts(data: Path, tables: list[str] | None, names: list[str] | None) -> list["Part"]:
    from cluster.reproduction.protocol import TABLES, parts_of

    chosen = _chosen("--table", tables, tuple(TABLES))
    if not data.is_dir():
        raise FileNotFoundError(
            f"--root is {str(data)!r}, where no folder is; that of the data sets is needed"
        )
    parts = [part for table in TABLES if table in chosen for part in parts_of(table, data.absolute())]
    wanted = _chosen("--part", names, tuple(part.name for part in parts))
    return [part for part in parts if part.name in wanted]


def _chosen(option: str, given: Sequence[str] | None, allowed: tuple[Word, ...]) -> tuple[Word, ...]:
    """Those of the allowed words that are given, in their own order; all where none is."""
    for one in given or ():
        if one not in allowed:
            raise ValueError(f"{option} is {one!r}; it must be one of {', '.join(allowed)}")
    return tuple(one for one in allowed if not given or one in given)


def _say(line: str) -> None:
    _print(f"{datetime.now():%H:%M:%S} {line}")


def _print(text: str) -> None:
    Console(highlight=False).print(Text(text), soft_wrap=True)
