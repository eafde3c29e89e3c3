"""The formats that there are: a new one is a file with its `FORMAT`, and its name in this list."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from encoding.datasets.formats import (
    acclaim,
    alphapose,
    bvh,
    c3d,
    coco,
    deeplabcut,
    freemocap,
    kinect_text,
    mmpose,
    named_csv,
    ntu,
    openpose,
    pyskl,
    stgcn,
    trc,
    vicon,
)
from encoding.datasets.formats.entry import Format, ImportOptions, Recordings
from encoding.datasets.formats.looks import looks_like

__all__ = ["FORMATS", "as_markdown", "open_recordings", "recognize"]

# In the order in which they are asked; the first that recognizes the content has it.
FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        module.FORMAT.name: module.FORMAT
        for module in (
            ntu, pyskl, stgcn, deeplabcut, vicon, named_csv, trc, c3d, bvh, acclaim, kinect_text, freemocap,
            openpose, coco, mmpose, alphapose,
        )
    }
)  # fmt: skip

# Options that hold for whatever format.
_COMMON = ("class_names", "people")


def as_markdown() -> str:
    """The table of formats for docs/datasets.md."""
    rows = [
        f"| `{known.name}` | {known.title} | {known.looks_like} | {', '.join(known.options) or '-'} |"
        for known in FORMATS.values()
    ]
    return "\n".join(["| name | format | what it looks like | options |", "|---|---|---|---|", *rows]) + "\n"


def recognize(source: Path) -> Format:
    """The format of a file or folder, by its content.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: it is not known; the message lists those that are, and says what the file looks like.
    """
    if not source.exists():
        raise FileNotFoundError(f"there is no file or folder {source}")
    for known in FORMATS.values():
        if known.recognize(source):
            return known
    formats = "; ".join(f"{known.name} ({known.looks_like})" for known in FORMATS.values())
    raise ValueError(
        f"{source} is {looks_like(source)}, and of no format that is known. Known are: {formats}"
    )


def open_recordings(
    source: Path, options: ImportOptions, format_name: str | None = None
) -> tuple[Format, Recordings]:
    """Open a source by its content, or as the format named.

    Raises:
        FileNotFoundError: no such file or folder.
        ValueError: the format is not known, an option is not for it, or the source is damaged.
    """
    if format_name is not None and format_name not in FORMATS:
        raise ValueError(f"there is no format {format_name!r}; the formats are {', '.join(FORMATS)}")
    if not source.exists():
        raise FileNotFoundError(f"there is no file or folder {source}")
    known = recognize(source) if format_name is None else FORMATS[format_name]
    useless = [name for name in options.given() if name not in (*known.options, *_COMMON)]
    if useless:
        can = ", ".join((*known.options, *_COMMON))
        raise ValueError(
            f"{source} is read as {known.name}, which has no use for the option {useless[0]}; it takes {can}"
        )
    return known, known.open(source, options)
