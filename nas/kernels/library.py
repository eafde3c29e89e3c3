"""Builds, caches and loads the compiled kernels: one small library for each number of channels."""

import ctypes
import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import get_args

import torch

from nas.kernel_choice import Choice

logger = logging.getLogger(__name__)

CHOICES: tuple[Choice, ...] = get_args(Choice)

FOLDER = Path(__file__).parent
SOURCES = (FOLDER / "separable.c", FOLDER / "pooling.c")
HEADERS = (FOLDER / "common.h", FOLDER / "vectors.h")
FLAGS = (
    "-O3",
    "-march=native",
    "-ffp-contract=off",  # the source says where to fuse
    "-fno-predictive-commoning",  # it would keep sums and images in more registers than there are
    "-fvisibility=hidden",
    "-shared",
    "-fPIC",
)
VECTORS = {"AVX512": (16, 25), "AVX2": (8, 12)}
"""By what torch finds in the processor: numbers in a vector, and vectors of sums that its registers hold."""
BUILD_SECONDS = 120

_choice: Choice = "torch"


def select(choice: Choice) -> None:
    """Choose for this process; results do not depend on it.

    Args:
        choice: "torch": nothing is compiled (the default). "auto": compiled kernels where they can be built
            and give torch's bits, torch's elsewhere. "compiled": an error where they cannot.

    Raises:
        ValueError: another word.
    """
    global _choice
    if choice not in CHOICES:
        raise ValueError(f"kernels are {choice!r}; known are {', '.join(CHOICES)}")
    _choice = choice


def selected() -> Choice:
    """What `select` chose."""
    return _choice


@lru_cache(maxsize=32)
def library(channels: int) -> ctypes.CDLL | None:
    """The library for this number of channels, built if it is not in the cache; None where it cannot be."""
    compiler = find_compiler()
    if compiler is None:
        return None
    try:
        return ctypes.CDLL(str(_built(compiler, channels)))
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or str(error)
        logger.warning("the kernels for %d channels cannot be built: %s", channels, detail.strip())
        return None


def find_compiler() -> str | None:
    """A C compiler, if there is one and the processor has AVX-512 or AVX2."""
    if torch.backends.cpu.get_cpu_capability() not in VECTORS:
        return None
    names = (os.environ.get("CC", ""), "cc", "gcc", "clang")
    return next((found for name in names if name and (found := shutil.which(name))), None)


def _built(compiler: str, channels: int) -> Path:
    lanes, registers = VECTORS[torch.backends.cpu.get_cpu_capability()]
    groups = -(-channels // lanes)
    divisors = [d for d in range(1, channels + 1) if channels % d == 0]
    part = max(d for d in divisors if d == 1 or d * groups <= registers)
    definitions = (f"-DCHANNELS={channels}", f"-DPART={part}")
    target = cache_folder() / f"kernels-{channels}-{_key(compiler)}.so"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            made = Path(folder) / target.name
            command = [compiler, *FLAGS, *definitions, *map(str, SOURCES), "-o", str(made)]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=BUILD_SECONDS)
            made.replace(target)  # whole or not at all: other workers build it at the same time
    return target


@lru_cache(maxsize=4)
def _key(compiler: str) -> str:
    """Of everything that the code depends on: source, flags, compiler, processor."""
    version = subprocess.run(
        [compiler, "-march=native", "-Q", "--help=target", "--version"], capture_output=True, check=False
    ).stdout
    parts = (
        *(file.read_bytes() for file in (*SOURCES, *HEADERS)),
        " ".join(FLAGS).encode(),
        compiler.encode(),
        version,
    )
    return hashlib.sha256(b"\0".join((*parts, _processor()))).hexdigest()[:16]


def _processor() -> bytes:
    """Name and abilities of the processor, since the code is for it alone."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_bytes().splitlines() if cpuinfo.exists() else []
    return b"\n".join(sorted({line for line in lines if line.startswith((b"model name", b"flags"))}))


def cache_folder() -> Path:
    """Where built libraries are kept: `posenas/kernels` in the user's cache."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "posenas" / "kernels"
