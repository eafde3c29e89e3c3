"""A person's folder may hold packages of the names that ours have."""

import subprocess
import sys
from pathlib import Path

import pytest

from cluster.scheduling.jobs import POSENAS

SETTINGS = """
data: {name: synthetic, num_subjects: 6, clips_per_action: 1, seed: 3}
supernet: {channels: 4, normal_cells: 1, num_nodes: 2, auxiliary_channels: [8, 16], stem_multiplier: 1}
search: {epochs: 1, num_shards: 1, batch_size: 4, weight_steps_per_epoch: 1, controller_steps_per_epoch: 1}
derivation: {num_samples: 2, num_retrained: 1, epochs: 1, parameters: 10000}
parameters: 20000
tracking: null
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cluster", "nas", "encoding"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    (tmp_path / "s.yaml").write_text(SETTINGS)
    return tmp_path


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)


def test_the_command_of_a_job_is_ours(folder: Path) -> None:
    assert run(folder, *POSENAS, "--version").returncode == 0
    other = run(folder, sys.executable, "-m", "cluster.cli", "--version")  # the control
    assert "the wrong package" in other.stderr


@pytest.mark.slow
def test_the_workers_of_a_search_import_our_code(folder: Path) -> None:
    done = run(folder, *POSENAS, "search", "--config", "s.yaml", "--workers", "1", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert (folder / "run" / "genotype.json").exists()


def test_posenas_is_a_name_for_python_too() -> None:
    repository = Path(__file__).resolve().parents[2]
    named = run(repository, sys.executable, "-m", "posenas", "--version")
    version = run(repository, sys.executable, "-c", "import posenas; print(posenas.__version__)")
    assert named.stdout == f"posenas {version.stdout}"
