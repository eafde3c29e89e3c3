"""How much room a worker's place has: this machine, or a Ray cluster."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Protocol

from cluster.registry.records import Resources
from cluster.scheduling.queue import Host

__all__ = ["HostSource", "LocalHost", "RayHost", "local_gpus"]

PROBE_SECONDS = 2.0
JOIN_SECONDS = 60.0
STALE_SECONDS = 15.0


class HostSource(Protocol):
    """Tells the place and its room as they are now."""

    def place(self) -> Host:
        """As of this moment."""

    def close(self) -> None:
        """End what it has started."""


class LocalHost:
    """This machine; its workers share what they offer.

    Args:
        cpus, gpus: what may be used; None: all there is.
    """

    def __init__(self, cpus: float | None = None, gpus: float | None = None) -> None:
        cpus = len(os.sched_getaffinity(0)) if cpus is None else cpus
        gpus = local_gpus() if gpus is None else gpus
        self._place = Host(name=socket.gethostname(), capacity=Resources(cpus=cpus, gpus=gpus))

    def place(self) -> Host:
        """Only our own jobs count as use."""
        return self._place

    def close(self) -> None:
        """Nothing was started."""


class RayHost:
    """A Ray cluster. It is watched by a process of its own: what ends that process does not end the worker.

    Args:
        address: `auto` or HOST:PORT.

    Raises:
        ValueError: the cluster cannot be joined.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._heard: tuple[float, Host] | None = None
        self._probe = _Probe(address, self._listen)
        deadline = time.monotonic() + JOIN_SECONDS
        while self._heard is None:
            if not self._probe.alive or time.monotonic() > deadline:
                self._probe.close()
                raise ValueError(self._probe.last_words or f"the Ray cluster at {address!r} does not answer")
            time.sleep(0.1)

    def place(self) -> Host:
        """As last heard; without any room while nothing is heard of the cluster."""
        if not self._probe.alive:
            self._probe.close()
            self._probe = _Probe(self._address, self._listen)
        assert self._heard is not None
        at, place = self._heard
        if time.monotonic() - at > STALE_SECONDS:
            return Host(name=place.name, capacity=place.capacity, free=Resources(cpus=0))
        return place

    def close(self) -> None:
        """End the watching process."""
        self._probe.close()

    def _listen(self, line: str) -> None:
        answer = json.loads(line)
        place = Host(
            name=f"ray {answer['cluster']}",
            capacity=Resources(**answer["all"]),
            free=Resources(**answer["free"]),
        )
        self._heard = (time.monotonic(), place)


class _Probe:
    """The process that is joined to the cluster; `listen` is called with each line of it, in a thread."""

    def __init__(self, address: str, listen: Callable[[str], None]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `close`
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cluster.scheduling.hosts", address],
            stdin=subprocess.PIPE,  # its end tells the probe that the worker is gone
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        self._thread = threading.Thread(target=self._read, args=(listen,), daemon=True)
        self._thread.start()
        self.last_words = ""

    @property
    def alive(self) -> bool:
        """Whether it still watches."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it, and keep what it said last."""
        self._process.terminate()
        self._process.wait()
        self._thread.join()
        self._errors.seek(0)
        self.last_words = next(iter(self._errors.read().strip().splitlines()[-1:]), "")
        for file in (self._process.stdin, self._process.stdout, self._errors):
            if file is not None:
                file.close()

    def _read(self, listen: Callable[[str], None]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            listen(line)


def local_gpus() -> int:
    """GPUs that this process may use, as NVIDIA's driver tells."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return len([device for device in visible.split(",") if device.strip() not in ("", "-1")])
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    answer = subprocess.run([program, "-L"], capture_output=True, text=True, check=False)
    return sum(line.startswith("GPU ") for line in answer.stdout.splitlines())


def _probe(address: str) -> None:
    """Print what the cluster has, line by line, until stdin ends."""
    import select

    import ray

    from cluster.distributed.config import RuntimeConfig
    from cluster.distributed.runtime import Runtime

    try:
        with Runtime(RuntimeConfig(address=address)):
            cluster = ray.get_runtime_context().gcs_address
            while not select.select([0], [], [], PROBE_SECONDS)[0]:
                answer = {"cluster": cluster}
                for name, values in (("all", ray.cluster_resources()), ("free", ray.available_resources())):  # type: ignore[no-untyped-call]
                    answer[name] = {"cpus": values.get("CPU", 0.0), "gpus": values.get("GPU", 0.0)}
                print(json.dumps(answer), flush=True)  # noqa: T201 - read by RayHost
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    _probe(sys.argv[1])
