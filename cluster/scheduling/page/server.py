"""`posenas queue --web`: the page served until Ctrl-C, its address said first."""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from cluster.registry.registry import Registry
from cluster.scheduling.page.app import create_app
from cluster.scheduling.page.guard import LOOPBACK
from cluster.tracking.mlflow_store import connect
from cluster.tracking.ui import free_port

__all__ = ["mlflow_addresses", "serve_page"]


def serve_page(
    database: str | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 8400,
    token: str | None = None,
    mlflow: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the queue's page until Ctrl-C.

    Args:
        database: the registry's address; as for `Registry.open`.
        host: the address to listen on. On any but loopback a token is needed; one is made if none is given.
        port: the first to try.
        token: what a visitor must show.
        mlflow: http(s) address of the MLflow server whose runs the jobs are; None: that of the environment
            ($MLFLOW_TRACKING_URI), and no links where it names no server.
        say: takes a line.

    Raises:
        ValueError: no port is free, or the registry or MLflow address is wrong.
        ConnectionError: the registry does not answer.
    """
    import uvicorn

    if token is None and host not in LOOPBACK:
        token = secrets.token_urlsafe(24)
    if mlflow is None and _is_server(os.environ.get("MLFLOW_TRACKING_URI", "")):
        mlflow = os.environ["MLFLOW_TRACKING_URI"]
    addresses = None if mlflow is None else mlflow_addresses(mlflow)
    chosen = free_port(port, host)
    with Registry.open(database) as registry:
        app = create_app(registry, token=token, run_address=addresses)
        shown = f"[{host}]" if ":" in host else host
        lines = [
            f"the queue is at http://{shown}:{chosen}/{'' if token is None else f'?token={token}'}"
            "  (Ctrl-C ends it)"
        ]
        if host not in LOOPBACK:
            lines.append(
                "any person who has this address can cancel jobs, and it travels unencrypted: "
                "use it on networks that you trust"
            )

        class Server(uvicorn.Server):
            """Says its address when it listens, not before."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                for line in lines if self.started else ():
                    say(line)

        with suppress(KeyboardInterrupt):
            Server(uvicorn.Config(app, host=host, port=chosen, log_level="warning")).run()


def mlflow_addresses(uri: str) -> Callable[[str], str]:
    """Pages of runs on an MLflow server, by the run's id.

    Raises:
        ValueError: `uri` is not the http(s) address of a server.
    """
    if not _is_server(uri):
        raise ValueError(
            f"the MLflow address is {uri!r}; links need the http(s) address of a server, as `posenas ui` "
            "starts one"
        )

    def address(run_id: str) -> str:
        experiment = connect(uri, create=False).get_run(run_id).info.experiment_id
        return f"{uri.rstrip('/')}/#/experiments/{experiment}/runs/{run_id}"

    return address


def _is_server(uri: str) -> bool:
    return urlsplit(uri).scheme in ("http", "https")
