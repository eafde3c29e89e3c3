"""`posenas search`, `train`, `evaluate`, `baseline` and `demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.commands import options
from cluster.commands.options import (
    changes,
    data_changes,
    is_resumed,
    numbers,
    opened_progress,
    place_changes,
    show,
)

if TYPE_CHECKING:
    from cluster.config import ExperimentConfig

__all__ = ["register"]

PANEL = "Find, train, score"


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel=PANEL)(demo)
    app.command(rich_help_panel=PANEL, cls=options.ResumableCommand)(search)
    for command in (train, evaluate, baseline):
        app.command(rich_help_panel=PANEL)(command)
    app.command("register", rich_help_panel=PANEL)(register_model)


def search(
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Run folder; by default runs/ and the data set.", show_default=False),
    ] = None,
    resume: options.Resume = False,
    resume_auto: options.ResumeAuto = False,
    data: options.Data = None,
    root: options.Root = None,
    subset: options.Subset = None,
    file_list: options.FileList = None,
    protocol: options.Protocol = None,
    fold: options.Fold = None,
    preset: options.Preset = None,
    config: options.Config = None,
    poses: Annotated[
        str | None,
        typer.Option(
            "--poses",
            help="Source of the poses: sensor, or lifted from 2D.",
            rich_help_panel="Data",
            show_default=False,
        ),
    ] = None,
    lifter: Annotated[
        Path | None,
        typer.Option(
            "--lifter",
            help="A trained lifter's folder, or its run.",
            rich_help_panel="Data",
            show_default=False,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Epochs of the search.", rich_help_panel="Experiment", show_default=False),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            help="enas, random, evolution, local, or module:Class.",
            rich_help_panel="Experiment",
            show_default=False,
        ),
    ] = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    workers: options.Workers = None,
    address: options.Address = None,
    gpus: options.Gpus = None,
    placement: options.Placement = None,
    placement_timeout: options.PlacementTimeout = None,
    device: options.Device = None,
    precision: options.Precision = None,
    tracking: options.Tracking = None,
    mlflow: options.Mlflow = True,
) -> None:
    """Search for cells and choose a genotype.

    Example:
    [bold]posenas search --data msr --root PATH --subset AS1 --epochs 20 --workers 2 --out runs/as1[/bold]

    On poses lifted from 2D: [bold]posenas search --data msr --poses lifted --lifter runs/lift-msr[/bold]

    Killed? [bold]posenas search --resume --out runs/as1[/bold] continues to exactly the same result. With
    [bold]--resume=auto[/bold] one line begins a search and continues it.

    From Python: cluster.worker.run_search(config, folder, resume=False).
    """
    given = changes(
        {
            **data_changes(data, root, subset, file_list, protocol, fold),
            **place_changes(workers, address, gpus, placement, placement_timeout),
            "poses.source": poses or ("lifted" if lifter else None),
            "poses.lifter": None if lifter is None else str(lifter),
            "compute.device": device,
            "compute.precision": precision,
            "search.epochs": epochs,
            "search.strategy": strategy,
            "search.seed": seed,
            "training.seed": seed,
            "tracking.uri": tracking,
        },
        settings,
        mlflow=mlflow,
    )
    resume = is_resumed(out, resume, resume_auto, "experiment.json")
    if not resume and config is None and preset is None:
        _refuse_nothing(given)
    from cluster.worker import run_search

    if resume and resume_auto:  # the run has kept its settings; the file may have changed since
        config = preset = None
    experiment = _experiment(config, preset, given, out if resume else None)
    folder = out or Path("runs") / experiment.data_label
    with opened_progress() as progress:
        outcome = run_search(experiment, folder, resume=resume, progress=progress)
    show(*outcome.lines())


def _refuse_nothing(given: dict[str, object]) -> None:
    if not {*given} - {"tracking", "tracking.uri"}:
        raise ValueError(
            "posenas search needs data: --data msr --root PATH, or --config FILE; --data synthetic tries it "
            "on built-in data, and --resume --out RUN continues a run"
        )


def train(
    run: Annotated[Path, typer.Argument(help="Run folder of a finished search.")],
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Run whose genotype is trained, in the new folder RUN.", show_default=False
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of training.", show_default=False)] = None,
    parameters: Annotated[
        int | None, typer.Option(help="Parameter budget of the network.", show_default=False)
    ] = None,
    seed: options.Seed = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Seeds of several trainings, as 0,1,2; evaluate shows their spread.", show_default=False
        ),
    ] = None,
    partner: Annotated[
        str | None,
        typer.Option("--with", help="kernels: average the networks with random kernels.", show_default=False),
    ] = None,
    settings: options.Settings = None,
    threads: options.Threads = None,
    workers: options.Workers = None,
    address: options.Address = None,
    gpus: options.Gpus = None,
    placement: options.Placement = None,
    placement_timeout: options.PlacementTimeout = None,
    device: options.Device = None,
    precision: options.Precision = None,
    tracking: options.Tracking = None,
    mlflow: options.Mlflow = True,
) -> None:
    """Train the found network at its full size on all training clips. Run it again to go on after a stop.

    Example: [bold]posenas train runs/as1 --epochs 100[/bold]

    The same genotype with another seed, in a run of its own:
    [bold]posenas train runs/as1-seed-2 --from runs/as1 --seed 2[/bold]

    Three seeds on two workers: [bold]posenas train runs/as1 --seeds 0,1,2 --workers 2[/bold]

    Random kernels with a ridge as a partner, in seconds: [bold]posenas train runs/as1 --with kernels[/bold]

    From Python: cluster.worker.run_training(folder, seeds=[0, 1, 2], changes={"training.epochs": 100}).
    """
    given = changes(
        {
            **place_changes(workers, address, gpus, placement, placement_timeout),
            "compute.device": device,
            "compute.precision": precision,
            "training.epochs": epochs,
            "training.seed": seed,
            "parameters": parameters,
            "resources.threads": threads,
            "tracking.uri": tracking,
        },
        settings,
        mlflow=mlflow,
    )
    from cluster.stages.branch import branch_run
    from cluster.worker import run_training

    if source is not None:
        branch_run(source, run)
    with opened_progress() as progress:
        outcome = run_training(
            run,
            seeds=None if seeds is None else numbers("--seeds", seeds),
            changes=given,
            partner=partner,  # type: ignore[arg-type]
            progress=progress,
        )
    show(*outcome.lines())


def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder with a trained classifier.")],
    baselines: Annotated[
        bool, typer.Option(help="Compare with random kernels and other baselines; takes seconds.")
    ] = True,
) -> None:
    """Score the trained classifier on the original test sequences, each once.

    Example: [bold]posenas evaluate runs/as1[/bold]

    It says how the network stands against random kernels, the nearest neighbor and the baselines whose
    folders lie beside the run's.

    From Python: cluster.worker.run_evaluation(folder).
    """
    from cluster.worker import run_evaluation

    with opened_progress() as progress:
        outcome = run_evaluation(run, baselines=baselines, progress=progress)
    show(*outcome.lines())


def register_model(
    run: Annotated[Path, typer.Argument(help="Run folder with a trained classifier.")],
) -> None:
    """Make sure that MLflow's model registry has the classifier; deliver what MLflow lacks.

    Example: [bold]posenas register runs/as1[/bold]

    From Python: cluster.stages.registration.run_registration(folder).
    """
    from cluster.stages.registration import run_registration

    with opened_progress() as progress:
        outcome = run_registration(run, progress=progress)
    show(*outcome.lines())


def demo(
    out: Annotated[Path, typer.Option("--out", help="New run folder.")] = Path("runs/demo"),
    workers: Annotated[int, typer.Option("--workers", help="Ray evaluators; 0: no Ray.", min=0)] = 2,
    tracking: options.Tracking = None,
) -> None:
    """The whole chain on built-in data in a few minutes: clips, images, search, training, test, report.

    Example: [bold]posenas demo[/bold]

    From Python: cluster.stages.demo.run_demo(folder).
    """
    from cluster.stages.demo import run_demo

    with opened_progress() as progress:
        outcome = run_demo(out, workers=workers, tracking=tracking, progress=progress)
    show(*outcome.lines())


def baseline(
    comparison: Annotated[
        str, typer.Argument(help="kernels, residual, densenet, tall or neighbour.", metavar="BASELINE")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Run folder; by default runs/, data and baseline.", show_default=False),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Seeds of several trainings, as 0,1,2.", show_default=False)
    ] = None,
    data: options.Data = None,
    root: options.Root = None,
    subset: options.Subset = None,
    file_list: options.FileList = None,
    protocol: options.Protocol = None,
    fold: options.Fold = None,
    preset: options.Preset = None,
    config: options.Config = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of training.", show_default=False)] = None,
    parameters: Annotated[
        int | None, typer.Option(help="Parameter budget of the network.", show_default=False)
    ] = None,
    settings: options.Settings = None,
    threads: options.Threads = None,
    workers: options.Workers = None,
    address: options.Address = None,
    tracking: options.Tracking = None,
    mlflow: options.Mlflow = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the score as JSON.")] = False,
) -> None:
    """Score what a search must beat on the same data: random kernels, a network made by hand, a neighbor.

    In seconds: [bold]posenas baseline kernels --data msr --root PATH --subset AS1 --seeds 0,1,2[/bold]

    Kernels over small windows: [bold]posenas baseline kernels --set kernels.reading=windows[/bold]

    A network with a tall stem: [bold]posenas baseline tall --preset temporal --data msr --subset AS1[/bold]

    A DenseNet: [bold]posenas baseline densenet --data msr --root PATH --subset AS1 --seeds 0,1,2[/bold]

    With the settings of a run: [bold]posenas baseline residual --config runs/as1/experiment.json[/bold]

    Run it again to go on after a stop. From Python: cluster.worker.run_baseline(config, folder, "densenet").
    """
    given = changes(
        {
            **data_changes(data, root, subset, file_list, protocol, fold),
            **place_changes(workers, address, None, None, None),
            "training.epochs": epochs,
            "parameters": parameters,
            "resources.threads": threads,
            "tracking.uri": tracking,
        },
        settings,
        mlflow=mlflow,
    )
    from cluster.stages.baseline import run_baseline

    experiment = _experiment(config, preset, given, None)
    folder = out or Path("runs") / f"{experiment.data_label}-{comparison}"
    with opened_progress() as progress:
        outcome = run_baseline(
            experiment,
            folder,
            comparison,  # type: ignore[arg-type]
            seeds=None if seeds is None else numbers("--seeds", seeds),
            progress=progress,
        )
    if as_json:
        typer.echo((folder / "baseline.json").read_text(encoding="utf-8"))
        return
    show(*outcome.lines())


def _experiment(
    config: Path | None, preset: str | None, given: dict[str, object], run: Path | None
) -> "ExperimentConfig":
    """From the file, the run to be resumed, or a preset; then changed by the options."""
    from cluster.config import ExperimentConfig
    from cluster.stages.folder import RunFolder

    if config is not None:
        if preset is not None:
            raise ValueError("give --config or --preset; a file names its preset itself (`preset: small`)")
        return ExperimentConfig.from_file(config, given)
    if run is not None and preset is None:
        return RunFolder.open(run).config().changed(given)
    return ExperimentConfig.preset(preset or "small", given)  # type: ignore[arg-type]
