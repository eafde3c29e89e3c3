"""report.html in a real browser: what moves, what a click shows, and that it complains of nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from playwright.sync_api import Browser, Page, expect

from cluster.report.curves import Panel, Series
from cluster.report.page import ReportContent, ShownClip, picture_of_figure, write_report
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20

LOADED = "[...document.images].filter(image => !image.complete || image.naturalWidth === 0).length"


def clip(name: str, label: int, answer: int) -> ShownClip:
    """A clip of noise, 15 frames long."""
    rng = np.random.default_rng(0)
    poses = PoseSequence3D(xyz=1000 * rng.random((15, 20, 3)), fps=15.0, skeleton=MSR_20)
    image = rng.integers(0, 255, (8, 8, 3)).astype(np.uint8)
    return ShownClip(name=name, label=label, answer=answer, probability=0.75, poses=poses, image=image)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small report with all that moves."""
    figure = Figure(figsize=(2, 1))
    path = tmp_path_factory.mktemp("report") / "report.html"
    content = ReportContent(
        title="a search",
        search=[Panel("Reward", "epoch", (Series("mean ± spread", (1.0, 2.0), (0.5, 0.6), (0.1, 0.1)),))],
        milestones=[picture_of_figure(f"Best of epoch {epoch}", figure, figure) for epoch in (1, 5, 9)],
        class_names=["wave", "</script>"],
        confusion=[[2, 1], [0, 0]],
        clips=[clip("first", 0, 0), clip("second", 0, 0), clip("third", 0, 1)],
    )
    write_report(path, content)
    return path


@pytest.fixture
def problems() -> list[str]:
    """What the browser complained of."""
    return []


@pytest.fixture(params=["light", "dark"])
def page(
    browser: Browser, report: Path, problems: list[str], request: pytest.FixtureRequest
) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1000, "height": 700})
    page = context.new_page()
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(report.as_uri())
    yield page
    context.close()


def test_a_click_on_a_count_shows_its_clips_moving_beside_their_images(
    page: Page, problems: list[str]
) -> None:
    behind = page.locator("#behind")
    expect(behind).to_be_empty()
    page.get_by_role("button", name="2 of wave named wave").click()
    expect(behind).to_contain_text("wave named rightly")
    expect(behind.locator("figure")).to_have_count(2)
    expect(behind).to_contain_text("first: 75 % sure of wave")
    drawn: Any = "canvas => canvas.toDataURL()"
    before = behind.locator("canvas").first.evaluate(drawn)
    page.wait_for_function(
        "before => document.querySelector('#behind canvas').toDataURL() !== before", arg=before
    )
    page.get_by_role("button", name="1 of wave named").click()
    expect(behind).to_contain_text("wave taken for </script>")
    expect(behind.locator("figure")).to_have_count(1)
    assert page.evaluate(LOADED) == 0
    assert problems == []


def test_values_of_a_curve_follow_the_pointer(page: Page, problems: list[str]) -> None:
    tip = page.locator(".tip")
    expect(tip).to_be_hidden()
    page.locator(".hover").last.hover()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("epoch 2")
    expect(tip).to_contain_text("mean 0.6 ± 0.1")
    page.mouse.move(0, 0)
    expect(tip).to_be_hidden()
    assert problems == []


def test_a_slider_chooses_the_milestone(page: Page, problems: list[str]) -> None:
    milestones = page.locator(".milestones figure")
    expect(milestones.filter(has_text="Best of epoch 9")).to_be_visible()
    expect(milestones.filter(has_text="Best of epoch 1")).to_be_hidden()
    page.get_by_role("slider", name="milestone").fill("0")
    expect(milestones.filter(has_text="Best of epoch 1")).to_be_visible()
    expect(milestones.filter(has_text="Best of epoch 9")).to_be_hidden()
    assert problems == []


def test_skeletons_stand_still_for_who_asked_for_less_motion(browser: Browser, report: Path) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(report.as_uri())
    page.get_by_role("button", name="2 of wave named wave").click()
    expect(page.locator("#behind canvas")).to_have_count(2)
    page.wait_for_timeout(100)
    before = page.locator("#behind canvas").first.evaluate("canvas => canvas.toDataURL()")
    page.wait_for_timeout(300)
    assert page.locator("#behind canvas").first.evaluate("canvas => canvas.toDataURL()") == before
    context.close()
