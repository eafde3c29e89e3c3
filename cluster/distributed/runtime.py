"""Joining a Ray cluster, or starting one on this machine, and finding room for workers in it."""

import contextlib
import logging
import math
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import ray
from ray.exceptions import AuthenticationError
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from cluster.distributed.config import RuntimeConfig
from cluster.distributed.process_group import own_process_groups

__all__ = ["HEALTH_CHECK", "Runtime", "Slot", "token_file", "token_state"]

HEALTH_CHECK = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 2000,
    "health_check_failure_threshold": 3,
}
"""A node that stopped answering is given up after 3 x (0.5 + 2) = 7.5 s; Ray's own settings take 64 s.

A cluster that others started keeps its own; docs/cluster.md says how to give these to `ray start`.
"""


_PACKAGES = ("cluster", "nas", "lifting", "encoding")
"""What our workers import."""


@dataclass(frozen=True)
class Slot:
    """Called, makes one worker in its reserved place.

    Attributes:
        group: where the place is.
        make: makes the actor.
    """

    group: PlacementGroup
    make: Callable[[], Any]

    def __call__(self) -> Any:
        """The actor."""
        return self.make()


class Runtime:
    """A context in which Ray can be used; on leaving, only what was started here is stopped.

    Args:
        config: where to go.
        num_cpus: how many CPUs a Ray started here offers; by default all.

    Raises (on entering):
        ValueError: no cluster can be joined at the address; the sentence says why and how to mend it.
    """

    def __init__(self, config: RuntimeConfig, num_cpus: int | None = None) -> None:
        self.config = config
        self._num_cpus = num_cpus
        self._connected_here = False
        self._groups: list[PlacementGroup] = []

    def __enter__(self) -> Self:
        if not ray.is_initialized():  # a connection of the caller is used, and left open
            if self.config.address in (None, "local"):
                _start(self._num_cpus or self._asked_cpus())
            else:
                _join(str(self.config.address))
            self._connected_here = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for group in self._groups:
                remove_placement_group(group)
            self._groups.clear()
        finally:
            if self._connected_here:  # disconnects from a cluster that was joined; stops one started here
                ray.shutdown()
                self._connected_here = False

    def room(self) -> int:
        """How many more workers the cluster has room for now."""
        free: Mapping[str, Mapping[str, float]]
        free = ray._private.state.available_resources_per_node()  # type: ignore[no-untyped-call]
        # 1e-6: what Ray has left of 1 CPU after ten times 0.1 is not exactly nothing
        return sum(
            min(int(node.get(name, 0) / need + 1e-6) for name, need in self._needs())
            for node in free.values()
        )

    def place(
        self, workers: int | Literal["auto"] | None = None, timeout_seconds: float | None = None
    ) -> list[tuple[PlacementGroup, int]]:
        """Reserve room for workers.

        Args:
            workers: how many; by default as configured.
            timeout_seconds: how long to wait for room; by default as configured.

        Returns:
            One (placement group, bundle) for each worker.

        Raises:
            ValueError: there is no such room, or not in time; it says what was asked for and what there is.
        """
        workers = self.config.workers if workers is None else workers
        count = self.room() if workers == "auto" else workers
        if workers != "auto" and count < 1:
            raise ValueError(f"`workers` is {workers}; 1 or more, or `auto`, is needed to search on Ray")
        if count < 1:
            raise ValueError(self._no_room("at least 1 worker", "has no resources"))
        group = placement_group([self.config.resources()] * count, strategy=self.config.placement)
        seconds = timeout_seconds or self.config.placement_timeout_seconds
        if not group.wait(seconds):
            remove_placement_group(group)
            raise ValueError(self._no_room(f"{count} workers", f"had no free resources within {seconds:g} s"))
        self._groups.append(group)
        return [(group, bundle) for bundle in range(count)]

    def broken(self, group: PlacementGroup) -> bool:
        """Whether a machine was lost with a part of reserved room, and Ray has found no other for it yet."""
        state: str = placement_group_table(group)["state"]
        return state == "RESCHEDULING"

    def leave(self, group: PlacementGroup) -> None:
        """Give back reserved room; it ends the workers in it."""
        remove_placement_group(group)
        self._groups.remove(group)

    def in_place(self, cls: type, place: tuple[PlacementGroup, int]) -> Slot:
        """Makes a worker of a class in its reserved place, as often as asked.

        Ray restarts its process when it dies and repeats none of its calls; that is the dispatcher's part.
        """
        actor: Any = ray.remote(cls).options(
            num_cpus=self.config.cpus_per_worker,
            num_gpus=self.config.gpus_per_worker,
            max_restarts=-1,
            max_task_retries=0,
            scheduling_strategy=PlacementGroupSchedulingStrategy(*place),
        )
        return Slot(place[0], actor.remote)

    def describe(self) -> str:
        """What the cluster has, in one line."""
        nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
        total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        parts = [
            f"{total.get(name, 0):g} {name}s ({free.get(name, 0):g} free)"
            for name in ("CPU", "GPU")
            if name == "CPU" or total.get(name)
        ]
        return f"{len(nodes)} machine{'s' if len(nodes) != 1 else ''} with {' and '.join(parts)}"

    def _asked_cpus(self) -> int | None:
        """CPUs that a Ray of our own must offer: more than there are, if more workers are asked for."""
        if self.config.workers == "auto":
            return None
        needed = math.ceil(self.config.workers * self.config.cpus_per_worker)
        return max(needed, len(os.sched_getaffinity(0)))

    def _needs(self) -> list[tuple[str, float]]:
        return list(self.config.resources().items())

    def _no_room(self, asked: str, verdict: str) -> str:
        needs = " and ".join(f"{need:g} {name}" for name, need in self._needs())
        return (
            f"the Ray cluster {verdict} for {asked} of {needs} each (placement {self.config.placement}): "
            f"it has {self.describe()}; ask for fewer workers, or start Ray on more machines"
        )


def token_state(environment: Mapping[str, str] = os.environ) -> tuple[str, bool]:
    """Ray's token authentication as this process sees it: (RAY_AUTH_MODE or "", whether a token is at hand).

    A token is looked for where Ray looks: RAY_AUTH_TOKEN, the file RAY_AUTH_TOKEN_PATH, ~/.ray/auth_token.
    """
    has_token = bool(environment.get("RAY_AUTH_TOKEN")) or token_file(environment).is_file()
    return environment.get("RAY_AUTH_MODE", ""), has_token


def token_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Where Ray looks for a token that is not in RAY_AUTH_TOKEN itself."""
    return Path(environment.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")


def _start(num_cpus: int | None) -> None:
    """Start Ray on this machine. It turns token authentication on by itself and keeps its token at home."""
    with own_process_groups(), _own_code_first(), _short_paths():
        ray.init(
            address="local",
            num_cpus=num_cpus,
            # Ray listens on every interface unless its node is loopback. A cluster of machines is begun by
            # `ray start --head`, and joined.
            _node_ip_address="127.0.0.1",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            # Ray's own metrics are not read where there is no dashboard
            _system_config={**HEALTH_CHECK, "enable_metrics_collection": False},
        )
    with contextlib.suppress(OSError):  # none was needed, or it is not ours
        token_file().chmod(0o600)


@contextmanager
def _short_paths() -> Iterator[None]:
    """Turn what Ray says of a folder for temporary files whose path is too long into a remedy."""
    try:
        yield
    except OSError as error:
        if "AF_UNIX" not in str(error):
            raise
        place = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
        raise ValueError(
            f"Ray keeps its sockets in {place} (from TMPDIR), whose path of {len(place)} characters is too "
            "long for them: set RAY_TMPDIR=/tmp"
        ) from error


@contextmanager
def _own_code_first() -> Iterator[None]:
    """Let no folder of the user's own shadow our packages in Ray's workers.

    Ray puts the folder in which it is started first on the import path of its workers, so that a package
    `cluster` or `nas` there would be imported instead of ours. In such a folder Ray is started from ours.
    """
    ours = Path(__file__).resolve().parents[2]
    own_names = [name for name in _PACKAGES if Path(name).is_dir() or Path(f"{name}.py").exists()]
    if not own_names or Path().resolve() == ours:
        yield
        return
    with contextlib.chdir(ours):
        yield


def _join(address: str) -> None:
    """Join a running cluster, with the token if one is at hand: a cluster without tokens ignores it."""
    if address != "auto":
        _check_reachable(address)
    logging.getLogger("ray").setLevel(logging.ERROR)
    _use_token_at_hand()
    with _own_code_first():
        _connect(address, lambda: ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR))


def _use_token_at_hand() -> None:
    """What Ray itself does for the address "auto" alone.

    Setting RAY_AUTH_MODE here would come too late: Ray reads it when it is imported.
    """
    try:
        from ray._private.authentication.authentication_token_setup import (
            maybe_enable_token_auth_if_token_available,
        )
    except ImportError:  # Ray before 2.59 uses tokens only where RAY_AUTH_MODE says so
        return
    maybe_enable_token_auth_if_token_available(warn_if_disabled=False)


def _check_reachable(address: str) -> None:
    """Ray itself waits more than a minute for an address where no server listens, then ends the process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        raise ValueError(
            f"the Ray address is {address!r}; HOST:PORT (the port is usually 6379) or `auto` is needed"
        )
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError as error:
        raise ValueError(
            f"no Ray cluster answers at {address} ({error}); start one with `ray start --head` there, "
            "or give the address that `ray start --head` printed"
        ) from error


def _connect(address: str, connect: Callable[[], object]) -> None:
    """Turn what Ray raises on joining into one sentence with a remedy."""
    try:
        connect()
    except (AuthenticationError, ConnectionError, RuntimeError) as error:
        mode, has_token = token_state()
        ours = f"RAY_AUTH_MODE={mode or 'unset'} and {'a' if has_token else 'no'} token"
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"the Ray cluster at {address!r} could not be joined with {ours} here ({reason}); if it uses "
            "token authentication, set RAY_AUTH_MODE=token and copy the head's token (`ray get-auth-token` "
            "prints it there) to ~/.ray/auth_token; if none runs, start one with `ray start --head`"
        ) from error
