"""Plain English: words that the project avoids are in no page, message, docstring or comment; help is short.

CONTRIBUTING.md says why. Names in code are not looked at, and tests are free.
"""

import io
import re
import token
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cluster.cli import app

REPOSITORY = Path(__file__).parents[1]
ROOMS = ("lifting", "encoding", "nas", "cluster", "posenas")
PAGES = [
    *sorted(REPOSITORY.glob("*.md")),
    *(page for page in sorted((REPOSITORY / "docs").glob("*.md"))),
]
SOURCES = [
    path
    for room in ROOMS
    for path in sorted((REPOSITORY / room).rglob("*"))
    if path.suffix in (".py", ".js", ".css", ".html", ".c", ".h")
]
SAYS = {
    "nobody": "no user, no process, no one",
    "somebody": "a person, a user, another process",
    "whoever": "the caller, the process that",
    "so many": "N, this many, the number of",
    "goes on": "continues",
    "told": "given, recorded, delivered; distinct instead of told apart",
    "hears": "receives",
    "in turns": "alternating",
    "by turns": "alternating",
    "hoped": "the target",
    "same bits": "bit-identical",
}
BRITISH = (
    r"colour\w*|normalis\w*|standardis\w*|recognis\w*|neighbouring|neighbours|behaviour\w*|organis\w*|optimis\w*"
    r"|summaris\w*|\w*metres?|centre\w*|grey|licence\w*|catalogue\w*|analyse\w*|favour\w*|initialis\w*|equalis\w*"
)
AVOIDED = re.compile(rf"\b({'|'.join(SAYS)}|{BRITISH})\b", re.IGNORECASE)
# What files, recordings and other programs write, and the action of a published list.
NAMES = {
    "encoding/datasets/formats/axes.py": {"metre", "metres", "centimetres", "millimetres"},
    "cluster/stages/search.py": {"told"},  # a key of checkpoints
}
WORDS, LINES, WIDTH = 25, 2, 65


def found(text: str, allowed: frozenset[str] | set[str] = frozenset()) -> list[str]:
    """Avoided words of a text, each with what stands around it."""
    return [
        text[max(0, match.start() - 30) : match.end() + 30].replace("\n", " ")
        for match in AVOIDED.finditer(text)
        if match[0].lower() not in allowed
    ]


def prose(path: Path) -> str:
    """Comments and strings of a Python file; of another, all of it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    kinds = {token.STRING, token.COMMENT, getattr(token, "FSTRING_MIDDLE", token.STRING)}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return "\n".join(one.string for one in tokens if one.type in kinds)


def commands(group: Any, path: str = "posenas") -> Iterator[tuple[str, Any]]:
    """Every visible command and group."""
    for name, command in group.commands.items():
        if not command.hidden:
            yield f"{path} {name}", command
            if hasattr(command, "commands"):
                yield from commands(command, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(app)))


def sentences(text: str) -> list[str]:
    """Sentences of a help text; what is bold is a command to type, and no sentence."""
    plain = re.sub(r"\[bold\].*?\[/bold\]", "X", " ".join(text.split()))
    return re.split(r"(?<=[.?!;:])\s+", plain)


def test_an_avoided_word_is_seen() -> None:
    assert found("It is Told twice.") == ["It is Told twice."]
    assert found("the colour of a neighbour and of neighbours") != []
    assert found("a stored total, the threshold, and a shares column") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_avoids_them(page: Path) -> None:
    assert found(page.read_text(encoding="utf-8")) == []


def test_sources_avoid_them_in_comments_docstrings_and_messages() -> None:
    places = {str(path.relative_to(REPOSITORY)): path for path in SOURCES}
    bad = {name: found(prose(path), NAMES.get(name, set())) for name, path in places.items()}
    assert {name: words for name, words in bad.items() if words} == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_is_short(name: str) -> None:
    command = COMMANDS[name]
    summary = (command.help or "").partition("\n\n")[0]
    assert summary, f"{name} has no help"
    assert len(" ".join(summary.split())) <= LINES * WIDTH
    texts = [command.help or "", *(one.help or "" for one in command.params)]
    assert [one for text in texts for one in sentences(text) if len(one.split()) > WORDS] == []
