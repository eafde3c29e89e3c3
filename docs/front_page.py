"""The table behind the first page of `posenas --help`, made of the commands."""

import inspect
import json

import typer

from cluster.cli import app

_PANEL, _OPTIONS, _COMMANDS = "rich_help_panel", "Options", "Commands"


def front_page() -> str:
    """cluster/front_page.json."""
    group = typer.main.get_command(app)
    context = group.make_context("posenas", [], resilient_parsing=True)
    first, *rest = inspect.cleandoc(group.help or "").split("\n\n")
    options = [
        [*_option(parameter.opts), "", "", "<bool>", parameter.help]
        for parameter in group.get_params(context)
    ]
    panels: dict[str, list[list[str]]] = {_OPTIONS: options}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if not command.hidden:
            title = getattr(command, _PANEL, None) or _COMMANDS
            panels.setdefault(title, []).append([name, _sentence(command.short_help or command.help)])
    width = max(len(row[0]) for title, rows in panels.items() for row in rows if title != _OPTIONS)
    page = {
        "usage": group.get_usage(context).replace("[", "\\["),
        "help": [first.replace("\n", " "), "", *(f"[dim]{text}[/dim]" for text in rest)],
        "width": width,
        "panels": list(panels.items()),
    }
    return json.dumps(page, indent=1, ensure_ascii=False) + "\n"


def _option(names: list[str]) -> list[str]:
    long = [name for name in names if name.startswith("--")]
    short = [name for name in names if not name.startswith("--")]
    return [",".join(long), ",".join(short)]


def _sentence(text: str | None) -> str:
    """The first paragraph, in one line."""
    return inspect.cleandoc(text or "").split("\n\n")[0].replace("\n", " ")
