"""`posenas lift run`: what it says, and how wrong choices are named."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli import app
from walking_person import FRAMES, folder


def test_the_command_says_what_it_made_and_how_fast(trained_run: Path, tmp_path: Path) -> None:
    source = folder(tmp_path / "json")
    command = ["lift", "run", str(source), "--lifter", str(trained_run), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, "--layout", "body_25", "--no-animation", "--smooth"])
    assert result.exit_code == 0, result.output
    assert f"lifted     {FRAMES} of {FRAMES} frames" in result.output
    assert "frames/s" in result.output


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--person", "tallest", "--person is 'tallest'"),
        ("--use", "neither", "--use is 'neither'"),
        ("--runtime", "tensorrt", "--runtime is 'tensorrt'"),
    ],
)
def test_wrong_choices_are_named(
    trained_run: Path, tmp_path: Path, option: str, value: str, sentence: str
) -> None:
    command = ["lift", "run", str(tmp_path), "--lifter", str(trained_run), option, value]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert sentence in result.output
