"""`posenas ui`: MLflow's pages on the store that runs are recorded in, for this machine alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from cluster.tracking.mlflow_store import artifact_root, connect, resolve

__all__ = ["free_port", "serve", "server_command", "server_environment"]

HOST = "127.0.0.1"
_PORTS_TRIED = 50
# Without it MLflow 3.17 opens in its GenAI mode in a browser that has not seen it before, whatever the
# experiment's tag says.
_TRAINING_MODE = "workflowType=machine_learning"


def server_command(uri: str, port: int) -> list[str]:
    """The command line of an MLflow server on the store at `uri`: loopback, one worker.

    MLflow's default of four workers and a job runner takes 13 processes and 2.7 GB; so it is two and 0.5 GB.
    """
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--backend-store-uri", resolve(uri)]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--uvicorn-opts", "--log-level warning"]
    root = artifact_root(uri)
    # for experiments that someone makes in the UI: beside the database, not in the current folder
    return command if root is None else [*command, "--default-artifact-root", root]


def server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the server: no job runner, and no usage statistics."""
    ours = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONWARNINGS": "ignore",  # of MLflow's own making; they would bury the address
    }
    return {**environment, **ours}


def free_port(wanted: int, host: str = HOST) -> int:
    """`wanted`, or the first port after it on which no program listens.

    Raises:
        ValueError: none of 50 ports is free, or the host is no address of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.bind((address[0], 0))
    except OSError as error:
        raise ValueError(f"{host!r} is no address of this machine ({error}); give another --host") from error
    for port in range(wanted, min(wanted + _PORTS_TRIED, 65536)):
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address[0], port))
            except OSError:
                continue
            return port
    last = min(wanted + _PORTS_TRIED, 65536) - 1
    raise ValueError(
        f"no port from {wanted} to {last} is free on {host}: other programs listen there; give another --port"
    )


def serve(
    uri: str = "sqlite:///mlflow.db",
    *,
    port: int = 5000,
    experiment: str = "posenas",
    say: Callable[[str], None] = print,
) -> int:
    """Show the store at `uri` until Ctrl-C; its address is said when it listens. The server's exit code.

    A store that is itself a server needs none: its address is said, and that is all.

    Args:
        uri: MLflow store.
        port: the first to try.
        experiment: whose page is named.
        say: takes a line.

    Raises:
        FileNotFoundError: the SQLite file does not exist.
        ValueError: no port is free, or the store cannot be used.
    """
    client = connect(uri, create=False)
    found = client.get_experiment_by_name(experiment)
    page = "" if found is None else f"#/experiments/{found.experiment_id}/runs?{_TRAINING_MODE}"
    if urlsplit(resolve(uri)).scheme in ("http", "https"):
        say(f"MLflow is already served at {resolve(uri)}/{page}")
        return 0
    chosen = free_port(port)
    if chosen != port:
        say(f"port {port} is taken, so it is {chosen}")
    command, environment = server_command(uri, chosen), server_environment(os.environ)
    # a session of its own: MLflow's server has children, and all of them end together
    server = subprocess.Popen(command, env=environment, start_new_session=True)
    # SIGINT too: a shell starts background jobs with it ignored, and Python then leaves it so
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if _listens(server, chosen):
            say(f"MLflow shows {resolve(uri)} at http://{HOST}:{chosen}/{page}  (Ctrl-C ends it)")
        return server.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _stop(server)


def _listens(server: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server takes connections; False if it ends before."""
    while server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((HOST, port)) == 0:
                return True
        time.sleep(0.1)
    return False


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and its children: asked first, made to after 10 s."""
    for sign, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, None)):
        try:
            os.killpg(server.pid, sign)
            server.wait(patience)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
