"""The scripts of findings/ have one form, and the page that lists them names what exists."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPTS = sorted((ROOT / "findings").iterdir())
PAGE = (ROOT / "docs" / "interoperability.md").read_text()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_finding_pins_its_packages_says_what_surprises_and_cleans_up(script: Path) -> None:
    text = script.read_text()
    (packages,) = re.findall(r"^packages=\((.+)\)$", text, re.MULTILINE)
    assert all(re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", one) for one in packages.split()), packages
    comment = text.split("set -euo pipefail")[0]
    assert script.suffix == ".sh"
    assert "Guessed: " in comment
    assert re.search(r"tried on \d{4}-\d\d-\d\d", comment)
    assert "work=$(mktemp -d)\ntrap 'rm -rf \"$work\"' EXIT" in text
    assert not re.search(r"^\s*(import|from) (posenas|lifting|encoding|nas|cluster)\b", text, re.MULTILINE)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_finding_is_a_script_that_bash_can_read(script: Path) -> None:
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).stderr == b""


def test_the_page_links_every_finding_once() -> None:
    links = re.findall(r"\]\(\.\./findings/(\w+\.sh)\)", PAGE)
    assert sorted(links) == [script.name for script in SCRIPTS]


def test_the_page_names_tests_that_exist() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert named
    for file, test in named:
        text = (ROOT / file).read_text()
        assert not test or f"def {test}(" in text, f"{file} has no {test}"
