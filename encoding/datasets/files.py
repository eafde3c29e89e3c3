"""Recordings of other programs as a data set of their own, without a .npz that stays.

They are imported into a temporary file each time; `posenas data import` does it once.
"""

from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from encoding.datasets.entry import DataSet
from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.importing import import_clips
from encoding.datasets.npz import load_clips
from encoding.datasets.records import Split
from encoding.datasets.splits import HoldOutBy
from lifting.skeleton_file import find_skeleton

__all__ = ["DATA_SET", "load_files"]

HOW_TO_GET = "name a file or a folder of recordings in one of the known formats (docs/datasets.md lists them)"


def load_files(
    root: Path,
    *,
    format: str | None = None,
    layout: str | None = None,
    split: str | None = None,
    validation_fraction: float = 0.2,
    validation_by: HoldOutBy = "auto",
    seed: int = 0,
    **options: Any,
) -> Split:
    """Recordings of any known format, split as their files or a table of labels say.

    Args:
        root: a file or folder.
        format: a name of `FORMATS`; None recognizes it.
        layout: joint layout to convert to, by name or YAML file.
        split: which of the source's splits; None takes the first.
        validation_fraction, validation_by, seed: as in `hold_out`.
        options: of `ImportOptions`, in words.

    Raises:
        FileNotFoundError: there is no such file or folder.
        ValueError: the format or an option is not known, or no clip can be read.
    """
    chosen = ImportOptions.from_words(options)
    with TemporaryDirectory(prefix="posenas-import-") as folder:
        out = Path(folder) / "clips.npz"
        report = import_clips(
            Path(root),
            out,
            chosen,
            format_name=format,
            layout=find_skeleton(layout).skeleton if layout else None,
            protocol=split,
        )
        loaded = load_clips(
            out, validation_fraction=validation_fraction, validation_by=validation_by, seed=seed
        )
    return replace(loaded, name=f"{Path(root).name} ({report.format})", left_out=report.left_out)


DATA_SET = DataSet(
    name="files",
    load=load_files,
    options=("format", "layout", "split", *(field.name for field in fields(ImportOptions))),
    how_to_get=HOW_TO_GET,
)
