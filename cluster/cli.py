"""The `posenas` command: puts the groups together, and turns errors into one sentence and an exit code.

Exit codes: 0 done; 2 bad input (ValueError, a file that is missing or in the way); 74 a disk is full; 75 try
later (another process works on the run, a server or a file server does not answer); 1 anything else; 128 +
signal when interrupted.

Nothing heavy (torch, Ray, MLflow) is imported here or at the top of `cluster.commands`: help comes at once.
"""

import io
import os
import re
import sys
import traceback
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperGroup

from cluster.commands import (
    cells,
    data,
    detect,
    experiment,
    lift,
    lift_tune,
    machine,
    queue,
    recognize,
    record,
    reproduce,
    worker,
)
from cluster.errors import exit_code, notes, sentence
from cluster.interruption import Interrupted

__all__ = ["app", "main"]

# What typer itself reports well: wrong options and arguments.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

_CALLED = "posenas.called"


class _Commands(TyperGroup):
    """A group of commands whose errors end in one red sentence instead of a traceback."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant; its name is kept for the errors."""
        ctx.meta[_CALLED] = list(args)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            typer.Exit: it failed; the sentence has been shown.
        """
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, _UsageError):
            raise
        except Interrupted as stopped:
            _say(str(stopped), "yellow")
            raise typer.Exit(stopped.exit_code) from None
        except KeyboardInterrupt as stopped:
            _say("stopped at once; what the last checkpoint holds is safe", "yellow")
            _say_notes(stopped, "yellow")
            raise typer.Exit(130) from None
        except Exception as error:  # noqa: BLE001 - the last door: everything leaves as a sentence and a code
            if ctx.params.get("verbose"):
                traceback.print_exc()
            _say(_with_flags(_shown(error), _flags(self, ctx.meta.get(_CALLED, []))), "red")
            _say_notes(error, "yellow")
            raise typer.Exit(exit_code(error)) from None


app = typer.Typer(
    name="posenas",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version  # a tenth of a second, which no other command needs

        sys.stdout.write(f"posenas {version('posenas')}\n")
        raise typer.Exit


@app.callback()
def posenas(
    verbose: Annotated[bool, typer.Option("--verbose", help="Show where an error came from.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Find, train and run small networks that recognize human actions from 3D poses.

    New here? [bold]posenas demo[/bold] runs the whole chain on built-in data in a few minutes.
    With --help every command shows an example.
    """


for group in (
    recognize,
    experiment,
    reproduce,
    detect,
    lift,
    lift_tune,
    data,
    cells,
    queue,
    worker,
    record,
    machine,
):
    group.register(app)


def main() -> None:
    """Entry point of the console command; --verbose may stand anywhere."""
    # Threads that wait actively take the cores from those that work as soon as anything else runs here: two
    # torch threads on two busy cores were 20 times slower than with this.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _write_what_the_terminal_can()
    arguments = sys.argv[1:]
    others = [argument for argument in arguments if argument != "--verbose"]
    app(["--verbose", *others] if len(others) < len(arguments) else others)


def _write_what_the_terminal_can() -> None:
    """A terminal or a file of an old encoding gets "?" for a letter that it lacks; no command ends for it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _shown(error: Exception) -> str:
    """The sentence; where the fault may be ours, with the way to its place."""
    return sentence(error) + (" (--verbose shows where)" if exit_code(error) == 1 else "")


def _flags(group: Any, arguments: list[str]) -> dict[str, str]:
    """The options of the command that is called: parameter of the function and what is typed for it."""
    command = group
    for name in arguments:
        if name not in getattr(command, "commands", {}):
            break
        command = command.commands[name]
    options = {parameter.name: parameter.opts for parameter in command.params}
    return {name: opts[0] for name, opts in options.items() if name and opts[0].startswith("--")}


def _with_flags(sentence: str, flags: Mapping[str, str]) -> str:
    """A library's sentence for a person at the command line: `max_latency` is --max-latency there."""
    return re.sub(r"`(\w+)`", lambda found: flags.get(found[1], found[0]), sentence)


def _say_notes(error: BaseException, color: str) -> None:
    for note in notes(error):
        _say(note, color)


def _say(sentence: str, color: str) -> None:
    Console(stderr=True).print(Text(sentence, style=color), soft_wrap=True)


if __name__ == "__main__":
    main()
