"""Where a trained lifter lies; read without torch, since settings and commands ask it too."""

from pathlib import Path

__all__ = ["DESCRIPTION", "lifter_folder"]

DESCRIPTION = "lifter.json"
"""The file that describes a trained lifter."""


def lifter_folder(folder: Path) -> Path:
    """The trained lifter's folder: the folder itself, or `lifter/` of a run."""
    inner = folder / "lifter"
    return inner if (inner / DESCRIPTION).exists() else folder
