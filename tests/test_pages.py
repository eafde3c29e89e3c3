"""Pages that are made from the code are those that the code makes."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from matplotlib.text import Text

DOCS = Path(__file__).parents[1] / "docs"


def load(name: str) -> ModuleType:
    """A script of docs/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make_pages = load("make_pages")


@pytest.mark.parametrize("page", make_pages.PAGES, ids=lambda path: str(path.name))
def test_a_made_page_is_up_to_date(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == make_pages.PAGES[page](), "run python docs/make_pages.py"


def test_the_picture_of_an_image_names_both_axes() -> None:
    draw_pictures = load("draw_pictures")
    figure = draw_pictures.spmf_figure(draw_pictures.example())
    said = {text.get_text().replace("\n", " ") for text in figure.findobj(Text)}
    assert {"distances of joint pairs (JJD)", "orientations of joint pairs (JJO)", "PF of frame 1"} <= said
    assert any("motion feature MF to the next frame" in text for text in said)
