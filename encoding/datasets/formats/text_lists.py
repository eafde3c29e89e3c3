"""Lists that users give as text files: names of clips, names of classes."""

from pathlib import Path

__all__ = ["read_class_names", "read_names"]


def read_names(path: Path, ending: str = "") -> set[str]:
    """Names of clips, one a line, with or without the ending; other words and empty lines do not matter.

    Raises:
        FileNotFoundError: no such file.
    """
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return {line.strip().removesuffix(ending) for line in lines if line.strip()}


def read_class_names(path: Path) -> tuple[str, ...]:
    """Names of classes, one a line, in the order of their numbers.

    Raises:
        FileNotFoundError: no such file.
        ValueError: there is none, or one stands twice.
    """
    lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    names = tuple(line for line in lines if line)
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        what = f"{twice[0]!r} stands in it twice" if twice else "it is empty"
        raise ValueError(f"{path}: {what}; one name a line, each once, is needed")
    return names
