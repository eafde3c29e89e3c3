"""A stand-in for MediaPipe's environment: fast, and always of the same opinion."""

import sys
from pathlib import Path

import pytest

__all__ = ["install_fake_detector"]

# Answers every frame with a person in its middle, nobody in a black one, and dies of a white one.
_PROGRAM = """#!{python}
import json, sys
size = json.loads(sys.stdin.buffer.readline())
print(json.dumps({{"mediapipe": "0.10.21"}}), flush=True)
while True:
    data = sys.stdin.buffer.read(size["width"] * size["height"] * 3)
    if not data:
        break
    if max(data) > 250:
        sys.exit("out of memory")
    points = [[0.25 + 0.01 * n, 0.5, 0.9] for n in range(33)] if max(data) else []
    print(json.dumps(points), flush=True)
"""


def install_fake_detector(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let $POSENAS_DETECTOR name it; returns its path."""
    path = folder / "fake_python"
    path.write_text(_PROGRAM.format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("POSENAS_DETECTOR", str(path))
    return path
