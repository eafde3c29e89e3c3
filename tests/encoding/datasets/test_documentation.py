"""What docs/datasets.md shows works as shown, and its lists are those of the code."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from encoding.datasets.formats import table
from lifting import skeleton_text

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


@pytest.mark.parametrize(
    ("name", "made"), [("formats", table.as_markdown), ("skeletons", skeleton_text.as_markdown)]
)
def test_the_lists_of_the_page_are_made_from_the_code(name: str, made: Callable[[], str]) -> None:
    """After a change of the code: put what `made` returns between the two comments."""
    page = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"<!-- {name}: made by [\w.]+ -->\n(.*?)<!-- end -->", page, flags=re.DOTALL)
    assert found is not None
    assert found[1] == "\n" + made() + "\n"
