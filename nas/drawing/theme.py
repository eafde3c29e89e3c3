"""Colors of the drawings, the blank sheet, and the file that a sheet becomes."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nas.operation_table import OPERATION_TABLE, find_operation

ThemeName = Literal["light", "dark"]

OPERATION_COLORS = {name: operation.color for name, operation in OPERATION_TABLE.items()}
"""One color for each operation, the same on light and dark ground and in every picture."""

OPERATION_LABELS = {name: operation.label for name, operation in OPERATION_TABLE.items()}

FONT_SIZE = 8.5


@dataclass(frozen=True)
class Theme:
    """Colors of everything but the operations."""

    ground: str
    ink: str
    muted: str
    line: str
    fill: str
    border: str


THEMES: dict[str, Theme] = {
    "light": Theme("#ffffff", "#16191d", "#59616b", "#737b86", "#f3f4f6", "#a3aab4"),
    "dark": Theme("#14181d", "#f0f2f4", "#a9b1bc", "#8d96a1", "#232a33", "#525c69"),
}


def operation_style(name: str) -> tuple[str, str, str]:
    """Label, color, and the color of letters on it: black or white, as gives the higher contrast."""
    operation = find_operation(name)
    return operation.label, operation.color, "#000000" if _luminance(operation.color) > 0.179 else "#ffffff"


def _luminance(color: str) -> float:
    """Relative luminance of WCAG 2.2, 0 to 1; black and white letters have equal contrast at 0.179."""
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def get_theme(name: str) -> Theme:
    """The colors of a theme.

    Raises:
        ValueError: there is no such theme.
    """
    if name not in THEMES:
        raise ValueError(f"theme {name!r} does not exist; there are {', '.join(THEMES)}")
    return THEMES[name]


def blank_sheet(width: float, height: float, theme: Theme) -> tuple[Figure, Axes]:
    """A figure of `width` x `height` inches whose one axes counts in inches from its bottom left corner."""
    figure = Figure(figsize=(width, height), facecolor=theme.ground)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.set_axis_off()
    return figure, axes


def save_figure(figure: Figure, path: Path | str, dpi: int = 160) -> None:
    """Write a drawing as .svg or .png: equal figures give equal bytes, and text in an SVG stays text.

    The file is written beside its place and renamed, so that it is whole or not there.

    Args:
        figure: what `draw_cell`, `draw_genotype` or `draw_network` made.
        path: the folder must exist.
        dpi: pixels an inch, of a PNG.

    Raises:
        ValueError: another ending than .svg or .png.
        FileNotFoundError: the folder does not exist.
    """
    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("svg", "png"):
        raise ValueError(f"a drawing is saved as .svg or .png; got {path.name!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} of the drawing {path.name!r} does not exist")
    settings: Any = {"svg.hashsalt": "posenas", "svg.fonttype": "none"}
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file, mpl.rc_context(settings):
            figure.savefig(file, format=kind, dpi=dpi, facecolor=figure.get_facecolor(), metadata=metadata)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def wrapped(words: Sequence[str], longest: int) -> str:
    """Words in lines of at most `longest` letters."""
    lines = [""]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > longest:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
