"""The queue's page in a real browser: what a person sees, what a click does, what evil names cannot do."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

from cluster.registry.records import JobProgress, Resources
from cluster.registry.registry import Registry
from cluster.scheduling.page.app import create_app
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.queue import Host, Queue
from cluster.scheduling.submission import Options, submit

pytestmark = pytest.mark.slow

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """SQLite alone: what the two engines hold, the other tests compare."""
    with Registry.open(f"sqlite:///{tmp_path / 'posenas.db'}") as registry:
        yield registry


@pytest.fixture
def address(registry: Registry) -> Iterator[str]:
    """Where the page is served; the server runs in a thread and ends with the test."""
    server = uvicorn.Server(uvicorn.Config(create_app(registry), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


@pytest.fixture
def problems(page: Page) -> list[str]:
    """What the browser complained of."""
    problems: list[str] = []
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    return problems


@pytest.fixture
def fill(registry: Registry, tmp_path: Path) -> Callable[[], dict[str, Any]]:
    """An evening's queue: one job runs, one waits, one failed, one has an evil name."""

    def fill_queue() -> dict[str, Any]:
        names = ("as1 seed 0", "as1 seed 1", "poisoned", EVIL)
        needs = Resources(cpus=1)
        jobs = tuple(
            PlannedJob(name=name, kind="search", settings={"note": name}, run=f"run {number}", needs=needs)
            for number, name in enumerate(names)
        )
        plan = Plan(name="evening", kind="search", source="kind: search\n", jobs=jobs)
        submitted = submit(registry, plan, Options(out=str(tmp_path / "runs"))).jobs
        queue = Queue(registry)
        room = Host(name="here", capacity=Resources(cpus=8))
        claim = queue.claim("worker-1", room)
        assert claim is not None
        queue.renew(claim, JobProgress(phase="search", done=5, total=20, seconds_left=400, log_tail=EVIL))
        registry.cancel(submitted[1].id)
        poisoned = queue.claim("worker-2", room)
        assert poisoned is not None
        queue.fail(poisoned, f"it crashed: {EVIL}", final=True)
        return {"running": claim, "jobs": submitted}

    return fill_queue


def test_a_person_sees_the_queue_live_and_acts_on_it(
    page: Page, problems: list[str], address: str, registry: Registry, fill: Callable[[], dict[str, Any]]
) -> None:
    filled = fill()
    page.goto(address)
    rows = page.locator("#jobs tr")
    expect(rows).to_have_count(4)
    expect(page.locator("#summary")).to_contain_text("1 running, 1 waiting")
    expect(rows.nth(0)).to_contain_text("search 5/20")
    expect(rows.nth(0)).to_contain_text("6 min")  # 400 s left
    Queue(registry).renew(filled["running"], JobProgress(phase="search", done=6, total=20))
    expect(rows.nth(0)).to_contain_text("search 6/20")  # by itself
    page.on("dialog", lambda dialog: dialog.accept())
    rows.nth(0).get_by_role("button", name="cancel").click()
    expect(rows.nth(0)).to_contain_text("stopping")
    assert registry.job(filled["jobs"][0].id).cancel_requested
    failed = page.locator("#jobs tr", has_text="poisoned")
    failed.get_by_role("button", name="retry").click()
    expect(failed).to_contain_text("queued")
    page.get_by_role("button", name="pause the queue").click()
    expect(page.locator("#summary")).to_contain_text("the queue is paused")
    assert problems == []


def test_a_refused_action_is_told_to_the_person(
    page: Page, address: str, registry: Registry, fill: Callable[[], dict[str, Any]]
) -> None:
    filled = fill()
    page.goto(address)
    cancelled = page.locator("#jobs tr", has_text="as1 seed 1")
    expect(cancelled.get_by_role("button", name="resume")).to_be_visible()
    # the page's next look at the queue is held back, so that the button is of an hour ago
    page.route("**/api/queue", lambda route: route.abort())
    registry.resume(filled["jobs"][1].id)
    cancelled.get_by_role("button", name="resume").click()
    expect(page.locator("#trouble")).to_contain_text("resume is for jobs that are cancelled")
    page.unroute("**/api/queue")


def test_names_logs_and_errors_are_text_whatever_they_hold(
    page: Page, problems: list[str], address: str, fill: Callable[[], dict[str, Any]]
) -> None:
    filled = fill()
    page.goto(address)
    expect(page.locator("#jobs tr td.name", has_text="onerror")).to_have_text(EVIL)
    for job in filled["jobs"]:
        page.locator(f'#jobs tr[data-job="{job.id}"] td.name').click()
        expect(page.locator("#details-title")).to_contain_text(f"Job {job.id}")
    page.locator("#jobs tr").nth(0).click()
    expect(page.locator("#log")).to_have_text(EVIL)
    assert page.locator("#jobs img, #jobs script, #details img, #details script").count() == 0
    assert page.title() == "posenas queue"
    assert problems == []


def test_the_page_forbids_a_script_that_got_in_all_the_same(
    page: Page, problems: list[str], address: str
) -> None:
    """The control of the test above: were something inserted as HTML, it would still not run."""
    page.goto(address)
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"document.title=1\">x</p>')")
    page.locator("p", has_text="x").last.click()
    assert page.title() == "posenas queue"
    assert any("Content Security Policy" in line for line in problems)
