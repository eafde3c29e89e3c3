"""Names of files made from names that people gave: different ones stay different, and none is too long."""

import hashlib
from collections.abc import Iterable

__all__ = ["distinct", "file_names", "shortened"]

FILE_NAME_BYTES = 180
"""Longest name made here: 255 is the file systems' limit, and callers add to it."""


def file_names(names: Iterable[str]) -> list[str]:
    """A file name for each name, all different: letters, digits, '.', '_' and '-' stay, others become '_'."""
    return distinct(shortened(_allowed(name), FILE_NAME_BYTES) for name in names)


def distinct(labels: Iterable[str]) -> list[str]:
    """The labels, those that came before with a number behind: a, a, b -> a, a.2, b.

    Labels that differ in upper and lower case only count as equal: on some file systems they are.
    """
    found: list[str] = []
    taken: set[str] = set()
    for label in labels:
        number, free = 1, label
        while free.casefold() in taken:
            number += 1
            free = f"{label}.{number}"
        taken.add(free.casefold())
        found.append(free)
    return found


def shortened(label: str, length: int) -> str:
    """A label of `length` bytes at most; a longer one ends in a digest of the whole."""
    content = label.encode()
    if len(content) <= length:
        return label
    return f"{content[: length - 9].decode(errors='ignore')}-{hashlib.sha256(content).hexdigest()[:8]}"


def _allowed(name: str) -> str:
    kept = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)
    return kept if kept.strip(".") else f"_{kept}"  # '..' is another folder
