"""The command line of each job's process, by the job's kind. Nothing heavy is imported: workers use it."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from cluster.files import write_json
from cluster.registry.records import Job

__all__ = ["COMMANDS", "POSENAS"]

POSENAS = (sys.executable, "-P", "-m", "cluster.cli")
"""The `posenas` of this environment; -P: whatever the folder in which it runs calls its own packages."""


def _search_command(job: Job, desk: Path, address: str | None) -> list[str]:
    if (Path(job.folder) / "experiment.json").exists():
        command = ["search", "--resume", "--out", job.folder]
    else:
        command = ["search", "--config", str(_config_file(job, desk)), "--out", job.folder]
    return [*POSENAS, *command, *(["--address", address] if address else [])]


def _train_command(job: Job, _desk: Path, address: str | None) -> list[str]:
    changes = job.settings.get("changes", {})
    options = [part for name, value in changes.items() for part in _setting(name, value)]
    begin = ["--from", job.settings["from"]] if "from" in job.settings else []
    if "seeds" in job.settings:
        options += ["--seeds", ",".join(map(str, job.settings["seeds"]))]
        options += ["--address", address] if address else []
    return [*POSENAS, "train", job.folder, *begin, *options]


def _evaluate_command(job: Job, _desk: Path, _address: str | None) -> list[str]:
    return [*POSENAS, "evaluate", job.folder]


def _register_command(job: Job, _desk: Path, _address: str | None) -> list[str]:
    return [*POSENAS, "register", job.folder]


def _baseline_command(job: Job, desk: Path, address: str | None) -> list[str]:
    config = ["--config", str(_config_file(job, desk)), "--out", job.folder]
    seeds = ["--seeds", ",".join(map(str, job.settings["seeds"]))] if job.settings["seeds"] else []
    where = ["--address", address] if address else []
    return [*POSENAS, "baseline", job.settings["baseline"], *config, *seeds, *where]


def _encode_command(job: Job, desk: Path, _address: str | None) -> list[str]:
    shutil.rmtree(
        job.folder, ignore_errors=True
    )  # what an attempt before left there: it takes seconds to redo
    return [*POSENAS, "encode", "--config", str(_config_file(job, desk)), "--out", job.folder]


def _lift_train_command(job: Job, desk: Path, _address: str | None) -> list[str]:
    if (Path(job.folder) / "lifting.json").exists():
        return [*POSENAS, "lift", "train", "--resume", "--out", job.folder]
    return [*POSENAS, "lift", "train", "--config", str(_config_file(job, desk)), "--out", job.folder]


def _lift_tune_command(job: Job, desk: Path, address: str | None) -> list[str]:
    where = ["--out", job.folder, *(["--address", address] if address else [])]
    if (Path(job.folder) / "tuning.json").exists():
        return [*POSENAS, "lift", "tune", "--resume", *where]
    options = [part for name, value in job.settings["tuning"].items() for part in _setting(name, value)]
    for name, value in job.settings["trials"].items():
        options += [f"--{name.replace('_', '-')}", str(value)]
    options += [part for name in ("stream", "space") if name in job.settings for part in _option(job, name)]
    return [*POSENAS, "lift", "tune", "--config", str(_config_file(job, desk)), *where, *options]


COMMANDS: dict[str, Callable[[Job, Path, str | None], list[str]]] = {
    "search": _search_command,
    "train": _train_command,
    "evaluate": _evaluate_command,
    "register": _register_command,
    "encode": _encode_command,
    "baseline": _baseline_command,
    "lift-train": _lift_train_command,
    "lift-tune": _lift_tune_command,
}
"""The command line for an attempt of a job, by its kind; given the folder for the job's own files and the
address of the Ray cluster. An attempt continues where the one before it stopped."""


def _config_file(job: Job, desk: Path) -> Path:
    path = desk / "experiment.json"
    write_json(path, job.settings["config"])
    return path


def _setting(name: str, value: Any) -> tuple[str, str]:
    """A setting as `--set` reads it."""
    written = yaml.safe_dump(value, default_flow_style=True, width=100_000)
    return "--set", f"{name}={written.removesuffix('...' + chr(10)).strip()}"


def _option(job: Job, name: str) -> tuple[str, str]:
    return f"--{name}", str(job.settings[name])
