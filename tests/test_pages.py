"""Pages that are made from the code are those that the code makes."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "docs" / "make_pages.py"
SPEC = importlib.util.spec_from_file_location("make_pages", SCRIPT)
assert SPEC is not None
assert SPEC.loader is not None
make_pages = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(make_pages)


@pytest.mark.parametrize("page", make_pages.PAGES, ids=lambda path: str(path.name))
def test_a_made_page_is_up_to_date(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == make_pages.PAGES[page](), "run python docs/make_pages.py"
