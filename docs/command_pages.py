"""docs/commands.md, made from the commands of `posenas`."""

import re
from collections.abc import Iterator
from typing import Any

from setting_pages import cell

_COMMANDS_HEAD = """# Command line

Every command with its arguments, options and defaults. `posenas COMMAND --help` prints the same.

```
posenas doctor
```

Exit codes are 0 for done, 2 for bad input, 74 for a full disk, 75 for "try later" (another process works on
the run, or a server does not answer), 1 for any other error, and 128 + signal after an interruption.
`--verbose`, anywhere in the line, shows where an error came from. `python docs/make_pages.py` makes this page
from the code.
"""


def commands_page() -> str:
    """docs/commands.md: a section for each command of `posenas`."""
    import typer

    from cluster.cli import app

    sections = [_command(name, command) for name, command in _walk(typer.main.get_command(app), "posenas")]
    return "\n".join([_COMMANDS_HEAD, *sections])


def _walk(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Visible commands below a group, in the order in which --help lists them."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from _walk(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _command(name: str, command: Any) -> str:
    shown = [one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"]
    arguments = [one for one in shown if one.param_type_name == "argument"]
    usage = " ".join([name, *(_argument(one) for one in arguments), "[OPTIONS]"])
    rows = [f"| {_flags(one)} | {_default(one)} | {cell(one.help or '')} |" for one in shown]
    table = ["| argument or option | default | meaning |", "|---|---|---|", *rows, ""] if rows else []
    return "\n".join([f"## {name}\n", f"```text\n{usage}\n```\n", f"{_help(command.help or '')}\n", *table])


def _argument(one: Any) -> str:
    name = one.name.upper() + ("..." if one.nargs == -1 else "")
    return name if one.required else f"[{name}]"


def _flags(one: Any) -> str:
    if one.param_type_name == "argument":
        return f"`{one.name.upper()}`"
    return ", ".join(f"`{flag}`" for flag in [*one.opts, *one.secondary_opts])


def _default(one: Any) -> str:
    if one.required:
        return "required"
    value = one.default() if callable(one.default) else one.default
    if one.is_flag if hasattr(one, "is_flag") else False:
        return ("on" if value else "off") if one.secondary_opts else ""
    return "" if value in (None, (), [], "") else f"`{cell(value)}`"


def _help(text: str) -> str:
    """The help as Markdown: what is bold there is a command."""
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.replace("\f", ""))]
    return "\n\n".join(re.sub(r"\[bold\](.*?)\[/bold\]", r"`\1`", one) for one in paragraphs)
