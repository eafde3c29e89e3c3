import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from cluster.tracking.tracker import MlflowTracker
from cluster.tracking.ui import HOST, free_port, serve, server_command, server_environment


def test_the_server_has_one_worker_on_loopback_and_keeps_artifacts_beside_the_database(
    tmp_path: Path,
) -> None:
    command = server_command(f"sqlite:///{tmp_path}/mlflow.db", 5123)
    assert command[1:] == [
        *("-P", "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"),
        *("--host", "127.0.0.1", "--port", "5123", "--workers", "1"),
        *("--uvicorn-opts", "--log-level warning"),
        *("--default-artifact-root", (tmp_path / "mlartifacts").as_uri()),
    ]


def test_the_server_runs_no_jobs_and_keeps_the_rest_of_the_environment() -> None:
    environment = server_environment({"PATH": "/bin", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "true"})
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    assert environment["PATH"] == "/bin"


def test_a_taken_port_gives_the_next_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert port < free_port(port) <= port + 49


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.tracking.ui._PORTS_TRIED", 1)
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"no port from {port} to {port} is free on 127.0.0.1"):
            free_port(port)


def test_a_store_that_does_not_exist_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no MLflow store .*mlflow\.db yet"):
        serve(f"sqlite:///{tmp_path}/mlflow.db")


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_page_whose_address_is_printed_is_served_until_interrupted(
    sign: signal.Signals, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    MlflowTracker(uri).start("seen", "seen", {}, {})
    code = f"from cluster.tracking.ui import serve; raise SystemExit(serve({uri!r}, port={free_port(5600)}))"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        address = r"at (http://127.0.0.1:(\d+))/#/experiments/\d+/runs\?workflowType=machine_learning"
        # MLflow may say something while it starts; our line comes once it listens
        found = next((match for line in process.stdout if (match := re.search(address, line))), None)
        assert found is not None
        assert b"<title>MLflow</title>" in _answer(found[1])
    finally:
        process.send_signal(sign)
        assert process.wait(60) == 0
        process.stdout.close()
    with socket.socket() as probe:  # nobody listens any more: no child of the server is left behind
        assert probe.connect_ex((HOST, int(found[2]))) != 0


def _answer(address: str) -> bytes:
    """The page, as soon as the server is up."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(480):
        try:
            with opener.open(address, timeout=5) as answer:
                return bytes(answer.read())
        except OSError:
            time.sleep(0.25)
    raise AssertionError(f"{address} has not answered in 120 s")
