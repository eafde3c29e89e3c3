"""Files of one ending, below a folder or alone."""

from pathlib import Path

__all__ = ["files_of"]


def files_of(root: Path, *endings: str) -> list[Path]:
    """The files with one of the endings, whatever their case, in the order of their names; no hidden ones."""
    if root.is_file():
        return [root] if root.name.lower().endswith(endings) else []
    found = (path for path in root.rglob("*") if path.name.lower().endswith(endings))
    return sorted(path for path in found if path.is_file() and not path.name.startswith("."))
