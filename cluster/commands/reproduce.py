"""`posenas reproduce`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from cluster.reproduction.protocol import Measurement, Part, Protocol
    from cluster.scheduling.registry import Registry

from cluster.commands.options import parse_settings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="Find, train, score")(reproduce)


def reproduce(
    data: Annotated[
        Path,
        typer.Option("--data", help="Folder of the data sets.", envvar="POSENAS_DATA", show_default=False),
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
        typer.Option(help="enas, random, residual, densenet, neighbour; all.", show_default=False),
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

    Stop it when you like: the same command goes on, and tries again what has failed.

    Example: [bold]posenas reproduce --data DATA --table msr --out runs/tables[/bold]

    One column: [bold]posenas reproduce --data DATA --table msr --part AS1 --method enas[/bold]

    From Python: cluster.reproduction.running.hand_in and work, cluster.reproduction.results.collect.
    """
    from cluster.reproduction.protocol import METHODS, Protocol
    from cluster.scheduling.registry import Registry

    store = tracking or f"sqlite:///{out.absolute() / 'mlflow.db'}"
    protocol = Protocol(
        methods=tuple(one for one in METHODS if one in _chosen("--method", method, METHODS)),
        searches=_numbers("--searches", searches),
        random_searches=_numbers("--random-searches", random_searches),
        training_seeds=_numbers("--seeds", seeds),
        workers=workers,
        settings=parse_settings(settings or []),
        tracking=store,
    )
    wanted = _chosen("--poses", poses or ["sensor"], ("sensor", "lifted"))
    parts = _parts(data, table, part)
    if dry_run:
        _list(protocol, parts, wanted)
        return
    out.mkdir(parents=True, exist_ok=True)
    with Registry.open(f"sqlite:///{out.absolute() / 'posenas.db'}") as registry:
        failed = [] if only_tables else _work(registry, out, data, protocol, parts, wanted, address)
        _write(registry, out, protocol, parts, wanted)
    if failed:
        _print(f"{len(failed)} jobs have failed, the first: {failed[0]}\nthe same command tries them again")
        raise typer.Exit(1)


def _list(protocol: "Protocol", parts: list["Part"], poses: tuple[str, ...]) -> None:
    for measurement in _measurements(protocol, parts, poses, Path("LIFTER")):
        seeds = measurement.file.get("training_seeds", [])
        trained = f", {len(seeds)} trainings" if seeds and measurement.method != "neighbour" else ""
        searched = f", {len(measurement.file['seeds'])} searches" if "seeds" in measurement.file else ""
        _print(f"{measurement.name}  {measurement.file['kind']}{searched}{trained}")


def _work(
    registry: "Registry",
    out: Path,
    data: Path,
    protocol: "Protocol",
    parts: list["Part"],
    poses: tuple[str, ...],
    address: str | None,
) -> list[str]:
    """Sensor poses and the lifter first; then what needs the lifter. Returns why jobs failed."""
    from cluster.reproduction.protocol import lifter_file
    from cluster.reproduction.running import hand_in, work
    from cluster.scheduling.worker import WorkerConfig

    config = WorkerConfig(address=address, until_empty=True)
    files = [one.file for one in _measurements(protocol, parts, poses, None) if one.poses == "sensor"]
    if "lifted" in poses:
        files.insert(0, lifter_file(data, protocol.tracking))
    hand_in(registry, out, files, _say)
    failed = work(registry, config, _say)
    lifter = _lifter(registry) if "lifted" in poses else None
    if lifter is not None:
        lifted = [one for one in _measurements(protocol, parts, poses, lifter) if one.poses == "lifted"]
        hand_in(registry, out, [one.file for one in lifted], _say)
        failed = work(registry, config, _say)
    return [f"job {job.id} {job.name}: {job.error}" for job in failed]


def _lifter(registry: "Registry") -> Path | None:
    """Where the lifter lies, once it is trained."""
    from cluster.reproduction.running import experiments_by_name

    experiment = experiments_by_name(registry).get("msr-lifter")
    jobs = registry.jobs(("finished",), experiment.id) if experiment is not None else ()
    return Path(jobs[0].folder) if jobs else None


def _write(
    registry: "Registry", out: Path, protocol: "Protocol", parts: list["Part"], poses: tuple[str, ...]
) -> None:
    """results.md, results.json and the picture, from whatever is finished."""
    from cluster.files import write_atomically, write_json
    from cluster.reproduction.protocol import TABLES
    from cluster.reproduction.results import as_markdown, collect, size_figure
    from cluster.reproduction.running import experiments_by_name
    from nas.draw import save_figure

    known = experiments_by_name(registry)
    texts: list[str] = []
    contents: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        columns = [part for part in parts if part.table == table]
        scores = collect(registry, _measurements(protocol, columns, poses, Path("LIFTER")), known)
        if scores:
            texts.append(as_markdown(table, [part.name for part in columns], scores))
            contents[table] = [score.to_dict() for score in scores]
            save_figure(size_figure(scores), out / f"{table}_sizes.png")
    if not texts:
        _print("no run is finished yet: there is no table to write")
        return
    write_atomically(out / "results.md", "\n\n".join(texts) + "\n")
    write_json(out / "results.json", contents)
    _print("\n\n".join(texts))
    _print(f"\ntables    {out / 'results.md'}\nruns      posenas ui --tracking {protocol.tracking}")


def _measurements(
    protocol: "Protocol", parts: list["Part"], poses: tuple[str, ...], lifter: Path | None
) -> list["Measurement"]:
    """Part by part, so that a column is whole before the next begins; lifted poses are MSR's alone."""
    return [
        measurement
        for kind in poses
        for part in parts
        if kind == "sensor" or (part.table == "msr" and lifter is not None)
        for measurement in protocol.measurements(part, kind, lifter if kind == "lifted" else None)  # type: ignore[arg-type]
    ]


def _parts(data: Path, tables: list[str] | None, names: list[str] | None) -> list["Part"]:
    from cluster.reproduction.protocol import TABLES, parts_of

    chosen = _chosen("--table", tables, tuple(TABLES))
    if not data.is_dir():
        raise FileNotFoundError(
            f"--data is {str(data)!r}, where no folder is; that of the data sets is needed"
        )
    parts = [part for table in TABLES if table in chosen for part in parts_of(table, data.absolute())]
    wanted = _chosen("--part", names, tuple(part.name for part in parts))
    return [part for part in parts if part.name in wanted]


def _chosen(option: str, given: list[str] | None, allowed: tuple[str, ...]) -> tuple[str, ...]:
    for one in given or ():
        if one not in allowed:
            raise ValueError(f"{option} is {one!r}; it must be one of {', '.join(allowed)}")
    return tuple(given or allowed)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise ValueError(
            f"{option} is {text!r}; numbers of 0 or more with commas between are needed, as 0,1,2"
        )
    return tuple(map(int, parts))


def _say(line: str) -> None:
    _print(f"{datetime.now():%H:%M:%S} {line}")


def _print(text: str) -> None:
    Console(highlight=False).print(Text(text), soft_wrap=True)
