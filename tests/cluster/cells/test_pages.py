from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from cluster.cells import FoundCells, compare, comparison_page, list_page, run_page, write_page
from cluster.registry.architectures import Architecture
from nas.genotype import Cell, Genotype

Make = Callable[..., FoundCells]

ONE = Cell.from_numbers((0, 0, 1, 4, 2, 3, 0, 2))
OTHER = Cell.from_numbers((0, 1, 1, 4, 2, 3, 0, 2))


def test_a_comparison_marks_what_differs_and_names_every_dot(found: Make) -> None:
    two = found("two <b>", genotype=Genotype(OTHER, ONE), latency=8.0, test_accuracy=0.8)
    page = comparison_page(compare([found("one", genotype=Genotype(ONE, ONE)), two]))
    assert "<title>A one: accuracy 90.0%, milliseconds an answer 4</title>" in page
    assert "two &lt;b&gt;" in page
    assert "two <b>" not in page
    assert "Nodes with a strong border and ≠ are not in all of the cells." in page  # the normal cells
    assert "The cells are the same." in page  # the reduction cells
    assert page.count("<picture>") == 4


def test_a_comparison_of_untested_runs_says_so(found: Make) -> None:
    runs = [found(name, test_accuracy=None, parameters=None, latency=None) for name in ("one", "two")]
    assert comparison_page(compare(runs)).count("no run is tested yet") == 2


def test_a_list_has_a_front_for_each_data_set_and_names_only_what_is_on_it(found: Make) -> None:
    runs = [
        found("small"),
        found("beaten", parameters=200_000, latency=9.0),
        found("elsewhere", split="SBU fold 1", test_accuracy=0.5),
        found("untested", split="SBU fold 2", test_accuracy=None),
    ]
    page = list_page(runs)
    assert "4 runs" in page
    assert page.count("Accuracy against size") == 2
    letters = [part.split("<", 1)[0] for part in page.split('text-anchor="start">')[1:]]
    assert letters.count("small") + letters.count("elsewhere") == 4
    assert "beaten" not in letters


def test_a_run_shows_both_cells_its_settings_and_the_best_of_its_search(found: Make) -> None:
    best = Architecture(
        run_id="one-id", number=3, data="synthetic", epoch=2, genotype="0 0 1 4 0 0 1 4",
        reward=-1.25, accuracy=0.5, loss=1.25,
    )  # fmt: skip
    page = run_page(
        found("one", settings={"search.seed": "7", "tracking.uri": "http://me:secret@host"}), [best]
    )
    assert page.count("<picture>") == 2
    for text in ("-1.25", "0 0 1 4 0 0 1 4", "search.seed", "http://me:***@host"):
        assert text in page
    assert "secret" not in page


def test_a_page_needs_a_name_that_a_browser_opens(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"compared.txt is not a name for a page: it must end in .html"):
        write_page(tmp_path / "compared.txt", "<html></html>")
    assert list(tmp_path.iterdir()) == []


def test_in_a_browser_all_pictures_load_and_a_click_enlarges_one(
    browser: Browser, found: Make, tmp_path: Path
) -> None:
    path = tmp_path / "compared.html"
    write_page(path, comparison_page(compare([found("one"), found("two", genotype=Genotype(ONE, OTHER))])))
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page, problems = context.new_page(), list[str]()
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(path.as_uri())
    assert (
        page.evaluate("[...document.images].map(image => image.complete && image.naturalWidth > 0)")
        == [True] * 4
    )
    first = page.locator("figure").first
    before = first.bounding_box()
    first.locator("img").click()
    expect(first).to_have_class("card large")
    after = first.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > 1.9 * before["width"]
    assert problems == []
    context.close()
