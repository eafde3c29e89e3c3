"""Ray's own processes, kept out of signals that are meant for the run.

A queue, a container or a shell that stops a job often signals its whole process group. Ray's daemons would
then die with the first signal, before the run has finished its step and saved it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from ray._private import services

__all__ = ["own_process_groups"]


@contextmanager
def own_process_groups() -> Iterator[None]:
    """Each process that Ray starts inside leads a process group of its own, with all that it starts itself.

    They still end with this process, however it ends: on Linux Ray asks the kernel for that.
    """
    if not sys.platform.startswith("linux") or not hasattr(services, "ConsolePopen"):
        yield  # elsewhere the group is how Ray finds what it has to end
        return
    popen = services.ConsolePopen
    services.ConsolePopen = partial(popen, process_group=0)  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        services.ConsolePopen = popen  # type: ignore[misc]
