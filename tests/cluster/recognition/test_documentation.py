"""The page's code on events is run as it is printed."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from fake_detector import install_fake_detector

PAGE = Path(__file__).resolve().parents[3] / "docs" / "recognition.md"


def test_the_code_on_events_runs(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "as1").symlink_to(model_folder)
    monkeypatch.chdir(tmp_path)
    install_fake_detector(tmp_path, monkeypatch)
    writer = cv2.VideoWriter("walk.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 25.0, (64, 48))
    for _ in range(12):
        writer.write(np.full((48, 64, 3), 100, np.uint8))
    writer.release()
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (code,) = [block for block in blocks if "recognizer.events" in block]
    exec(compile(code, "recognition.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if re.fullmatch(r"\d+ \[0\]", line)] == [f"{n} [0]" for n in range(12)]
    assert any(re.fullmatch(r"0\.2 s: 0\.\d\d|0\.2 s: 1\.00", line) for line in lines)
