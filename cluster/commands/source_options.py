"""Options of `posenas lift run` and `posenas recognize`: where frames come from, and how gaps are treated."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Detector", "Fps", "ImageSize", "Layout", "Lookahead", "Smooth", "Video"]

_SOURCE = "Source"

Detector = Annotated[
    Path | None,
    typer.Option(
        "--detector",
        help="ONNX pose model for a video or camera; without it MediaPipe.",
        rich_help_panel=_SOURCE,
        show_default=False,
    ),
]
Layout = Annotated[
    str,
    typer.Option(
        "--layout",
        help="Keypoint layout of the JSON: auto, coco_17, coco_18, body_25 or body_25b.",
        rich_help_panel=_SOURCE,
    ),
]
Fps = Annotated[
    float | None,
    typer.Option(
        "--fps",
        help="Frames per second, where the source does not say.",
        rich_help_panel=_SOURCE,
        show_default=False,
        min=0.01,
    ),
]
ImageSize = Annotated[
    str | None,
    typer.Option(
        "--image-size",
        help="Width x height in pixels, as 1280x720, where keypoints are shares of the picture.",
        rich_help_panel=_SOURCE,
        show_default=False,
    ),
]
Video = Annotated[
    Path | None,
    typer.Option(
        "--video",
        help="Picture behind the keypoints of a JSON folder.",
        rich_help_panel=_SOURCE,
        show_default=False,
    ),
]
Lookahead = Annotated[
    int, typer.Option("--lookahead", help="Frames to wait for a lost keypoint; 0: causal.", min=0)
]
Smooth = Annotated[bool, typer.Option("--smooth", help="Smooth the poses (One Euro filter).")]
