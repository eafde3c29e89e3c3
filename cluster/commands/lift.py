"""`posenas lift train`, `evaluate` and `run`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cluster.commands import options, source_options
from cluster.commands.options import changes, opened_progress, show

if TYPE_CHECKING:
    from cluster.lifter.config import LiftConfig
    from lifting.people import PersonChoice
    from lifting.run import LiftedVideo

__all__ = ["lift", "register"]

lift = typer.Typer(no_args_is_help=True, help="Lift 2D keypoints to 3D poses: train, evaluate, run.")

_DATA, _EXPERIMENT = "Data", "Experiment"

Data = Annotated[
    str | None,
    typer.Option(
        "--data", help="Pairs: synthetic, cmu, hdm05, msr or h36m.", rich_help_panel=_DATA, show_default=False
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset", help="paper, martinez or best.", rich_help_panel=_EXPERIMENT, show_default=False
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Settings (YAML or JSON), as `lift tune` writes them.",
        rich_help_panel=_EXPERIMENT,
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.add_typer(lift, name="lift", rich_help_panel="Find, train, score")


@lift.command(cls=options.ResumableCommand)
def train(
    out: Annotated[Path | None, typer.Option("--out", help="Run folder.", show_default=False)] = None,
    resume: options.Resume = False,
    resume_auto: options.ResumeAuto = False,
    data: Data = None,
    root: options.Root = None,
    preset: Preset = None,
    config: Config = None,
    epochs: Annotated[
        int | None,
        typer.Option(help="Epochs of each stream.", rich_help_panel=_EXPERIMENT, show_default=False),
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="float32 or bfloat16.", rich_help_panel=_EXPERIMENT, show_default=False)
    ] = None,
    seed: options.Seed = None,
    settings: options.Settings = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda, ...", rich_help_panel="Where it runs", show_default=False),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(help="torch threads.", rich_help_panel="Where it runs", show_default=False),
    ] = None,
    tracking: options.Tracking = None,
    mlflow: options.Mlflow = True,
) -> None:
    """Train both streams of the lifter and save it.

    Example: [bold]posenas lift train --data cmu --root PATH/cmu_mocap --preset best --epochs 60[/bold]

    Killed? [bold]posenas lift train --resume --out runs/lift-cmu[/bold] continues to exactly the same result.

    From Python: cluster.lifter.training.run_lift_training(config, folder, resume=False).
    """
    given = changes(
        {
            "data.name": data,
            "data.root": root,
            "training.epochs": epochs,
            "training.precision": precision,
            "training.seed": seed,
            "resources.device": device,
            "resources.threads": threads,
            "tracking.uri": tracking,
        },
        settings,
        mlflow=mlflow,
    )
    resume = options.is_resumed(out, resume, resume_auto, "lifting.json")
    if resume and resume_auto:  # the run has kept its settings; the file may have changed since
        config = preset = None
    from cluster.lifter.training import run_lift_training

    chosen = _config(config, preset, given, out if resume else None)
    folder = out or Path("runs") / f"lift-{chosen.data.name}"
    with opened_progress() as progress:
        outcome = run_lift_training(chosen, folder, resume=resume, progress=progress)
    show(*outcome.lines())


@lift.command()
def evaluate(
    run: Annotated[Path, typer.Argument(help="Run folder with a trained lifter.")],
    data: Data = None,
    root: options.Root = None,
    measure: Annotated[
        str, typer.Option(help="Error of the table by action: p1, p2, n_mpjpe or mpjve.")
    ] = "p1",
    markdown: Annotated[bool, typer.Option("--markdown", help="Tables in Markdown.")] = False,
    runtime: options.LifterRuntime = "onnx",
    settings: options.Settings = None,
) -> None:
    """Score the trained lifter on its test parts, in each mode of inference; draw poses and errors by joint.

    Example: [bold]posenas lift evaluate runs/lift-cmu[/bold]

    On other data: [bold]posenas lift evaluate runs/lift-cmu --data msr --root PATH/msr_action3d[/bold]

    What 8-bit weights cost: [bold]posenas lift evaluate runs/lift-cmu --runtime int8[/bold]

    From Python: cluster.lifter.evaluation.run_lift_evaluation(folder).
    """
    given = changes({"data.name": data, "data.root": root}, settings)
    from cluster.lifter.evaluation import run_lift_evaluation
    from lifting.metrics import MEASURES
    from lifting.tables import action_table, as_text, summary_table

    if measure not in MEASURES:
        raise ValueError(f"--measure is {measure!r}; one of {', '.join(MEASURES)} is needed")
    with opened_progress() as progress:
        outcome = run_lift_evaluation(
            run, changes=given, runtime=options.lifter_runtime(runtime), progress=progress
        )
    for part, methods in outcome.parts.items():
        frames = next(iter(methods.values())).frame_wise.frames
        show("", f"{part}: {frames} frames, {outcome.unlifted[part]} of them not lifted; millimeters")
        show(as_text(summary_table(methods), markdown=markdown))
        show("", as_text(action_table(methods, measure), markdown=markdown))
    show("", f"pictures  {run / 'pictures'}", f"errors    {run / 'evaluation.json'}")


@lift.command()
def run(
    source: Annotated[Path, typer.Argument(help="Folder of OpenPose JSON, or a video.")],
    lifter: Annotated[
        Path, typer.Option("--lifter", help="Folder of a trained lifter, or the run that holds one.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder; by default lifted/ and the source's name.", show_default=False),
    ] = None,
    person: Annotated[
        str, typer.Option(help="Person to lift: largest, longest (in view), or a number.")
    ] = "largest",
    layout: source_options.Layout = "auto",
    fps: source_options.Fps = None,
    image_size: source_options.ImageSize = None,
    detector: source_options.Detector = None,
    video: source_options.Video = None,
    use: Annotated[str, typer.Option(help="Streams: both, detected or gt.")] = "both",
    runtime: options.LifterRuntime = "onnx",
    lookahead: source_options.Lookahead = 0,
    hold: Annotated[
        int, typer.Option(help="Frames for which a lost keypoint stays where it was.", min=0)
    ] = 15,
    smooth: source_options.Smooth = False,
    mend: Annotated[
        bool, typer.Option("--mend/--no-mend", help="Mend poses that no person can have.")
    ] = True,
    bvh: Annotated[bool, typer.Option("--bvh/--no-bvh", help="Write poses.bvh.")] = True,
    animation: Annotated[
        bool, typer.Option("--animation/--no-animation", help="Write animation.mp4.")
    ] = True,
) -> None:
    """Lift a video or keypoints to 3D poses: poses.npz, poses.bvh and animation.mp4.

    Example: [bold]posenas lift run keypoints/ --lifter runs/lift-cmu --out lifted/walk[/bold]

    Example: [bold]posenas lift run walk.mp4 --lifter runs/lift-cmu --smooth --lookahead 5[/bold]

    From Python: lifting.run_lift(lifter, LiftRequest(source=...), folder).
    """
    if use not in ("both", "gt", "detected"):
        raise ValueError(f"--use is {use!r}; both, gt or detected is needed")
    from cluster.progress import by_phase
    from lifting.gaps import GapConfig
    from lifting.one_euro import OneEuroConfig
    from lifting.run import LiftRequest, run_lift
    from lifting.trained_lifter import TwoStreamLifter

    trained = TwoStreamLifter.load(lifter, runtime=options.lifter_runtime(runtime))
    request = LiftRequest(
        source=source,
        person=_person(person),
        layout=layout,
        fps=fps,
        image_size=options.image_size(image_size),
        detector=detector,
        video=video,
        use=use,  # type: ignore[arg-type]
        gaps=GapConfig(lookahead=lookahead, max_hold=hold),
        smoothing=OneEuroConfig() if smooth else None,
        mend=mend,
        bvh=bvh,
        animation=animation,
    )
    folder = out or Path("lifted") / source.stem
    with opened_progress() as progress:
        outcome = run_lift(trained, request, folder, progress=by_phase(progress))
    show(*_lifted(outcome))


def _lifted(outcome: "LiftedVideo") -> list[str]:
    return [
        *(f"note       {note}" for note in outcome.notes),
        f"lifted     {outcome.num_lifted} of {outcome.num_frames} frames, {outcome.num_filled} with keypoints"
        f" filled in, {outcome.num_mended} with a wild pose mended; "
        f"{outcome.frames_per_second:.0f} frames/s, "
        f"of each frame {outcome.lifting_milliseconds:.2f} ms for the lifting",
        f"poses      {outcome.poses}",
        *([f"BVH        {outcome.bvh}"] if outcome.bvh else []),
        *([f"animation  {outcome.animation}"] if outcome.animation else []),
    ]


def _person(choice: str) -> "PersonChoice":
    if choice.isdigit():
        return int(choice)
    if choice not in ("largest", "longest"):
        raise ValueError(f"--person is {choice!r}; largest, longest or a person's number is needed")
    return choice  # type: ignore[return-value]


def _config(config: Path | None, preset: str | None, given: dict[str, Any], run: Path | None) -> "LiftConfig":
    """From the file, the run to be resumed, or a preset; then changed by the options."""
    from cluster.lifter.config import LiftConfig
    from cluster.lifter.folder import LiftRun

    if config is not None:
        if preset is not None:
            raise ValueError("give --config or --preset; a file names its preset itself (`preset: best`)")
        return LiftConfig.from_file(config, given)
    if run is not None and preset is None:
        return LiftRun.open(run).config().changed(given)
    return LiftConfig.preset(preset or "paper", given)  # type: ignore[arg-type]
