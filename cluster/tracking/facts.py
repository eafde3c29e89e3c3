"""Facts about a run in the flat forms that a record keeps: parameters, tables, versions."""

import csv
import io
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["as_csv", "environment", "environment_tags", "flat", "git_commit", "without_passwords"]

_PASSWORD = re.compile(r"(://[^:/@\s]*):[^@/\s]+@")


def flat(params: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """A nested configuration as one level: {"search": {"seed": 1}} becomes {"search.seed": "1"}.

    Lists and None are written as JSON; strings, paths and numbers as `str` writes them.
    """
    result: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping) and value:
            result |= flat(value, f"{prefix}{key}.")
        elif value is None or isinstance(value, (bool, list, tuple, Mapping)):
            result[f"{prefix}{key}"] = json.dumps(value, default=str)
        else:
            result[f"{prefix}{key}"] = str(value)
    return result


def without_passwords(text: str) -> str:
    """Text with the password of every address in it replaced: records and reports are shown to others."""
    return _PASSWORD.sub(r"\1:***@", text)


def as_csv(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV with a header; the columns are those of all rows, in the order of first appearance."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows(dict(row) for row in rows)
    return buffer.getvalue()


def environment_tags(repository: Path | None = None) -> dict[str, str]:
    """Versions of posenas, Python and the libraries that numbers depend on; the command; the git commit."""
    libraries = ("torch", "numpy", "scipy", "opencv-python", "ray", "mlflow")
    versions = {name: _version(name) for name in libraries}
    tags = {
        "posenas.command": without_passwords(shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])),
        "posenas.version": _version("posenas"),
        "posenas.libraries": " ".join(f"{name} {version}" for name, version in versions.items() if version),
        "posenas.platform": f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    }
    commit = git_commit(repository or Path(__file__).resolve().parents[1])
    return tags | ({"posenas.commit": commit} if commit else {})


def environment(threads: int) -> dict[str, Any]:
    """What a stage ran on, for environment.json."""
    return {**environment_tags(), "torch_threads": threads, "cores": len(os.sched_getaffinity(0))}


def git_commit(folder: Path) -> str:
    """The commit of the checkout that holds the files of `folder`; empty where there is none or no git.

    An installed posenas may lie in the environment of another project; that project's commit is not ours, so
    a folder counts only where git tracks files in it.
    """
    git = ["git", "-C", str(folder)]
    try:
        tracked = subprocess.run([*git, "ls-files"], capture_output=True, text=True, check=False, timeout=10)
        if not tracked.stdout.strip():
            return ""
        answer = subprocess.run(
            [*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""
