"""MLflow in a real browser, as a person goes through it: runs, a run, its artifacts, report and model."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from cluster.cells import find_cells
from cluster.config import ExperimentConfig
from cluster.stages import search
from cluster.worker import run_evaluation, run_search, run_training
from mlflow_server import MlflowServer

pytestmark = pytest.mark.slow

TRAINING = "workflowType=machine_learning"
PATIENCE = 60_000.0  # milliseconds: MLflow's pages are heavy, and the machine may be busy
UNLOADED = "[...document.images].filter(image => !image.complete || image.naturalWidth === 0).length"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, list[str], list[str]]]:
    """A server with two searches, the first trained and tested: its address, the MLflow ids and our ids."""
    folder = tmp_path_factory.mktemp("browsing")
    tiny = ExperimentConfig.from_file(Path(__file__).parents[1] / "tiny.yaml")
    with MlflowServer(folder) as server:
        for seed, name in enumerate(("first", "second")):
            changes = {"tracking": {"uri": server.uri}, "search.seed": seed}
            with pytest.MonkeyPatch.context() as patch:
                if seed:
                    patch.setattr(search, "write_results", lambda *_: None)
                run_search(tiny.changed(changes), folder / name)
        run_training(folder / "first")
        run_evaluation(folder / "first")
        found = [find_cells(name, server.uri) for name in ("first", "second")]
        yield server.uri, [one.mlflow_run_id for one in found], [one.run_id for one in found]


@pytest.fixture
def problems() -> list[str]:
    """Scripts that failed, MLflow's or ours."""
    return []


@pytest.fixture
def page(browser: Browser, problems: list[str]) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1500, "height": 950})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()


def test_a_person_finds_the_run_its_cells_its_report_and_its_model(
    page: Page, problems: list[str], address: tuple[str, list[str], list[str]]
) -> None:
    uri, (first, second), (own, _) = address
    page.goto(f"{uri}/#/experiments/1/runs?{TRAINING}")
    expect(page.get_by_role("link", name="second", exact=True)).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="first", exact=True).click()
    for text in ("first candidate 1", "first candidate 2", "first final", own[:12], "Cells found on"):
        expect(page.get_by_text(text).first).to_be_visible(timeout=PATIENCE)
    page.goto(f"{uri}/#/experiments/1/runs/{first}/artifacts?{TRAINING}")
    _look_at_a_cell(page)
    _use_the_report(page)
    page.goto(f'{uri}/#/compare-runs?runs=["{first}","{second}"]&experiments=["1"]')
    expect(page.get_by_text("Comparing 2 Runs from 1 Experiment")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{uri}/#/models/posenas-synthetic?{TRAINING}")
    expect(page.get_by_text("champion")).to_be_visible(timeout=PATIENCE)
    assert problems == []


def _look_at_a_cell(page: Page) -> None:
    page.get_by_text("pictures", exact=True).click()
    page.get_by_text("normal_cell.svg", exact=True).click()
    page.wait_for_function(
        "[...document.images].some(image => image.src.startsWith('blob:') && image.naturalWidth > 400)"
    )


def _use_the_report(page: Page) -> None:
    """The report inside MLflow's frame: its pictures have loaded and its script runs there."""
    page.get_by_text("report.html", exact=True).click()
    report = _frame(page)
    expect(report.get_by_role("heading", name="first", exact=True)).to_be_visible(timeout=PATIENCE)
    report.locator(".confusion button").first.click()
    expect(report.locator("#behind canvas").first).to_be_visible(timeout=PATIENCE)
    assert report.evaluate(UNLOADED) == 0


def _frame(page: Page) -> Frame:
    frame = page.wait_for_selector("iframe").content_frame()
    assert frame is not None
    return frame
