"""Files of one ending, below a folder or alone."""

from pathlib import Path

__all__ = ["LABELS", "files_of"]

LABELS = "labels.csv"
"""A table of labels, which is no recording."""


def files_of(root: Path, *endings: str) -> list[Path]:
    """The files with one of the endings, whatever their case, in the order of their names; no hidden ones."""
    if root.is_file():
        return [root] if root.name.lower().endswith(endings) else []
    found = (path for path in root.rglob("*") if path.name.lower().endswith(endings))
    kept = (path for path in found if path.is_file() and not path.name.startswith("."))
    return sorted(path for path in kept if path.name != LABELS)
