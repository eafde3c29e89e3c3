"""Writes the pages that are made from the code: `python docs/make_pages.py`. A test compares them."""

import inspect
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
PACKAGES = ("lifting", "encoding", "encoding.datasets", "nas", "cluster", "cluster.cells")

_API_HEAD = """# The public names of the packages

Everything that a package promises, with the first sentence of its docstring. `help(NAME)` shows
shapes, units and errors. Import each name from its package, as in `from cluster import run_search`; it is
loaded when you ask for it. `python docs/make_pages.py` makes this page from the code.
"""


def api_page() -> str:
    """docs/api.md, a table for each package."""
    parts = [_API_HEAD]
    for package in PACKAGES:
        module = import_module(package)
        rows = [f"| `{name}` | {_sentence(getattr(module, name), name)} |" for name in module.__all__]
        parts.append(
            "\n".join([f"## {package}\n", f"{_first(module)}\n", "| name | what it is |", "|---|---|", *rows])
        )
    return "\n".join(parts) + "\n"


def _sentence(value: object, name: str) -> str:
    """A docstring's first sentence; of a plain value, its type."""
    plain = not (inspect.isclass(value) or inspect.isroutine(value))
    return f"{type(value).__name__}, a value" if plain else _first(value) or name


def _first(value: object) -> str:
    paragraph = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return " ".join(paragraph.split()).replace("|", "\\|")


PAGES = {HERE / "api.md": api_page}

if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    for path, make in PAGES.items():
        path.write_text(make(), encoding="utf-8")
        print(f"wrote {path}")  # noqa: T201
