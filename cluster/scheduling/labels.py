"""What tells the runs of an experiment apart: words for grid values that also name folders."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.file_names import distinct, shortened

__all__ = ["NAME_LENGTH", "grid_words", "name_of_file"]

NAME_LENGTH = 100
"""Longest name of an experiment, and longest label of a variant: together they name a folder."""

_VALUE_LENGTH = 40
_OTHER = re.compile(r"[^A-Za-z0-9._-]+")


def grid_words(grid: Mapping[str, Sequence[Any]]) -> list[list[tuple[str, Any]]]:
    """For each setting its values, each with words of its own, as ("batch_size-16", 16)."""
    names = _short_names(list(grid))
    columns = []
    for name, values in grid.items():
        words = distinct(shortened(_word(value), _VALUE_LENGTH) for value in _telling(values))
        columns.append([(f"{names[name]}-{word}", value) for word, value in zip(words, values, strict=True)])
    return columns


def name_of_file(path: Path) -> str:
    """The name of an experiment whose file names none: the file's, as a folder can be called."""
    return shortened(_OTHER.sub("-", path.stem).strip("-."), NAME_LENGTH) or "experiment"


def _short_names(dotted: list[str]) -> dict[str, str]:
    """The last part of each name where that is enough to tell them apart."""
    last = [name.rpartition(".")[2] for name in dotted]
    return {
        name: short if last.count(short) == 1 else name.replace(".", "-")
        for name, short in zip(dotted, last, strict=True)
    }


def _telling(values: Sequence[Any]) -> list[Any]:
    """Values as they are; of sections (mappings) only what stands in them, without what they share."""
    if not all(isinstance(value, Mapping) for value in values):
        return list(values)
    shared = set.intersection(*({*map(str, value.items())} for value in values)) if len(values) > 1 else set()
    return [" ".join(str(item[1]) for item in value.items() if str(item) not in shared) for value in values]


def _word(value: Any) -> str:
    """A value as part of a folder's name; its minus signs stay."""
    return _OTHER.sub("_", str(value)).strip("_") or "empty"
