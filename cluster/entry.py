"""Where the command `posenas` begins. Its first page of help is drawn from a table, at once.

The table, front_page.json, is made of the commands by `python docs/make_pages.py`; tests compare it with them
and the page with what typer draws. For everything else the commands are loaded: see `cluster.cli`.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]

FRONT_PAGE = Path(__file__).parent / "front_page.json"

_HELP = (["--help"], ["-h"])
# With these typer draws for a terminal that is none, or in another width.
_DRAWN_OTHERWISE = (
    "TERMINAL_WIDTH", "GITHUB_ACTIONS", "FORCE_COLOR", "PY_COLORS",
    "_TYPER_FORCE_DISABLE_TERMINAL", "TYPER_USE_RICH",
)  # fmt: skip


def main() -> None:
    """Entry point of the console command."""
    named, *arguments = sys.argv
    plain = Path(named).name == "posenas" and not any(name in os.environ for name in _DRAWN_OTHERWISE)
    if plain and arguments in _HELP and FRONT_PAGE.exists():
        _draw(json.loads(FRONT_PAGE.read_text(encoding="utf-8")))
        return
    from cluster.cli import main as run

    run()


def _draw(page: dict[str, Any]) -> None:
    """The first page of help, as typer draws it."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal of an old encoding gets "?" for a line
    console = Console(highlight=False)
    console.print(Padding(Text.from_markup(page["usage"], style="bold"), 1))
    console.print(Padding(Text.from_markup("\n".join(page["help"])), (0, 1, 1, 1)))
    for title, rows in page["panels"]:
        table = Table(show_header=False, expand=True, box=None, pad_edge=False, padding=(0, 1))
        for widths in zip(*(row[:-1] for row in rows), strict=True):
            width = page["width"] if len(rows[0]) == 2 else max(map(len, widths))
            table.add_column(style="bold cyan", no_wrap=True, width=width)
        table.add_column(ratio=10)
        for row in rows:
            table.add_row(*map(Text, row[:-1]), Text.from_markup(row[-1]))
        console.print(Panel(table, border_style="dim", title=title, title_align="left"))
    console.print()


if __name__ == "__main__":
    main()
