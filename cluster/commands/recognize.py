"""`posenas recognize`, `pack` and `study`."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cluster.commands import options, source_options
from cluster.commands.options import opened_progress, show

if TYPE_CHECKING:
    from cluster.recognition.recognizer import Recognizer
    from cluster.recognition.windows import WindowConfig
    from encoding.posture import Up as AxisUp

__all__ = ["register"]

_PANEL = "From video to action"
_WINDOWS, _SOURCE = "Windows", "Source"

Lifter = Annotated[
    Path | None,
    typer.Option("--lifter", help="Folder of a trained lifter, or its run.", show_default=False),
]
Window = Annotated[
    int | None,
    typer.Option(
        "--window", help="Frames classified together.", rich_help_panel=_WINDOWS, show_default=False
    ),
]
WindowSeconds = Annotated[
    float | None,
    typer.Option(
        "--window-seconds",
        help="As --window, in seconds, whatever the rate.",
        rich_help_panel=_WINDOWS,
        show_default=False,
        min=0.01,
    ),
]
Stride = Annotated[
    int | None,
    typer.Option(
        "--stride",
        help="Frames from one prediction to the next.",
        rich_help_panel=_WINDOWS,
        show_default=False,
    ),
]
Enter = Annotated[
    float | None,
    typer.Option(
        "--enter",
        help="Probability from which an action is reported.",
        rich_help_panel=_WINDOWS,
        show_default=False,
    ),
]
Leave = Annotated[
    float | None,
    typer.Option(
        "--leave",
        help="Probability below which an action ends.",
        rich_help_panel=_WINDOWS,
        show_default=False,
    ),
]


Clip = Annotated[
    bool, typer.Option("--clip", help="Take the whole source as one action.", rich_help_panel=_WINDOWS)
]
MaxLatency = Annotated[
    float | None,
    typer.Option(
        "--max-latency",
        help="Milliseconds that a frame may wait for the prediction that shows it.",
        rich_help_panel=_WINDOWS,
        show_default=False,
    ),
]
Film = Annotated[
    Path | None, typer.Option("--film", "--save-video", help="Annotated .mp4 to write.", show_default=False)
]
Lines = Annotated[
    Path | None,
    typer.Option(
        "--lines",
        "--jsonl",
        help="JSON lines of every window and action; of many clips, of each clip (.csv: CSV).",
        show_default=False,
    ),
]
DetectEvery = Annotated[
    int,
    typer.Option(
        "--detect-every",
        help="Detect people in one of N frames; fill in the frames between.",
        rich_help_panel=_SOURCE,
        min=1,
    ),
]
Focal = Annotated[
    float | None,
    typer.Option(
        "--focal",
        help="Focal length of the camera in pixels, to place two people.",
        rich_help_panel=_SOURCE,
        show_default=False,
    ),
]


Up = Annotated[
    str | None,
    typer.Option(
        "--up",
        help="Axis that points up in 3D poses, whatever their file says: x, y, z, -x, -y or -z.",
        rich_help_panel=_SOURCE,
        show_default=False,
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        "--unit",
        help="Unit of 3D poses, whatever their file says: m, cm, mm or in.",
        rich_help_panel=_SOURCE,
        show_default=False,
    ),
]
People = Annotated[
    int | None,
    typer.Option(
        "--people",
        help="Keep the 1 or 2 people of 3D poses with the most motion.",
        rich_help_panel=_SOURCE,
        show_default=False,
        min=1,
        max=2,
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
        typer.Argument(
            help="A video, a camera's number, a folder of OpenPose JSON, or poses: .npz, or a folder."
        ),
    ],
    model: Annotated[
        str,
        typer.Option("--model", help="Model folder, run, or the name of a model registered in MLflow."),
    ],
    lifter: Lifter = None,
    clip: Clip = False,
    window: Window = None,
    window_seconds: WindowSeconds = None,
    stride: Stride = None,
    enter: Enter = None,
    leave: Leave = None,
    max_latency: MaxLatency = None,
    film: Film = None,
    lines: Lines = None,
    detector: source_options.Detector = None,
    detect_every: DetectEvery = 1,
    layout: source_options.Layout = "auto",
    fps: source_options.Fps = None,
    image_size: source_options.ImageSize = None,
    video: source_options.Video = None,
    focal: Focal = None,
    up: Up = None,
    unit: Unit = None,
    people: People = None,
    lookahead: source_options.Lookahead = 0,
    smooth: source_options.Smooth = False,
    runtime: options.LifterRuntime = "onnx",
    tracking: options.Tracking = None,
) -> None:
    """Name the actions of everyone in a video, before a camera, in keypoints or in poses.

    Example: [bold]posenas recognize walk.mp4 --model models/as1 --film walk_named.mp4[/bold]

    Example: [bold]posenas recognize 0 --model posenas-msr-as1@champion --max-latency 300[/bold]

    From Python: cluster.recognition.recognizer.Recognizer.load(folder).events(source).
    """
    from cluster.commands import recognition_output as shown
    from cluster.recognition.live import LiveOptions
    from cluster.recognition.model_lookup import open_model
    from cluster.recognition.pose_files import PoseClaims
    from cluster.recognition.recognizer import Recognizer
    from cluster.recognition.running import RecognitionOutput
    from lifting.gaps import GapConfig
    from lifting.one_euro import OneEuroConfig

    lifted_by = options.lifter_runtime(runtime)
    recognizer = Recognizer(open_model(model, lifter=lifter, tracking=tracking, runtime=lifted_by))
    wanted = LiveOptions(
        windows=_windows(_base(recognizer, window, window_seconds), window, stride, enter, leave),
        whole=clip,
        gaps=GapConfig(lookahead=max(lookahead, detect_every - 1)),  # to where they are seen next
        smoothing=OneEuroConfig() if smooth else None,
        focal=focal,
    )
    if _holds_poses(Path(source)):
        wrong = {"detector": detector, "video": video, "max_latency": max_latency}
        _refuse_with_poses(source, wrong | {"detect_every": detect_every if detect_every > 1 else None})
        claims = PoseClaims(up=_up(up), unit=unit, people=None if people is None else 1 if people == 1 else 2)
        written = RecognitionOutput(lines=lines, film=film)
        shown.recognize_poses(recognizer, Path(source), wanted, written, claims)
        return
    _refuse_with_frames(source, {"up": up, "unit": unit, "people": people})
    opening: dict[str, object] = {"detector": detector, "layout": layout, "fps": fps, "video": video}
    opening |= {"detect_every": detect_every, "image_size": options.image_size(image_size)}
    shown.recognize_frames(recognizer, source, opening, wanted, max_latency, lines, film)


def _base(recognizer: "Recognizer", window: int | None, seconds: float | None) -> "WindowConfig":
    """The windows that the model was made with, or of another length in seconds."""
    from cluster.recognition.learned import windows_of

    if window is not None and seconds is not None:
        raise ValueError("`window` and `window_seconds` came; give one of them")
    model = recognizer.model
    return model.windows if seconds is None else windows_of(seconds, model.classifier.learned, model.windows)


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

    asked = any(value is not None for value in (window, stride, enter, leave))
    windows = _windows(WindowConfig(), window, stride, enter, leave) if asked else None
    model = pack_model(source, out, lifter=lifter, windows=windows)
    names = model.classifier.class_names
    taken = "3D poses" if model.lifter is None else f"2D keypoints ({model.lifter.keypoint_skeleton.name})"
    show(
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
    table = Table("", *map(escape, outcome.accuracies), box=None, header_style="bold")
    for condition in next(iter(outcome.accuracies.values())):
        table.add_row(condition, *(f"{values[condition]:.4f}" for values in outcome.accuracies.values()))
    Console(highlight=False).print(table)
    show(f"of {outcome.total} test sequences", f"plot       {outcome.picture}", f"table      {outcome.table}")


def _windows(
    base: "WindowConfig", window: int | None, stride: int | None, enter: float | None, leave: float | None
) -> "WindowConfig":
    from cluster.settings import check_settings

    given = {"window": window, "stride": stride, "enter": enter, "leave": leave}
    changes = {name: value for name, value in given.items() if value is not None}
    if "window" in changes:  # a short window cannot wait for more frames than it has
        changes["least"] = min(base.least, changes["window"])
    return check_settings(type(base), {**base.model_dump(), **changes}, "the options")


def _holds_poses(source: Path) -> bool:
    """Whether a source is a .npz, or a folder of them."""
    return source.suffix == ".npz" or (source.is_dir() and any(source.rglob("*.npz")))


def _up(word: str | None) -> "AxisUp | None":
    from encoding.posture import UPS

    if word is None:
        return None
    found = next((up for up in UPS if up == word), None)
    if found is None:
        raise ValueError(f"`up` is {word!r}; one of {', '.join(UPS)} is needed")
    return found


def _refuse_with_frames(source: str, given: Mapping[str, object]) -> None:
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise ValueError(f"`{wrong[0]}` is for 3D poses, a .npz or a folder of them; {source} is none")


def _refuse_with_poses(source: str, given: Mapping[str, object]) -> None:
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise ValueError(
            f"`{wrong[0]}` is for 2D keypoints and videos; {source} holds 3D poses: leave it out"
        )
