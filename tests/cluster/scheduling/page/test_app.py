"""The page's answers, and who gets them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from cluster.registry.records import Job, JobProgress
from cluster.registry.registry import Registry
from cluster.scheduling.page.app import create_app
from cluster.scheduling.page.guard import ACTION_HEADER, COOKIE
from cluster.scheduling.page.snapshot import RECENT, queue_snapshot
from cluster.scheduling.queue import Queue

HOME = "http://127.0.0.1:8400"
MEANT = {ACTION_HEADER: "queue"}
Add = Callable[..., tuple[Job, ...]]


@pytest.fixture
def page(registry: Registry) -> Iterator[TestClient]:
    app = create_app(registry, run_address=lambda run: f"http://127.0.0.1:5000/#/experiments/1/runs/{run}")
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        yield client


@pytest.fixture
def guarded(registry: Registry) -> Iterator[TestClient]:
    with TestClient(
        create_app(registry, token="secret"), base_url="http://host:8400", follow_redirects=False
    ) as client:
        yield client


def jobs_of(page: TestClient) -> dict[int, dict[str, Any]]:
    return {job["id"]: job for job in page.get("/api/queue").json()["jobs"]}


def test_the_queue_says_what_runs_how_far_and_what_waits_for_what(
    page: TestClient, registry: Registry, add: Add, place: Callable[..., Any]
) -> None:
    running, waiting = add("first", "second")
    (chained,) = add("third", after=(waiting.id,))
    claim = Queue(registry).claim("worker-1", place(cpus=1))
    assert claim is not None
    assert claim.job.id == running.id
    Queue(registry).renew(claim, JobProgress(phase="search", done=3, total=20, seconds_left=170.0))
    jobs = jobs_of(page)
    assert list(jobs) == [running.id, waiting.id, chained.id]
    assert jobs[running.id]["state"] == "running"
    assert jobs[running.id]["where"] == "worker-1"
    assert jobs[running.id]["progress"] == "search 3/20"
    assert (jobs[running.id]["done"], jobs[running.id]["total"]) == (3, 20)
    assert jobs[running.id]["left"].startswith("2 min")  # 170 s
    assert jobs[chained.id]["remark"] == f"after {waiting.id}"


def test_only_the_newest_ended_jobs_are_shown_and_the_others_counted(
    registry: Registry, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in add(*(f"job {number}" for number in range(4))):
        registry.cancel(job.id)
    monkeypatch.setattr("cluster.scheduling.page.snapshot.RECENT", 3)
    snapshot = queue_snapshot(registry)
    assert len(snapshot["jobs"]) == 3
    assert snapshot["hidden"] == 1
    assert RECENT > 3


def test_a_job_is_shown_with_its_events_and_settings(page: TestClient, add: Add) -> None:
    (job,) = add("first")
    page.post(f"/api/jobs/{job.id}/cancel", headers=MEANT)
    details = page.get(f"/api/jobs/{job.id}").json()
    assert details["job"]["name"] == "first"
    assert [event["kind"] for event in details["events"]][-1] == "cancel"
    assert "claim_token" not in details["job"]


def test_jobs_are_cancelled_and_resumed(page: TestClient, add: Add, registry: Registry) -> None:
    (job,) = add("first")
    assert page.post(f"/api/jobs/{job.id}/cancel", headers=MEANT).json() == {"state": "cancelled"}
    assert page.post(f"/api/jobs/{job.id}/resume", headers=MEANT).json() == {"state": "queued"}
    assert registry.job(job.id).state == "queued"


def test_an_action_that_cannot_be_is_answered_with_the_registrys_sentence(page: TestClient, add: Add) -> None:
    (job,) = add("first")
    answer = page.post(f"/api/jobs/{job.id}/retry", headers=MEANT)
    assert answer.status_code == 409
    assert "retry is for jobs that are failed" in answer.json()["detail"]
    assert "there is no job 99" in page.get("/api/jobs/99").json()["detail"]
    assert page.post(f"/api/jobs/{job.id}/explode", headers=MEANT).status_code == 404


def test_the_queue_is_paused_and_opened(page: TestClient, registry: Registry) -> None:
    page.post("/api/mode/paused", headers=MEANT)
    assert registry.mode() == "paused"
    page.post("/api/mode/open", headers=MEANT)
    assert registry.mode() == "open"


def test_a_run_is_found_in_mlflow(
    page: TestClient, registry: Registry, add: Add, place: Callable[..., Any]
) -> None:
    (job,) = add("first")
    assert "no run in an MLflow" in page.get(f"/mlflow/{job.id}").json()["detail"]
    claim = Queue(registry).claim("worker-1", place())
    assert claim is not None
    Queue(registry).renew(claim, JobProgress(mlflow_run_id="abc"))
    answer = page.get(f"/mlflow/{job.id}")
    assert answer.headers["Location"] == "http://127.0.0.1:5000/#/experiments/1/runs/abc"


def test_names_and_logs_travel_as_data_and_the_page_allows_no_foreign_script(
    page: TestClient, add: Add
) -> None:
    evil = "<script>document.title='owned'</script>"
    (job,) = add(evil)
    answer = page.get(f"/api/jobs/{job.id}")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["job"]["name"] == evil
    html = page.get("/")
    assert evil not in html.text
    assert "script-src 'self'" in html.headers["Content-Security-Policy"]
    assert "unsafe" not in html.headers["Content-Security-Policy"]
    assert html.headers["X-Content-Type-Options"] == "nosniff"
    assert page.get("/page.js").headers["Content-Type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/other.js", "/%2e%2e/app.py", "/../app.py", "/page.js/../../app.py"])
def test_only_the_pages_own_files_are_served(page: TestClient, path: str) -> None:
    assert page.get(path).status_code == 404


def test_another_site_cannot_act(page: TestClient, add: Add, registry: Registry) -> None:
    (job,) = add("first")
    cancel = f"/api/jobs/{job.id}/cancel"
    assert page.post(cancel).status_code == 403
    assert page.post(cancel, headers={**MEANT, "Origin": "http://evil.example"}).status_code == 403
    assert registry.job(job.id).state == "queued"
    assert page.post(cancel, headers={**MEANT, "Origin": HOME}).status_code == 200


def test_on_loopback_a_foreign_name_for_this_machine_is_not_answered(page: TestClient) -> None:
    assert page.get("/api/queue", headers={"Host": "evil.example"}).status_code == 403
    assert page.get("/api/queue", headers={"Host": "localhost:8400"}).status_code == 200
    assert page.get("/api/queue", headers={"Host": "[::1]:8400"}).status_code == 200


def test_elsewhere_a_token_is_needed(guarded: TestClient) -> None:
    assert guarded.get("/api/queue").status_code == 401
    assert guarded.get("/?token=wrong").status_code == 401
    assert guarded.get("/api/queue", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert guarded.get("/api/queue", headers={"Authorization": "Bearer secret"}).status_code == 200
    assert guarded.post("/api/mode/paused", headers=MEANT).status_code == 401


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_gets(guarded: TestClient) -> None:
    entered = guarded.get("/?token=secret")
    assert entered.status_code == 303
    assert entered.headers["Location"] == "/"
    cookie = entered.headers["Set-Cookie"].lower()
    assert cookie.startswith(COOKIE)
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert guarded.get("/api/queue").status_code == 200


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63, 10**30])
def test_a_number_that_no_job_can_have_is_answered_in_a_sentence(page: TestClient, number: int) -> None:
    for answer in (
        page.get(f"/api/jobs/{number}"),
        page.get(f"/mlflow/{number}"),
        page.post(f"/api/jobs/{number}/cancel", headers={ACTION_HEADER: "1"}),
    ):
        assert answer.status_code == 409
        assert answer.json()["detail"].startswith(f"there is no job {number}")


@pytest.mark.parametrize("origin", ["http://[", "http://[::1", "null", "//", "http://]:80"])
def test_an_origin_that_is_no_address_is_refused(page: TestClient, add: Add, origin: str) -> None:
    (job,) = add("a")
    answer = page.post(f"/api/jobs/{job.id}/cancel", headers={ACTION_HEADER: "1", "Origin": origin})
    assert answer.status_code == 403


def test_an_mlflow_that_does_not_answer_is_a_sentence(registry: Registry, add: Add) -> None:
    def away(_run: str) -> str:
        raise ConnectionError("no MLflow server answers")

    (job,) = add("a")
    with registry.database.writing() as connection:
        connection.execute(text("UPDATE job SET mlflow_run_id = 'abc'"))
    with TestClient(create_app(registry, run_address=away), base_url="http://127.0.0.1") as page:
        answer = page.get(f"/mlflow/{job.id}")
    assert answer.status_code == 503
    assert "no MLflow server answers" in answer.json()["detail"]
