"""Joining Ray, finding room, and saying what is wrong."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import ray
from pydantic import ValidationError
from ray.exceptions import AuthenticationError

from cluster.distributed.config import RuntimeConfig
from cluster.distributed.runtime import HEALTH_CHECK, Runtime, token_state


def test_a_frozen_machine_is_given_up_within_ten_seconds() -> None:
    # 1 s until the first check; each of 3 failed ones takes its pause of 0.5 s and its timeout of 2 s
    checks = HEALTH_CHECK["health_check_failure_threshold"]
    each = HEALTH_CHECK["health_check_period_ms"] + HEALTH_CHECK["health_check_timeout_ms"]
    total = HEALTH_CHECK["health_check_initial_delay_ms"] + checks * each
    assert total == 8500


@pytest.mark.parametrize("settings", [{"workers": "many"}, {"gpus_per_worker": -1}, {"placement": "HEAP"}])
def test_settings_are_checked(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RuntimeConfig(**settings)


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({}, ("", False)),
        ({"RAY_AUTH_MODE": "token"}, ("token", False)),
        ({"RAY_AUTH_TOKEN": "abc"}, ("", True)),
        ({"RAY_AUTH_TOKEN_PATH": "/nonexistent"}, ("", False)),
    ],
)
def test_a_token_is_looked_for_where_ray_looks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], state: tuple[str, bool]
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert token_state(environment) == state
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("abc")
    found = state[1] or "RAY_AUTH_TOKEN_PATH" not in environment
    assert token_state(environment) == (state[0], found)


def join(address: str) -> None:
    with Runtime(RuntimeConfig(address=address)):
        pass


@pytest.fixture
def no_ray(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As if this process had no connection to Ray; the session's is left alone."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    return monkeypatch


def test_an_address_where_nobody_listens_is_said_at_once(no_ray: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ValueError, match=rf"no Ray cluster answers at {address} .*`ray start --head`"):
            join(address)


@pytest.mark.parametrize("address", ["somewhere", "host:", ":6379", "host:http"])
def test_an_address_needs_host_and_port(no_ray: pytest.MonkeyPatch, address: str) -> None:
    with pytest.raises(ValueError, match=f"the Ray address is '{address}'; HOST:PORT"):
        join(address)


@pytest.mark.parametrize("error", [ConnectionError("Failed to connect"), AuthenticationError("no token")])
def test_a_refused_token_comes_with_its_remedy(no_ray: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(**settings: Any) -> None:
        raise error

    no_ray.setattr(ray, "init", refuse)
    no_ray.setenv("RAY_AUTH_TOKEN", "wrong")
    message = (
        r"could not be joined with RAY_AUTH_MODE=token and a token here .*set RAY_AUTH_MODE=token and copy"
    )
    with pytest.raises(ValueError, match=message):
        join("auto")


def test_a_token_at_hand_is_used_for_any_address(tmp_path: Path) -> None:
    # a process of its own: Ray keeps mode and token for as long as a process lives
    program = """
import ray, cluster.distributed.runtime
from ray._private.authentication.authentication_utils import is_token_auth_enabled
print(is_token_auth_enabled())
cluster.distributed.runtime._use_token_at_hand()
print(is_token_auth_enabled())
"""
    names = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    for token, modes in (({}, ["False", "False"]), ({"RAY_AUTH_TOKEN": "a" * 40}, ["False", "True"])):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**environment, "HOME": str(tmp_path), **token},
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout.split() == modes


def test_a_ray_of_our_own_offers_what_is_asked_for(no_ray: pytest.MonkeyPatch) -> None:
    started: list[dict[str, Any]] = []
    no_ray.setattr(ray, "init", lambda **settings: started.append(settings))
    no_ray.setattr(ray, "shutdown", lambda: None)
    many = 3 * len(os.sched_getaffinity(0))
    for workers in ("auto", 1, many):
        with Runtime(RuntimeConfig(workers=workers)):
            pass
    cores = len(os.sched_getaffinity(0))
    assert [settings["num_cpus"] for settings in started] == [None, cores, many]
    assert all(settings["address"] == "local" for settings in started)
    assert all(settings["include_dashboard"] is False for settings in started)
    assert all(settings["_system_config"].items() >= HEALTH_CHECK.items() for settings in started)


@pytest.mark.ray
def test_only_what_was_started_here_is_stopped(ray_runtime: Runtime) -> None:
    with Runtime(RuntimeConfig(workers=1)) as inner:
        assert len(inner.place()) == 1
    assert ray.is_initialized()


@pytest.mark.ray
def test_what_cannot_be_placed_is_said_with_what_there_is(ray_runtime: Runtime) -> None:
    config = RuntimeConfig(workers=64, placement="SPREAD", placement_timeout_seconds=0.3)
    message = (
        r"had no free resources within 0.3 s for 64 workers of 1 CPU each \(placement SPREAD\): "
        r"it has 1 machine with 24 CPUs \(\d+ free\); ask for fewer workers, or start Ray on more machines"
    )
    with Runtime(config) as runtime, pytest.raises(ValueError, match=message):
        runtime.place()


def test_no_worker_at_all_cannot_be_placed() -> None:
    with pytest.raises(ValueError, match="`workers` is 0; 1 or more, or `auto`"):
        Runtime(RuntimeConfig(workers=0)).place()


@pytest.mark.ray
def test_a_cluster_without_gpus_has_no_room_for_workers_that_need_one(ray_runtime: Runtime) -> None:
    config = RuntimeConfig(workers="auto", gpus_per_worker=0.5)
    with Runtime(config) as runtime:
        assert runtime.room() == 0
        with pytest.raises(
            ValueError, match=r"has no resources for at least 1 worker of 1 CPU and 0.5 GPU each"
        ):
            runtime.place()
