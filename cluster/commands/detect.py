"""`posenas detect`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command(rich_help_panel="From video to poses")(detect)


def detect(
    video: Annotated[Path, typer.Argument(help="The video.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder for the JSON files.", show_default=False)],
    detector: Annotated[
        Path | None,
        typer.Option(
            "--detector",
            "--model",
            help="ONNX pose model (RTMPose, MoveNet) instead of MediaPipe.",
            show_default=False,
        ),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            "--fps", min=0.1, help="Frames per second, where the file's header is wrong.", show_default=False
        ),
    ] = None,
    min_confidence: Annotated[
        float,
        typer.Option("--min-confidence", min=0, max=1, help="Confidence below which a keypoint is missing."),
    ] = 0.2,
) -> None:
    """Detect a person in every frame of a video; OpenPose JSON, one file a frame.

    MediaPipe runs in an environment of its own, which [bold]make detector[/bold] builds. Stopped at any
    moment, the same command continues where it was.

    Example: [bold]posenas detect walk.mp4 --out walk_json[/bold]

    From Python: lifting.detect_video(video, folder).
    """
    from cluster.commands.options import opened_progress
    from cluster.progress import by_phase
    from lifting.detection.detect import PREVIEW, detect_video

    with opened_progress() as progress:
        found = detect_video(
            video, out, detector=detector, fps=fps, min_confidence=min_confidence, progress=by_phase(progress)
        )
    console = Console()
    if found.resumed_at >= found.num_frames:
        console.print(f"{found.folder} is complete already: {found.num_frames} frames", highlight=False)
        return
    run = found.num_frames - found.resumed_at
    console.print(f"a person in {found.num_detected} of {run} frames; {found.folder}", highlight=False)
    console.print(f"look at {found.folder / PREVIEW}", highlight=False)
    if found.num_announced > found.num_frames:
        console.print(
            f"the video's header speaks of {found.num_announced} frames, {found.num_frames} could be "
            "decoded: it may be cut off",
            style="yellow",
            highlight=False,
        )
