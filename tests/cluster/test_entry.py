"""The first page of help comes from a table: it must be the page that the commands themselves would draw."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DRAWN_OTHERWISE = ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS")
PLAIN = {name: text for name, text in os.environ.items() if name not in DRAWN_OTHERWISE}
RUN = "import sys; sys.argv = ['posenas', *sys.argv[2:]]; from cluster.{} import main; main()"


def run(module: str, *arguments: str, width: int = 80, **settings: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(module), "posenas", *arguments],
        cwd=REPOSITORY,
        env={**PLAIN, "COLUMNS": str(width), "PYTHONIOENCODING": "utf-8", **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("width", [60, 80, 133])
def test_the_first_page_is_the_one_that_typer_draws(width: int) -> None:
    page = run("entry", "--help", width=width)
    assert page == run("cli", "--help", width=width)
    assert page == run("entry", "-h", width=width)
    assert "recognize  " in page


def test_the_first_page_loads_no_command() -> None:
    probe = (
        "import sys; sys.argv = ['posenas', '--help']; from cluster.entry import main; main(); "
        "loaded = {name.partition('.')[0] for name in sys.modules} | set(sys.modules); "
        "sys.exit(str(loaded & {'typer', 'yaml', 'torch', 'cluster.cli', 'cluster.commands'} or '') or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=REPOSITORY, capture_output=True, text=True, check=False,
        env=PLAIN,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_everything_else_is_answered_by_the_commands() -> None:
    assert run("entry", "--version").startswith("posenas ")
    assert "AS1" in run("entry", "search", "--help")
    assert run("entry", "--help", TERMINAL_WIDTH="70") == run("cli", "--help", TERMINAL_WIDTH="70")
