"""What docs/datasets.md shows works as shown."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "datasets.md"


def test_the_example_of_the_plain_npz_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, str(PAGE), "exec"), {})
    assert capsys.readouterr().out.splitlines() == [
        "own.npz: 4 clips, 135 frames, 0 errors, 0 warnings",
        "own.npz: 2 training, 0 validation, 2 test clips of 2 classes",
        "validation: by sequence, stratified by class, 0 of 2 (1 of the at least 3 subjects needed)",
    ]
