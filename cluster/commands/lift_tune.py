"""`posenas lift tune`."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cluster.commands import options
from cluster.commands.lift import Config, Data, Preset, lift
from cluster.commands.options import changes, opened_progress, show

__all__ = ["register"]

_TRIALS, _WHERE, _EXPERIMENT = "Trials", "Where it runs", "Experiment"
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def register(_: typer.Typer) -> None:
    """Add the command to the group `lift`, which `cluster.commands.lift` registers."""
    lift.command(cls=options.ResumableCommand)(tune)


def _print_space(asked: bool) -> None:
    """Show the default search space and end, where that was asked."""
    if not asked:
        return
    import yaml

    from cluster.tuning.lifter import DEFAULT_SPACE

    for name, distribution in DEFAULT_SPACE.items():
        typer.echo(
            f"{name}: {yaml.safe_dump(dict(distribution), default_flow_style=True, width=1000).strip()}"
        )
    raise typer.Exit


def tune(
    out: Annotated[Path, typer.Option("--out", help="Folder of the tuning.")] = Path("runs/tuning"),
    resume: options.Resume = False,
    resume_auto: options.ResumeAuto = False,
    space: Annotated[
        Path | None,
        typer.Option(
            "--space",
            help="Search space (YAML or JSON); --print-space shows the default one.",
            rich_help_panel=_TRIALS,
            show_default=False,
        ),
    ] = None,
    print_space: Annotated[  # noqa: ARG001 - its callback has shown the space
        bool,
        typer.Option(
            "--print-space",
            help="Show the default search space and end.",
            callback=_print_space,
            is_eager=True,
        ),
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(help="Settings to try; 32 by default.", rich_help_panel=_TRIALS, show_default=False),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            help="Epochs of a trial that is not stopped early; 20 by default.",
            rich_help_panel=_TRIALS,
            show_default=False,
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="asha (default), pbt (population-based training), or none.",
            rich_help_panel=_TRIALS,
            show_default=False,
        ),
    ] = None,
    sampler: Annotated[
        str | None,
        typer.Option(help="random (default), or optuna (TPE).", rich_help_panel=_TRIALS, show_default=False),
    ] = None,
    stream: Annotated[
        str | None,
        typer.Option(
            help="Which stream: detected (default), or gt.", rich_help_panel=_TRIALS, show_default=False
        ),
    ] = None,
    seed: options.Seed = None,
    data: Data = None,
    root: options.Root = None,
    preset: Preset = None,
    config: Config = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Any other setting, as training.steps_per_epoch=250 or tuning.grace_epochs=2.",
            rich_help_panel=_EXPERIMENT,
            show_default=False,
        ),
    ] = None,
    max_concurrent: Annotated[
        int | None,
        typer.Option(
            "--max-concurrent",
            help="Trials at the same time; by default as many as the resources allow.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    cpus_per_trial: Annotated[
        float | None,
        typer.Option(
            "--cpus-per-trial",
            help="CPUs of each trial; 1 by default.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            "--gpus-per-trial",
            help="GPUs of each trial; 0.5 puts two on one GPU; 0 by default.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option(
            "--time-limit",
            help="Longest time, as 90s, 30m or 2h.",
            rich_help_panel=_WHERE,
            show_default=False,
        ),
    ] = None,
    address: options.Address = None,
    tracking: options.Tracking = None,
    mlflow: options.Mlflow = True,
) -> None:
    """Find good hyperparameters: many short trials on Ray, judged by the validation part.

    Example:
    [bold]posenas lift tune --data cmu --root PATH --set training.steps_per_epoch=250 --out runs/tuning[/bold]

    Killed? [bold]posenas lift tune --resume --out runs/tuning[/bold] runs what is left. Then:
    [bold]posenas lift train --config runs/tuning/best.yaml[/bold]

    From Python: cluster.tuning.run.run_tuning(config, folder, resume=False).
    """
    given = changes(
        {
            "tuning.trials": trials,
            "tuning.epochs": epochs,
            "tuning.scheduler": scheduler,
            "tuning.sampler": sampler,
            "tuning.seed": seed,
            "stream": stream,
            "lift.data.name": data,
            "lift.data.root": root,
            "lift.tracking.uri": tracking,
            "resources.address": address,
            "resources.max_concurrent": max_concurrent,
            "resources.cpus_per_trial": cpus_per_trial,
            "resources.gpus_per_trial": gpus_per_trial,
            "resources.time_limit_seconds": seconds(time_limit) if time_limit else None,
        }
    )
    given |= {_full_name(name): value for name, value in changes({}, settings, mlflow=mlflow).items()}
    from cluster.tuning.results import trials_table
    from cluster.tuning.run import run_tuning

    resume = options.is_resumed(out, resume, resume_auto, "tuning.json")
    files = (None, None, None) if resume and resume_auto else (config, preset, space)
    tuning = _settings(out if resume else None, *files, given)
    with opened_progress() as progress:
        outcome = run_tuning(tuning, out, resume=resume, progress=progress)
    Console().print(trials_table(outcome.records))
    show(*outcome.lines())


def _settings(
    resumed: Path | None, config: Path | None, preset: str | None, space: Path | None, given: dict[str, Any]
) -> Any:
    from cluster.lifter.config import LiftConfig
    from cluster.tuning.run import LiftTuningConfig

    if resumed is not None:
        if config is not None or preset is not None or space is not None:
            raise ValueError(
                "--resume continues with the settings it was started with; leave --config, --preset "
                "and --space away"
            )
        return LiftTuningConfig.stored(resumed, given)
    if config is not None and preset is not None:
        raise ValueError("give --config or --preset, not both: the file names its preset")
    lift = LiftConfig.from_file(config) if config else LiftConfig.preset(preset or "paper")  # type: ignore[arg-type]
    return LiftTuningConfig.of(lift, given, space)


def _full_name(name: str) -> str:
    """A setting of the training may be named as in its own file: training.epochs is lift.training.epochs."""
    return name if name.partition(".")[0] in ("tuning", "resources", "lift", "stream") else f"lift.{name}"


def seconds(text: str) -> float:
    """A length of time: 90, 90s, 30m or 2h.

    Raises:
        ValueError: it is something else.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if match is None or float(match[1]) == 0:
        raise ValueError(f"--time-limit is {text!r}; a number with s, m or h is needed, as 90s, 30m or 2h")
    return float(match[1]) * _UNITS[match[2]]
