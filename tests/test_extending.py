"""docs/extending.md as it stands: each section's file and line go into a copy, and its last block runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
PAGE = (REPOSITORY / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
MOST_TABLES = 1


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the four packages, which the sections change one after the other."""
    folder = tmp_path_factory.mktemp("extended")
    for room in ("lifting", "encoding", "nas", "cluster"):
        shutil.copytree(REPOSITORY / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def change(file: Path, diff: str) -> None:
    """Replace the lines (or parts of lines) after - by those after +; each must be there exactly once."""
    text = file.read_text(encoding="utf-8")
    for removed, added in re.findall(r"((?:^-[^\n]*\n)+)((?:^\+[^\n]*\n)+)", diff, re.MULTILINE):
        old, new = (re.sub(r"^[-+]", "", part, flags=re.MULTILINE).rstrip("\n") for part in (removed, added))
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("title", SECTIONS)
def test_one_file_and_one_entry_are_enough(title: str, packages: Path, tmp_path: Path) -> None:
    files, tables, checks = [], [], []
    for language, name, content in BLOCK.findall(SECTIONS[title]):
        if language == "diff":
            tables.append(name)
            change(packages / name, content)
        elif name:
            files.append(name)
            (packages / name).write_text(content, encoding="utf-8")
        else:
            checks.append(content)
    assert len(files) == 1
    assert len(tables) <= MOST_TABLES
    environment = {**os.environ, "PYTHONPATH": str(packages)}
    for check in checks:
        answer = subprocess.run(
            [sys.executable, "-c", check],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert answer.returncode == 0, answer.stderr


def test_the_page_shows_all_five() -> None:
    assert list(SECTIONS) == [
        "A data set", "A format of recordings", "A search strategy", "An operation", "A picture of the report"
    ]  # fmt: skip
