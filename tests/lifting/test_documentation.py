"""The page's first code is run as it is printed."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from fake_detector import install_fake_detector
from walking_person import FRAMES, folder

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lifting.md"


@pytest.fixture
def workplace(trained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the run that the page names."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "lift-cmu").symlink_to(trained_run)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def first_code() -> str:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_page_begins_with_five_lines_that_lift_a_video(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_fake_detector(workplace, monkeypatch)
    writer = cv2.VideoWriter("walk.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for _ in range(FRAMES):
        writer.write(np.full((48, 64, 3), 100, np.uint8))
    writer.release()
    code = first_code()
    assert len([line for line in code.splitlines() if line]) <= 5
    exec(compile(code, "lifting.md", "exec"), {})
    assert capsys.readouterr().out == f"({FRAMES}, 17, 3) 25.0\n"


def test_the_same_lines_lift_a_folder_of_openpose_json(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(workplace / "walk_json", lost=(4,))
    exec(compile(first_code().replace("walk.mp4", "walk_json"), "lifting.md", "exec"), {})
    assert capsys.readouterr().out == f"({FRAMES}, 17, 3) 30.0\n"
