from pathlib import Path

import pytest

from cluster.setting_lines import SettingLines

TEXT = """\
kind: search
configuration:
  search:
    epochs: 3
  search.seed: 1
seeds:
  - 1
  - 2
"""


@pytest.fixture
def lines(tmp_path: Path) -> SettingLines:
    file = tmp_path / "a.yaml"
    file.write_text(TEXT)
    return SettingLines(file)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("kind",), 1),
        (("configuration", "search", "epochs"), 4),
        (("configuration", "search", "seed"), 5),  # written with a dot
        (("seeds", 1), 8),
        (("configuration", "search", "missing"), 3),  # the nearest section around it
        (("missing",), None),
    ],
)
def test_a_setting_is_found_on_its_line(
    lines: SettingLines, place: tuple[str | int, ...], line: int | None
) -> None:
    assert lines.line(place) == line


def test_the_first_place_that_is_there_counts(lines: SettingLines) -> None:
    assert lines.line(("grid", "search", "epochs"), ("configuration", "search", "epochs")) == 4
    assert lines.exact(("grid", "search", "epochs")) is None
