"""Pages that the code cites exist, and so does what their blocks name: commands, options, imports, files."""

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cluster.cli import app
from cluster.scheduling.experiment_file import FileKind

REPOSITORY = Path(__file__).parents[1]
DOCS = REPOSITORY / "docs"
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))]
SCRIPTS = sorted((REPOSITORY / "examples" / "slurm").glob("*.sbatch"))
ROOMS = ("lifting", "encoding", "nas", "cluster", "benchmarks", "posenas")
CITED = re.compile(r"(?<![\w/.-])(docs/\w+\.md|[A-Z]{2,}\.md)\b")
BLOCK = re.compile(r"^( *)```([^\n]*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
COMMANDS = typer.main.get_command(app)


def blocks(page: Path) -> Iterator[tuple[str, str, str]]:
    """Language, the rest of the first line, and the text of each block."""
    for _, head, content in BLOCK.findall(page.read_text(encoding="utf-8")):
        language, _, rest = head.partition(" ")
        yield language, rest, content


def command_lines(text: str) -> Iterator[str]:
    """Lines that start posenas, continuation lines joined."""
    for line in text.replace("\\\n", " ").splitlines():
        found = re.match(r"\s*(?:\$ )?(?:[A-Z_]+=\S+ )*(posenas [a-z].*)", line)
        if found:
            yield found[1]


def wrong_words(line: str) -> list[str]:
    """Commands and options of a line that do not exist."""
    words = shlex.split(line, comments=True)[1:]
    command: Any = COMMANDS
    while words and hasattr(command, "commands"):
        name = words.pop(0)
        if name == "--verbose":
            continue
        if name not in command.commands:
            return [name]
        command = command.commands[name]
    known = {"--help", "--resume"} | {
        flag for one in command.params for flag in [*one.opts, *one.secondary_opts]
    }
    ends = next((place for place, word in enumerate(words) if word in ("|", "&&", "&", ";", ">")), len(words))
    options = [word.partition("=")[0] for word in words[:ends] if word.startswith("--")]
    return [option for option in options if option not in known]


def test_every_page_that_the_code_cites_is_a_page_of_docs() -> None:
    known = {f"docs/{page.name}" for page in DOCS.glob("*.md")} | {"README.md", "CHANGELOG.md"}
    wrong = [
        f"{source.relative_to(REPOSITORY)}: {cited}"
        for room in ROOMS
        for source in sorted((REPOSITORY / room).rglob("*.py"))
        for cited in CITED.findall(source.read_text(encoding="utf-8"))
        if cited not in known
    ]
    assert wrong == []


def test_a_command_or_option_that_does_not_exist_is_seen() -> None:
    assert wrong_words("posenas serch --out runs/x") == ["serch"]
    assert wrong_words("posenas search --outt runs/x --epochs 2 | tail --lines 3") == ["--outt"]


@pytest.mark.parametrize("page", [*PAGES, *SCRIPTS], ids=lambda path: path.name)
def test_every_command_and_option_of_a_block_exists(page: Path) -> None:
    texts = [page.read_text(encoding="utf-8")] if page in SCRIPTS else [text for *_, text in blocks(page)]
    lines = [line for text in texts for line in command_lines(text)]
    assert {line: wrong for line in lines if (wrong := wrong_words(line))} == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_begins_with_what_it_is_for_and_something_that_works(page: Path) -> None:
    if page.name in ("README.md", "api.md", "glossary.md", "results.md"):
        pytest.skip("the front page, lists of names or words, and figures")
    before, fence, _ = page.read_text(encoding="utf-8").partition("\n```")
    words = [line for line in before.splitlines() if line and not line.startswith(("#", "|", "!["))]
    assert fence
    assert words, "a sentence says what the page is for"
    assert len(before.splitlines()) <= 45


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_python_blocks_are_python_and_import_what_exists(page: Path) -> None:
    for language, _, text in blocks(page):
        if language == "python":
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ROOMS:
                    module = import_module(node.module or "")
                    missing = [one.name for one in node.names if not _has(module, one.name)]
                    assert missing == [], f"{node.module} has no {missing}"


def _has(module: Any, name: str) -> bool:
    """An attribute, or a module of a package; what a page adds itself (docs/extending.md) is not imported."""
    if hasattr(module, name):
        return True
    try:
        import_module(f"{module.__name__}.{name}")
    except ImportError:
        return False
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_yaml_blocks_are_yaml_and_of_a_known_kind(page: Path) -> None:
    for language, _, text in blocks(page):
        if language == "yaml":
            content = yaml.safe_load(text)
            assert content.get("kind", "search") in FileKind.__args__  # type: ignore[attr-defined]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_files_of_the_project_that_a_page_names_exist(page: Path) -> None:
    named = re.findall(
        r"`((?:examples|tests|benchmarks|docs|findings|lifting|encoding|nas|cluster)/[\w./-]*\w\.\w+)`",
        page.read_text(encoding="utf-8"),
    )
    assert [name for name in named if "NAME" not in name and not (REPOSITORY / name).exists()] == []
