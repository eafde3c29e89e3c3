"""An error of a library function names its parameters, never an option of the command line."""

import ast
import re
from pathlib import Path

import pytest

from cluster.cli import _with_flags

REPOSITORY = Path(__file__).resolve().parents[1]
FILES = [
    path
    for room in ("lifting", "encoding", "nas", "cluster/recognition")
    for path in sorted((REPOSITORY / room).rglob("*.py"))
]


def flags_in_errors(source: str) -> list[str]:
    raised = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Raise)]
    texts = [
        part.value
        for node in raised
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    return [flag for text in texts for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", text)]


def test_no_error_of_a_library_names_an_option() -> None:
    found = {path.relative_to(REPOSITORY): flags_in_errors(path.read_text()) for path in FILES}
    assert {path: flags for path, flags in found.items() if flags} == {}


def test_the_probe_sees_an_option() -> None:
    """The control."""
    assert flags_in_errors('raise ValueError(f"{x} is wrong; give it with --frames-per-second")') == [
        "--frames-per-second"
    ]


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("`max_latency` is 20 ms", "--max-latency is 20 ms"),
        ("`other` is 3; `posenas pack` makes one", "`other` is 3; `posenas pack` makes one"),
    ],
)
def test_the_command_line_shows_parameters_as_its_options(sentence: str, shown: str) -> None:
    assert _with_flags(sentence, {"max_latency": "--max-latency"}) == shown
