"""`posenas recognize`, `pack` and `study`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.commands import options
from cluster.commands.options import opened_progress

if TYPE_CHECKING:
    from cluster.recognition.live import LiveOptions
    from cluster.recognition.recognizer import Recognizer
    from cluster.recognition.running import RecognitionOutcome
    from cluster.recognition.windows import WindowConfig

__all__ = ["register"]

_PANEL = "From video to action"
_WINDOWS, _SOURCE = "Windows", "Source"

Lifter = Annotated[
    Path | None,
    typer.Option("--lifter", help="Folder of a trained lifter, or its run.", show_default=False),
]
Window = Annotated[
    int | None,
    typer.Option("--window", help="Frames looked at together.", rich_help_panel=_WINDOWS, show_default=False),
]
Stride = Annotated[
    int | None,
    typer.Option(
        "--stride", help="Frames from one look to the next.", rich_help_panel=_WINDOWS, show_default=False
    ),
]
Enter = Annotated[
    float | None,
    typer.Option(
        "--enter",
        help="Probability at which an action is decided for.",
        rich_help_panel=_WINDOWS,
        show_default=False,
    ),
]
Leave = Annotated[
    float | None,
    typer.Option(
        "--leave",
        help="Probability below which it is given up.",
        rich_help_panel=_WINDOWS,
        show_default=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(rich_help_panel=_PANEL)(recognize)
    app.command(rich_help_panel=_PANEL)(pack)
    app.command(rich_help_panel=_PANEL)(study)


def recognize(
    source: Annotated[
        str,
        typer.Argument(help="A video, a camera's number, a folder of OpenPose JSON, or a .npz of poses."),
    ],
    model: Annotated[
        str,
        typer.Option("--model", help="Model folder, run, or the name of a model registered in MLflow."),
    ],
    lifter: Lifter = None,
    clip: Annotated[
        bool,
        typer.Option("--clip", help="The whole source is one action.", rich_help_panel=_WINDOWS),
    ] = False,
    window: Window = None,
    stride: Stride = None,
    enter: Enter = None,
    leave: Leave = None,
    max_latency: Annotated[
        float | None,
        typer.Option(
            "--max-latency",
            help="Milliseconds that a frame may wait for the look that shows it.",
            rich_help_panel=_WINDOWS,
            show_default=False,
        ),
    ] = None,
    film: Annotated[
        Path | None, typer.Option("--film", help="Annotated .mp4 to write.", show_default=False)
    ] = None,
    lines: Annotated[
        Path | None,
        typer.Option("--lines", help="JSON lines to write: every look, every action.", show_default=False),
    ] = None,
    detector: Annotated[
        Path | None,
        typer.Option(
            "--detector",
            help="ONNX pose model; without it MediaPipe.",
            rich_help_panel=_SOURCE,
            show_default=False,
        ),
    ] = None,
    detect_every: Annotated[
        int,
        typer.Option(
            "--detect-every",
            help="Look for people in every so many frames alone; those between are filled in.",
            rich_help_panel=_SOURCE,
            min=1,
        ),
    ] = 1,
    layout: Annotated[
        str,
        typer.Option(
            help="Of the JSON: auto, coco_17, coco_18, body_25 or body_25b.", rich_help_panel=_SOURCE
        ),
    ] = "auto",
    fps: Annotated[
        float | None,
        typer.Option(
            help="Frames per second, where nobody says.",
            rich_help_panel=_SOURCE,
            show_default=False,
            min=0.01,
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            "--image-size",
            help="Width x height in pixels, as 1280x720, where keypoints are shares of the picture.",
            rich_help_panel=_SOURCE,
            show_default=False,
        ),
    ] = None,
    video: Annotated[
        Path | None,
        typer.Option(
            "--video",
            help="Picture behind the keypoints of a JSON folder.",
            rich_help_panel=_SOURCE,
            show_default=False,
        ),
    ] = None,
    focal: Annotated[
        float | None,
        typer.Option(
            help="Of the camera, pixels; places two people.", rich_help_panel=_SOURCE, show_default=False
        ),
    ] = None,
    lookahead: Annotated[int, typer.Option(help="Frames to wait for a lost keypoint; 0: causal.", min=0)] = 0,
    smooth: Annotated[bool, typer.Option("--smooth", help="Smooth the poses (One Euro filter).")] = False,
    runtime: options.LifterRuntime = "onnx",
    tracking: options.Tracking = None,
) -> None:
    """Name the actions of everyone in a video, before a camera, in keypoints or in poses.

    Example: [bold]posenas recognize walk.mp4 --model models/as1 --film walk_named.mp4[/bold]

    Example: [bold]posenas recognize 0 --model posenas-msr-as1@champion --max-latency 300[/bold]

    From Python: cluster.recognition.recognizer.Recognizer.load(folder).predict(keypoints).
    """
    from cluster.recognition.live import LiveOptions
    from cluster.recognition.model_lookup import open_model
    from cluster.recognition.recognizer import Recognizer
    from lifting.gaps import GapConfig
    from lifting.one_euro import OneEuroConfig

    lifted_by = options.lifter_runtime(runtime)
    recognizer = Recognizer(open_model(model, lifter=lifter, tracking=tracking, runtime=lifted_by))
    wanted = LiveOptions(
        windows=_windows(recognizer.model.windows, window, stride, enter, leave),
        whole=clip,
        gaps=GapConfig(lookahead=max(lookahead, detect_every - 1)),  # to where they are seen next
        smoothing=OneEuroConfig() if smooth else None,
        focal=focal,
    )
    if Path(source).suffix == ".npz":
        given = {
            "--film": film,
            "--detector": detector,
            "--detect-every": None if detect_every == 1 else detect_every,
            "--video": video,
            "--max-latency": max_latency,
        }
        wrong = [name for name, value in given.items() if value is not None]
        if wrong:
            raise ValueError(
                f"{wrong[0]} is for 2D keypoints and videos; {source} holds 3D poses: leave it out"
            )
        _recognize_poses(recognizer, Path(source), wanted, lines)
        return
    from cluster.recognition.running import RecognitionOutput, recognize_source
    from lifting.sources import open_source
    from lifting.stage_times import StageTimes

    times = StageTimes()
    people = open_source(
        source,
        detector=detector,
        layout=layout,
        fps=fps,
        video=video,
        times=times,
        detect_every=detect_every,
        image_size=options.image_size(image_size),
    )
    _show(*(f"note: {note}" for note in people.notes))
    with opened_progress() as progress:
        outcome = recognize_source(
            recognizer,
            people,
            options=wanted,
            output=RecognitionOutput(lines=lines, film=film),
            times=times,
            max_latency=max_latency,
            progress=progress,
        )
    if outcome.interrupted:
        _show(f"stopped after {outcome.num_frames} frames")
    _show_outcome(recognizer, outcome, clip)
    if outcome.num_frames and not outcome.num_with_people:
        _show(f"nobody is seen in any of the {outcome.num_frames} frames")
    elif not outcome.looks:
        least = recognizer.model.windows.least
        _show(f"nobody is seen for long enough: a look needs {least} frames of somebody")
    _show_costs(outcome)
    _show(*[f"film       {film}"] * bool(film), *[f"lines      {lines}"] * bool(lines))


def pack(
    source: Annotated[
        Path, typer.Argument(help="Run with a trained classifier, or the classifier's folder.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Model folder.")],
    lifter: Lifter = None,
    window: Window = None,
    stride: Stride = None,
    enter: Enter = None,
    leave: Leave = None,
) -> None:
    """Put a classifier and a lifter into one model folder: all that lies between keypoints and an action.

    Example: [bold]posenas pack runs/as1 --lifter runs/lift-msr --out models/as1[/bold]

    From Python: cluster.recognition.model_lookup.pack_model(run, out, lifter=folder).
    """
    from cluster.recognition.model_lookup import pack_model
    from cluster.recognition.windows import WindowConfig

    model = pack_model(
        source, out, lifter=lifter, windows=_windows(WindowConfig(), window, stride, enter, leave)
    )
    names = model.classifier.class_names
    taken = "3D poses" if model.lifter is None else f"2D keypoints ({model.lifter.keypoint_skeleton.name})"
    _show(
        f"model      {out}",
        f"takes      {taken}, names {len(names)} actions of "
        + ("one person" if model.classifier.num_people == 1 else "two people"),
        f"next       posenas recognize VIDEO --model {out}",
    )


def study(
    runs: Annotated[list[Path], typer.Argument(help="Runs with trained classifiers, of the same data.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the table and the plot.")],
    lifter: Lifter = None,
) -> None:
    """What each stage costs: accuracy on true poses, lifted ones, noisy keypoints and missing joints.

    Example: [bold]posenas study runs/as1 runs/as1-lifted --out study/as1[/bold]

    From Python: cluster.stages.study.run_study((run, other), folder).
    """
    from cluster.stages.study import run_study

    with opened_progress() as progress:
        outcome = run_study(tuple(runs), out, lifter=lifter, progress=progress)
    table = Table("", *outcome.accuracies, box=None, header_style="bold")
    for condition in next(iter(outcome.accuracies.values())):
        table.add_row(condition, *(f"{values[condition]:.4f}" for values in outcome.accuracies.values()))
    Console(highlight=False).print(table)
    _show(
        f"of {outcome.total} test sequences", f"plot       {outcome.picture}", f"table      {outcome.table}"
    )


def _windows(
    base: "WindowConfig", window: int | None, stride: int | None, enter: float | None, leave: float | None
) -> "WindowConfig":
    from cluster.settings import check_settings

    given = {"window": window, "stride": stride, "enter": enter, "leave": leave}
    changes = {name: value for name, value in given.items() if value is not None}
    if "window" in changes:  # a short window cannot wait for more frames than it has
        changes["least"] = min(base.least, changes["window"])
    return check_settings(type(base), {**base.model_dump(), **changes}, "the options")


def _recognize_poses(recognizer: "Recognizer", path: Path, wanted: "LiveOptions", lines: Path | None) -> None:
    from cluster.recognition.pose_files import read_pose_file
    from cluster.recognition.running import RecognitionOutput, recognize_poses

    clips = read_pose_file(path, (recognizer.model.classifier.skeleton,))
    if len(clips) == 1:
        outcome = recognize_poses(
            recognizer, clips[0].poses, options=wanted, output=RecognitionOutput(lines=lines)
        )
        _show_outcome(recognizer, outcome, wanted.whole)
        _show_costs(outcome)
        return
    if lines is not None:
        raise ValueError(f"--lines is for one clip; {path} holds {len(clips)}, which are named one by one")
    table = Table("clip", "action", "probability", "file says", box=None, header_style="bold")
    right = known = 0
    for clip in clips:
        found = recognizer.predict(clip.poses)
        known += clip.action is not None
        right += clip.action == found.label
        table.add_row(clip.name, found.label, f"{found.probability:.2f}", clip.action or "")
    Console(highlight=False).print(table)
    if known:
        _show(f"{right} of {known} as the file says")


def _show_outcome(recognizer: "Recognizer", outcome: "RecognitionOutcome", whole: bool) -> None:
    if whole:
        for look in outcome.looks:
            order = look.probabilities.argsort()[::-1][:3]
            parts = [f"{recognizer.class_names[k]} {look.probabilities[k]:.2f}" for k in order]
            _show(f"{_who(look.who)}   {', '.join(parts)}")
        return
    table = Table("from", "to", "who", "action", "probability", box=None, header_style="bold")
    for span in outcome.spans:
        who = _who((span.track,) if span.partner is None else (span.track, span.partner))
        table.add_row(_clock(span.begin), _clock(span.end), who, span.label, f"{span.probability:.2f}")
    if outcome.spans:
        Console(highlight=False).print(table)
    elif outcome.looks:
        _show("no action is likely enough to be decided for; --enter lowers the threshold")


def _show_costs(outcome: "RecognitionOutcome") -> None:
    """What each stage took, and what it could do by itself."""
    times = outcome.times
    stages = [
        f"{stage} {times.milliseconds(stage):.2f} ms ({1000 / max(times.milliseconds(stage), 1e-6):.0f}/s)"
        for stage in times.seconds
    ]
    _show(f"{outcome.num_frames} frames, {outcome.frames_per_second:.0f} frames/s; {', '.join(stages)}")
    if outcome.delays:
        ordered = sorted(outcome.delays)
        worst = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        _show(
            f"from a frame to the look that it causes: median {ordered[len(ordered) // 2]:.0f} ms, "
            f"95 % within {worst:.0f} ms"
        )


def _who(identities: tuple[int, ...]) -> str:
    if len(identities) == 1:
        return f"person {identities[0]}"
    return f"persons {identities[0]} and {identities[1]}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _show(*lines: str) -> None:
    console = Console(highlight=False)
    for line in lines:
        console.print(Text(line), soft_wrap=True)
