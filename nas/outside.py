"""Objects of files outside the project, named `module:name`, and the error for a name that is not known."""

import importlib
import sys
from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path
from typing import Any

__all__ = ["load_outside", "nearest_name", "unknown_name"]


def load_outside(reference: str, what: str) -> Any:
    """The object `name` of an importable module.

    The module may lie in the current folder.

    Args:
        reference: `module:name`, as "my_cells:gated".
        what: names the kind of object in error messages, as "operation".

    Raises:
        ValueError: the reference is not of that form, the module cannot be imported, or it has no such name.
    """
    module_name, _, name = reference.partition(":")
    if not module_name or not name.isidentifier():
        raise ValueError(f"{what} {reference!r} is not of the form module:name")
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.append(folder)  # last: a file here never hides an installed module
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise ValueError(
            f"{what} {reference!r}: module {module_name!r} cannot be imported: {error}"
        ) from error
    if not hasattr(module, name):
        raise ValueError(f"{what} {reference!r}: module {module_name!r} has no {name!r}")
    return getattr(module, name)


def nearest_name(name: object, known: Collection[str]) -> str:
    """` (did you mean 'x'?)` for the nearest known name, or nothing where none is near."""
    close = get_close_matches(str(name), list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def unknown_name(what: str, name: str, known: Collection[str]) -> ValueError:
    """The error for a name that is not in a table: the nearest right name, and all of them."""
    return ValueError(f"there is no {what} {name!r}{nearest_name(name, known)}; known are {', '.join(known)}")
