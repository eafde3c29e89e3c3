"""Writes the pages that are made from the code: `python docs/make_pages.py`. A test compares them."""

import inspect
import sys
import tomllib
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from command_pages import commands_page  # noqa: E402 - files beside this one
from diagrams import platform_picture, timeline_picture  # noqa: E402
from front_page import front_page  # noqa: E402
from setting_pages import settings_page  # noqa: E402

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


def datasets_page() -> str:
    """docs/datasets.md with its lists of formats and of joint orders made anew; the rest stays."""
    from encoding.datasets.formats import table
    from lifting import skeleton_text

    page = (HERE / "datasets.md").read_text(encoding="utf-8")
    for module in (table, skeleton_text):
        begin = f"<!-- made by {module.__name__}.as_markdown -->\n"
        before, _, rest = page.partition(begin)
        page = f"{before}{begin}\n{module.as_markdown()}\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    return page


_ROW, _WIDTH, _LEFT = 34, 720, 110


def layers_picture() -> str:
    """docs/pictures/layers.svg: the layers that tests/test_arrows.py holds, the highest on top."""
    settings = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {one["id"]: one for one in settings["tool"]["importlinter"]["contracts"]}
    rows = [("cluster", _members(layer)) for layer in contracts["cluster"]["layers"]]
    rows += [("", _members(layer)) for layer in contracts["rooms"]["layers"] if layer != "cluster"]
    height = _ROW * len(rows) + 20
    body = "\n".join(_row(number, room, names) for number, (room, names) in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
        f' font-size="13">\n<title>A room imports from rows below its own alone</title>\n'
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _members(layer: str) -> list[str]:
    return [name.strip() for name in layer.split("|")]


def _row(number: int, room: str, names: Sequence[str]) -> str:
    """One layer: a box for each of its rooms."""
    top, space = 10 + number * _ROW, _WIDTH - _LEFT - 10
    width = space / len(names)
    fill = "#dbe7f5" if room else "#e3f1df"
    parts = [f'<text x="12" y="{top + 19}" fill="#555555">{"inside cluster" if number == 0 else ""}</text>']
    for place, name in enumerate(names):
        left = _LEFT + place * width
        parts.append(
            f'<rect x="{left:.0f}" y="{top}" width="{width - 6:.0f}" height="{_ROW - 6}" rx="4"'
            f' fill="{fill}"/>'
            f'<text x="{left + (width - 6) / 2:.0f}" y="{top + 19}" text-anchor="middle" fill="#1b1b1b"'
            f' font-size="{13 if len(names) < 6 else 10}">{escape(name)}</text>'
        )
    return "".join(parts)


PAGES = {
    HERE / "api.md": api_page,
    HERE / "commands.md": commands_page,
    HERE.parent / "cluster" / "front_page.json": front_page,
    HERE / "settings.md": settings_page,
    HERE / "datasets.md": datasets_page,
    HERE / "pictures" / "layers.svg": layers_picture,
    HERE / "pictures" / "platform.svg": platform_picture,
    HERE / "pictures" / "search_timeline.svg": timeline_picture,
}

if __name__ == "__main__":
    for path, make in PAGES.items():
        path.write_text(make(), encoding="utf-8")
        print(f"wrote {path}")  # noqa: T201
