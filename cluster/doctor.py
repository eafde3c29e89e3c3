"""What works on this machine, what is missing, and how to mend it."""

import importlib
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Literal

__all__ = ["Finding", "diagnose"]

State = Literal["works", "limited", "missing"]

GIB = 1 << 30


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the doctor's table.

    Attributes:
        subject: what was looked at.
        state: "works"; "limited" when posenas runs without it, or slower; "missing" when it does not run.
        found: what there is.
        mend: what to do about it; empty when nothing is needed.
    """

    subject: str
    state: State
    found: str
    mend: str = ""


def diagnose(
    folder: Path | None = None, *, start_ray: bool = True, address: str | None = None
) -> Iterator[Finding]:
    """Look at this machine, one finding after the other; a check that fails is a finding, never an error.

    Args:
        folder: where runs and the MLflow store would lie; the current folder by default.
        start_ray: whether to start Ray and stop it again, which takes about five seconds.
        address: of a Ray cluster to join instead, `auto` or HOST:PORT.
    """
    folder = Path.cwd() if folder is None else Path(folder)
    checks: list[tuple[str, Callable[[], Finding]]] = [
        ("Python", _python),
        ("torch", _torch),
        ("CUDA", _cuda),
        ("kernels", _kernels),
        ("OpenCV", _opencv),
        ("Ray token", _ray_token),  # before Ray starts, which sets up a token of its own
        ("Ray", lambda: _ray(start_ray and address is None)),
        *([("Ray cluster", lambda: _ray_cluster(address))] if address is not None else []),
        ("MLflow store", lambda: _mlflow(folder)),
        ("disk", lambda: _disk(folder)),
        ("memory", _memory),
        ("shared memory", _shared_memory),
        ("shared storage", lambda: _shared_storage(folder)),
        ("2D detector", _detector),
        *((f"data set {name}", lambda name=name: _data(name)) for name in _downloaded()),
    ]
    for subject, check in checks:
        try:
            yield check()
        except Exception as error:  # noqa: BLE001 - whatever goes wrong here is what the doctor is asked to report
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            yield Finding(
                subject=subject,
                state="missing",
                found=reason,
                mend="reinstall with `make install`, then ask again",
            )


def _python() -> Finding:
    found = sys.version.split()[0]
    return Finding(subject="Python", state="works", found=f"{found} in {sys.prefix}")


def _torch() -> Finding:
    import torch

    threads, cores = torch.get_num_threads(), os.cpu_count() or 1
    found = f"{torch.__version__}, {threads} threads on {cores} cores"
    if threads < cores and "OMP_NUM_THREADS" in os.environ:
        mend = "final training sets its own threads; OMP_NUM_THREADS may be unset"
        return Finding(subject="torch", state="works", found=found, mend=mend)
    return Finding(subject="torch", state="works", found=found)


def _cuda() -> Finding:
    import torch

    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count()))
        return Finding(subject="CUDA", state="works", found=names)
    if shutil.which("nvidia-smi") is None:
        return Finding(
            subject="CUDA", state="limited", found="no NVIDIA GPU seen; everything runs on the CPU"
        )
    build = torch.version.cuda or "the CPU"
    return Finding(
        subject="CUDA",
        state="limited",
        found=f"a GPU is here, but torch is built for {build}",
        mend="install torch for your driver: https://pytorch.org/get-started/locally",
    )


def _kernels() -> Finding:
    import torch

    from nas.kernels.library import VECTORS, find_compiler

    compiler, ability = find_compiler(), torch.backends.cpu.get_cpu_capability()
    if compiler:
        return Finding(subject="kernels", state="works", found=f"compiled by {compiler} for {ability}")
    if ability not in VECTORS:
        found = f"torch's, as the processor has {ability}; the compiled ones need AVX2 or AVX-512"
        return Finding(subject="kernels", state="limited", found=found)
    return Finding(
        subject="kernels",
        state="limited",
        found="torch's, as there is no C compiler; the same results take longer",
        mend="install gcc or clang: apt-get install gcc",
    )


def _opencv() -> Finding:
    import cv2
    import numpy as np

    cv2.applyColorMap(np.zeros((1, 1), np.uint8), cv2.COLORMAP_JET)
    return Finding(subject="OpenCV", state="works", found=str(cv2.__version__))


def _ray(start: bool) -> Finding:
    release = version("ray")
    if not start:
        importlib.import_module("ray")
        return Finding(subject="Ray", state="works", found=f"{release}, not started")
    from cluster.distributed.config import RuntimeConfig
    from cluster.distributed.runtime import Runtime

    with Runtime(RuntimeConfig.model_validate({"workers": 1})) as runtime:
        return Finding(subject="Ray", state="works", found=f"{release}, starts here: {runtime.describe()}")


def _ray_cluster(address: str) -> Finding:
    """Join a cluster and leave it again. No other Ray before: a process keeps its first token for good."""
    from cluster.distributed.config import RuntimeConfig
    from cluster.distributed.runtime import Runtime

    try:
        with Runtime(RuntimeConfig(address=address)) as runtime:
            found = f"{address} answers: {runtime.describe()}"
    except ValueError as error:
        found, _, mend = str(error).partition("; ")
        return Finding(subject="Ray cluster", state="missing", found=found, mend=mend)
    return Finding(subject="Ray cluster", state="works", found=found)


def _ray_token() -> Finding:
    from cluster.distributed.runtime import token_file, token_state

    subject, file = "Ray token", token_file()
    mode, has_token = token_state()
    if not has_token and mode == "token":
        return Finding(
            subject=subject,
            state="missing",
            found=f"RAY_AUTH_MODE is token, and there is none in RAY_AUTH_TOKEN nor in {file}",
            mend="`ray get-auth-token --generate` on the head; copy its ~/.ray/auth_token to every machine",
        )
    if not has_token:
        return Finding(
            subject=subject,
            state="limited",
            found="no token; none is needed on one machine",
            mend="to join a cluster: set RAY_AUTH_MODE=token and share the head's token with every machine",
        )
    found = f"a token is here, RAY_AUTH_MODE is {mode or 'unset'}"
    if file.is_file() and file.stat().st_mode & 0o077:
        return Finding(
            subject=subject,
            state="limited",
            found=f"{found}; others on this machine can read {file}",
            mend=f"who has the token can run programs as you: chmod 600 {file}",
        )
    return Finding(subject=subject, state="works", found=found)


def _mlflow(folder: Path) -> Finding:
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    release = version("mlflow")
    if uri:
        return Finding(subject="MLflow store", state="works", found=f"{release}, {uri}")
    with (
        tempfile.TemporaryDirectory(dir=_existing(folder)) as place,
        sqlite3.connect(f"{place}/t.db") as database,
    ):
        database.execute("PRAGMA journal_mode=WAL")
    return Finding(
        subject="MLflow store", state="works", found=f"{release}, sqlite:///{folder / 'mlflow.db'}"
    )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(_existing(folder)).free / GIB
    found = f"{free:.0f} GiB free in {folder}"
    if free >= 2:
        return Finding(subject="disk", state="works", found=found)
    return Finding(
        subject="disk", state="limited", found=found, mend="a run needs about 1 GiB: free some space"
    )


def _memory() -> Finding:
    page = os.sysconf("SC_PAGE_SIZE")
    total, free = (os.sysconf(name) * page / GIB for name in ("SC_PHYS_PAGES", "SC_AVPHYS_PAGES"))
    found = f"{free:.1f} GiB free of {total:.1f}"
    if total >= 4:
        return Finding(subject="memory", state="works", found=found)
    return Finding(
        subject="memory",
        state="limited",
        found=found,
        mend="Ray takes about 0.7 GiB and 0.4 for each worker: --workers 0",
    )


def _shared_memory() -> Finding:
    place = Path("/dev/shm")
    if not place.is_dir():
        return Finding(subject="shared memory", state="limited", found="no /dev/shm; Ray will use the disk")
    free = shutil.disk_usage(place).free / GIB
    found = f"{free:.1f} GiB free in {place}"
    if free >= 1:
        return Finding(subject="shared memory", state="works", found=found)
    return Finding(
        subject="shared memory",
        state="limited",
        found=found,
        mend="Ray keeps weights there; in a container give it more (docker run --shm-size=2g)",
    )


def _shared_storage(folder: Path) -> Finding:
    kind = _file_system(_existing(folder))
    found = f"{folder} is on {kind}"
    if kind in ("nfs", "nfs4", "cifs", "lustre", "ceph", "glusterfs", "beegfs", "gpfs"):
        return Finding(subject="shared storage", state="works", found=found)
    return Finding(
        subject="shared storage",
        state="limited",
        found=f"{found}: this machine's own",
        mend="none on one machine; on several, workers need no storage, but results lie here alone",
    )


def _detector() -> Finding:
    from lifting.detection.mediapipe_detector import detector_python

    subject = "2D detector"
    try:
        return Finding(subject=subject, state="works", found=f"MediaPipe in {detector_python().parents[1]}")
    except FileNotFoundError:
        return Finding(
            subject=subject,
            state="limited",
            found="MediaPipe's environment is not built",
            mend="`make detector`, or `posenas detect --detector FILE.onnx`; OpenPose JSON needs neither",
        )


def _downloaded() -> list[str]:
    """The data sets that have a folder under $POSENAS_DATA."""
    from encoding.datasets import DATA_SETS

    return [one.name for one in DATA_SETS.values() if one.folder is not None]


def _data(name: str) -> Finding:
    subject = f"data set {name}"
    from encoding.datasets import DATA_SETS

    one = DATA_SETS[name]
    root = os.environ.get("POSENAS_DATA")
    if root is None:
        return Finding(
            subject=subject,
            state="limited",
            found="POSENAS_DATA is not set",
            mend="set it to the folder of your data sets, or give --root; `synthetic` is always there",
        )
    place = Path(root) / str(one.folder)
    if (place / one.inside).is_dir():
        return Finding(subject=subject, state="works", found=str(place))
    return Finding(
        subject=subject,
        state="limited",
        found=f"not at {place}",
        mend=f"`posenas data check --data {name} --root {place}` says where to get it",
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())


def _file_system(folder: Path) -> str:
    """Kind of the file system that holds `folder`, as /proc/mounts names it."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "an unknown file system"
    kinds = {line.split()[1]: line.split()[2] for line in mounts.read_text().splitlines()}
    place = folder.resolve()
    return next((kinds[str(p)] for p in (place, *place.parents) if str(p) in kinds), "an unknown file system")
