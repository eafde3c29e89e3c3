"""Arrows point one way: between rooms and inside them, at import time and in the source.

Each room is imported in a fresh interpreter: what it drags in shows where its arrows point. The layers inside
each room, in pyproject.toml under [tool.importlinter], are read off the source, imports inside functions too.
"""

import json
import pkgutil
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

# Libraries that cluster alone loads.
CLUSTER_ALONE = {"ray", "mlflow", "sqlalchemy", "fastapi", "uvicorn", "typer", "rich"}

# What each room must never load, whoever asks for it (docs/architecture.md, "Rooms and arrows").
FORBIDDEN = {
    "lifting": {"encoding", "nas", "cluster", *CLUSTER_ALONE},
    "encoding": {"torch", "nas", "cluster", *CLUSTER_ALONE},
    "nas": {"lifting", "encoding", "cluster", *CLUSTER_ALONE},
}

# What encoding may take from lifting: records, layouts and their mappings, the body, readers of files.
FROM_LIFTING = {
    f"lifting.{name}"
    for name in (
        "asf_amc", "body", "bvh", "bvh_motion", "bvh_text", "frame_numbers", "joint_names", "keypoint_form",
        "mapping", "mocap_skeletons", "motions", "msr_files", "npz", "npz_members", "openpose",
        "pickles", "poses", "reading", "skeleton", "skeleton_file", "tracking", "yaml_text",
    )
}  # fmt: skip

PROBE = """
import importlib, json, sys
for name in json.loads(sys.argv[1]):
    importlib.import_module(name)
print(json.dumps(sorted(sys.modules)))
"""


def modules_of(room: str) -> list[str]:
    package = import_module(room)
    return [room, *(module.name for module in pkgutil.walk_packages(package.__path__, prefix=f"{room}."))]


def loaded_by(names: list[str]) -> set[str]:
    """Every module a fresh interpreter holds after importing these."""
    answer = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(names)], capture_output=True, text=True, check=True
    )
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize("room", FORBIDDEN)
def test_a_room_alone_loads_nothing_against_the_arrows(room: str) -> None:
    top_level = {module.partition(".")[0] for module in loaded_by(modules_of(room))}
    assert top_level & FORBIDDEN[room] == set()


def test_encoding_takes_from_lifting_only_what_both_rooms_share() -> None:
    from_lifting = {module for module in loaded_by(modules_of("encoding")) if module.startswith("lifting.")}
    assert from_lifting <= FROM_LIFTING


def test_the_probe_sees_a_forbidden_import() -> None:
    """The control: a room that did import torch would be caught."""
    assert "torch" in loaded_by(["torch"])


REPOSITORY = Path(__file__).parents[1]


def layers_of(folder: Path) -> subprocess.CompletedProcess[str]:
    """What import-linter says of the packages in a folder, by the layers of its pyproject.toml."""
    program = "from importlinter.cli import lint_imports; exit(lint_imports(no_cache=True, no_logo=True))"
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_no_import_goes_up_and_none_goes_in_a_circle() -> None:
    answer = layers_of(REPOSITORY)
    assert answer.returncode == 0, answer.stdout


def test_an_import_upward_and_a_circle_would_be_found(tmp_path: Path) -> None:
    for room in ("lifting", "encoding", "nas", "cluster"):
        shutil.copytree(REPOSITORY / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for module, line in (
        ("cluster/files.py", "import cluster.stages.search"),
        ("nas/random.py", "import nas.search"),
    ):
        file = tmp_path / module
        file.write_text(f"{file.read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8")
    answer = layers_of(tmp_path)
    assert answer.returncode == 1
    assert "cluster.files is not allowed to import cluster.stages" in answer.stdout
    assert "No cycles are allowed in nas." in answer.stdout


def test_reading_an_experiment_file_loads_neither_torch_nor_ray() -> None:
    loaded = loaded_by(["cluster.config", "cluster.scheduling.planning"])
    assert loaded & {"torch", "ray", "mlflow", "matplotlib"} == set()


def test_help_loads_nothing_heavy() -> None:
    assert loaded_by(["cluster.cli"]) & {"torch", "ray", "mlflow", "numpy", "cv2", "sqlalchemy"} == set()
