"""Commands are thin: what they do is a function of the library that a program can call too."""

import ast
from collections import Counter
from pathlib import Path

COMMANDS = sorted((Path(__file__).parents[2] / "cluster" / "commands").glob("*.py"))
MOST_LINES = 29


def functions(source: str) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]


def lines_of_body(function: ast.FunctionDef) -> int:
    """Lines from the first statement after the docstring to the last."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return (statements[-1].end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def shared_options(sources: list[str]) -> dict[str, list[str]]:
    """Options whose declaration, help and all, stands in several places."""
    places = Counter(
        ast.unparse(node)
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.value) == "Annotated"
        and "typer.Option('--" in ast.unparse(node)
    )
    return {text: [text] * count for text, count in places.items() if count > 1}


def test_the_body_of_a_command_has_less_than_30_lines() -> None:
    assert COMMANDS
    sizes = {
        f"{path.name}:{function.name}": lines_of_body(function)
        for path in COMMANDS
        for function in functions(path.read_text(encoding="utf-8"))
    }
    assert {name: size for name, size in sizes.items() if size > MOST_LINES} == {}


def test_an_option_of_several_commands_is_declared_once() -> None:
    assert shared_options([path.read_text(encoding="utf-8") for path in COMMANDS]) == {}


def test_the_probes_see_a_long_body_and_a_second_declaration() -> None:
    """The control."""
    (function,) = functions('def f():\n    """Doc."""\n    a = 1\n\n    b = 2\n')
    assert lines_of_body(function) == 3
    option = "x: Annotated[int, typer.Option('--x', help='X.')] = 1\n"
    assert list(shared_options([option, option])) == ["Annotated[int, typer.Option('--x', help='X.')]"]
