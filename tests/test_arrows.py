"""Each room is imported in a fresh interpreter: what it drags in shows where its arrows point."""

import json
import pkgutil
import subprocess
import sys
from importlib import import_module

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
        "asf_amc", "body", "bvh", "bvh_text", "frame_numbers", "joint_names", "keypoint_form",
        "mapping", "mocap_skeletons", "motions", "msr_files", "openpose", "pickles", "poses", "reading",
        "skeleton", "skeleton_file", "tracking", "yaml_text",
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
