"""The page's answers: three files, the queue and each job as JSON, and the actions of a person."""

from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import OperationalError

from cluster.registry.registry import Registry
from cluster.scheduling.page.guard import Guard
from cluster.scheduling.page.snapshot import job_details, queue_snapshot

__all__ = ["create_app"]

_STATIC = Path(__file__).with_name("static")
_FILES = {"": "index.html", "page.css": "page.css", "page.js": "page.js"}


def create_app(
    registry: Registry, *, token: str | None = None, run_address: Callable[[str], str] | None = None
) -> FastAPI:
    """The page on an open registry.

    Args:
        registry: what it shows and acts on.
        token: what a visitor must show; None where it is served on loopback.
        run_address: the address of a run's page in MLflow, by the run's id; raises ValueError where there is
            none to open. None: the page offers no such links.
    """
    app = FastAPI(title="posenas queue", docs_url=None, redoc_url=None, openapi_url=None)
    app.middleware("http")(Guard(token))
    app.exception_handler(ValueError)(_bad_request)
    app.exception_handler(OperationalError)(_unreachable)
    app.exception_handler(ConnectionError)(_no_mlflow)
    _add_pages(app, registry, run_address)
    _add_actions(app, registry)
    return app


def _add_pages(app: FastAPI, registry: Registry, run_address: Callable[[str], str] | None) -> None:
    @app.get("/")
    @app.get("/{name}.css")
    @app.get("/{name}.js")
    def file(request: Request) -> Response:
        name = _FILES.get(request.url.path.removeprefix("/"))
        if name is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return FileResponse(_STATIC / name)

    @app.get("/api/queue")
    def queue() -> dict[str, Any]:
        return queue_snapshot(registry)

    @app.get("/api/jobs/{job_id}")
    def job(job_id: int) -> dict[str, Any]:
        return job_details(registry, job_id)

    @app.get("/mlflow/{job_id}")
    def mlflow(job_id: int) -> Response:
        run = registry.job(job_id).mlflow_run_id
        if run is None or run_address is None:
            raise ValueError(f"job {job_id} has no run in an MLflow that this page knows of")
        return RedirectResponse(run_address(run), HTTPStatus.SEE_OTHER)


def _add_actions(app: FastAPI, registry: Registry) -> None:
    verbs = {"cancel": registry.cancel, "retry": registry.retry, "resume": registry.resume}

    @app.post("/api/jobs/{job_id}/{verb}")
    def act(job_id: int, verb: str) -> dict[str, Any]:
        if verb not in verbs:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return {"state": verbs[verb](job_id).state}

    @app.post("/api/mode/{mode}")
    def set_mode(mode: str) -> dict[str, Any]:
        if mode not in ("open", "paused", "draining"):
            raise HTTPException(HTTPStatus.NOT_FOUND)
        registry.set_mode(mode)  # type: ignore[arg-type]
        return {"mode": mode}


async def _bad_request(_request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, HTTPStatus.CONFLICT)


async def _no_mlflow(_request: Request, error: Exception) -> Response:
    return JSONResponse({"detail": f"MLflow does not answer: {error}"}, HTTPStatus.SERVICE_UNAVAILABLE)


async def _unreachable(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"detail": "the registry does not answer"}, HTTPStatus.SERVICE_UNAVAILABLE)
