import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import safetensors.numpy

from cluster.cells import FoundCells, export_cells, find_cells
from cluster.config import ExperimentConfig
from cluster.files import read_json
from cluster.stages import evaluation, final_training, search
from cluster.tracking.tracker import MlflowTracker
from cluster.worker import run_evaluation, run_search, run_training
from nas.genotype import Genotype

FILES = [
    "README.md", "example.safetensors", "experiment.json", "genotype.json",
    "network.onnx", "network.py", "score.json", "weights.safetensors",
]  # fmt: skip


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with one search, trained and tested, and one that was not trained."""
    folder = tmp_path_factory.mktemp("export")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    tiny = ExperimentConfig.from_file(Path(__file__).parents[1] / "tiny.yaml")
    with pytest.MonkeyPatch.context() as patch:
        for module in (search, final_training, evaluation):
            patch.setattr(module, "write_results", lambda *_: None)
        run_search(tiny.changed({"tracking": {"uri": uri}}), folder / "run")
        run_training(folder / "run")
        run_evaluation(folder / "run")
    tracker = MlflowTracker(uri)
    tracker.start("untrained-id", "untrained", {}, {"posenas.genotype": "0 0 1 4 0 0 1 4"})
    tracker.finish("finished")
    return uri


@pytest.fixture(scope="module")
def folder(uri: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The exported network."""
    folder = tmp_path_factory.mktemp("exported") / "network"
    exported = export_cells(find_cells("run", uri), folder, uri)
    assert exported.folder == folder
    assert max(exported.source_difference, exported.onnx_difference) <= 1e-5
    return folder


def test_the_folder_holds_everything_and_nothing_else(folder: Path, uri: str) -> None:
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["network"]
    genotype = Genotype.from_json((folder / "genotype.json").read_text("utf-8"))
    assert genotype == find_cells("run", uri).genotype


def test_the_source_answers_as_our_network_with_nothing_but_torch_beside_it(folder: Path) -> None:
    program = """
import sys
from safetensors.torch import load_file
from network import CLASSES, FoundNetwork
network = FoundNetwork()
network.load_state_dict(load_file("weights.safetensors"))
example = load_file("example.safetensors")
print((network.eval()(example["images"]) - example["logits"]).abs().max().item(), len(CLASSES))
print([name for name in ("nas", "cluster", "encoding", "lifting") if name in sys.modules])
"""
    # -I: neither the current folder nor PYTHONPATH; the installed posenas may be there, but is not imported
    program = f"import sys; sys.path.insert(0, '.')\n{program}"
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", program], cwd=folder, capture_output=True, text=True, check=True
    )
    numbers, modules = done.stdout.splitlines()
    difference, classes = numbers.split()
    assert float(difference) <= 1e-5
    assert int(classes) == 10
    assert modules == "[]"


def test_onnx_answers_as_our_network(folder: Path) -> None:
    example = safetensors.numpy.load_file(folder / "example.safetensors")
    session = onnxruntime.InferenceSession(folder / "network.onnx", providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": example["images"]})
    assert np.abs(logits - example["logits"]).max() <= 1e-5


def test_the_score_comes_with_the_commands_that_give_it_again(folder: Path, uri: str) -> None:
    score, found = read_json(folder / "score.json"), find_cells("run", uri)
    assert score["accuracy"] == found.test_accuracy
    assert score["parameters"] == found.parameters
    assert score["commands"] == [
        "posenas search --config experiment.json --out runs/run-again",
        "posenas train runs/run-again",
        "posenas evaluate runs/run-again",
    ]
    again = ExperimentConfig.from_file(folder / "experiment.json")
    assert again.search.epochs == 3
    assert json.loads((folder / "score.json").read_text("utf-8"))["run"] == found.run_id


def test_a_folder_that_exists_is_left_alone(folder: Path, uri: str) -> None:
    with pytest.raises(FileExistsError, match=r"exists already; give a new folder with --out"):
        export_cells(find_cells("run", uri), folder, uri)
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_a_run_without_a_classifier_says_what_makes_one(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'untrained' has no trained classifier yet; `posenas train`"):
        export_cells(find_cells("untrained", uri), tmp_path / "network", uri)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_another_store_holds_is_said(
    found: Callable[..., FoundCells], uri: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="Run with id=foreign-mlflow not found"):
        export_cells(found("foreign"), tmp_path / "network", uri)
