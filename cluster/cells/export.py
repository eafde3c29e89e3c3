"""A found network taken away: source, weights, ONNX, genotype, and the score with how to get it again."""

import shlex
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from cluster.cells.found import FoundCells
from cluster.files import TEMPORARY_PREFIX, read_json, write_atomically, write_json
from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.model_folder import RecognitionModel
from cluster.stages.folder import RunFolder
from cluster.stages.recording import RECOGNIZER
from cluster.tracking.mlflow_model import recognition_folder
from cluster.tracking.mlflow_store import connect, resolve, said_clearly
from nas.export import exported_weights, network_source, save_onnx

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

__all__ = ["ExportedCells", "export_cells"]

TOLERANCE = 1e-5  # of probabilities, between our network and what is written
_EXAMPLES = 4


@dataclass(frozen=True, kw_only=True)
class ExportedCells:
    """What was written.

    Attributes:
        folder: with genotype.json, network.py, weights.safetensors, network.onnx, score.json,
            experiment.json, example.safetensors and README.md.
        source_difference, onnx_difference: largest difference of a probability from our network's.
    """

    folder: Path
    source_difference: float
    onnx_difference: float


def export_cells(cells: FoundCells, folder: Path, uri: str = "sqlite:///mlflow.db") -> ExportedCells:
    """Write the trained network of a run into a new folder, from what MLflow holds.

    The folder appears whole or not at all, after source and ONNX have answered as our network does.

    Args:
        cells: the run.
        folder: does not exist.
        uri: MLflow store that holds the run.

    Raises:
        FileExistsError: there is something at `folder`.
        ValueError: the run has no trained classifier or was not tested.
        FileNotFoundError, ConnectionError: the store or its artifacts cannot be had.
        RuntimeError: what was written answers otherwise than our network.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; give a new folder with --out")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="posenas-") as place:
        recorded, classifier = _fetch(cells, uri, Path(place))
        new = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=folder.parent))
        try:
            differences = _write(cells, recorded, classifier, new)
            new.chmod(0o755)  # mkdtemp's 0700 would hide it from colleagues
            new.rename(folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return ExportedCells(folder=folder, source_difference=differences[0], onnx_difference=differences[1])


def _fetch(cells: FoundCells, uri: str, place: Path) -> tuple[RunFolder, TrainedClassifier]:
    """The artifacts of the search's run, and the classifier in the model of its training."""
    from mlflow.artifacts import download_artifacts

    recorded = RunFolder(place / "run")
    recorded.path.mkdir()
    wanted = [recorded.evaluation_file.name, recorded.experiment_file.name]
    client = connect(uri, create=False)
    with said_clearly(uri):
        trained = _trained_model(client, cells.mlflow_run_id)
        names = {file.path for file in client.list_artifacts(cells.mlflow_run_id)}
        if trained is None:
            raise ValueError(
                f"the run {cells.name!r} has no trained classifier yet; `posenas train` makes it"
            )
        if wanted[0] not in names:
            raise ValueError(f"the run {cells.name!r} has no score yet; `posenas evaluate` gives it one")
        model, source = place / "model", trained.artifact_location
        model.mkdir()
        model = Path(download_artifacts(source, dst_path=str(model), tracking_uri=resolve(uri)))
        for name in wanted:
            client.download_artifacts(cells.mlflow_run_id, name, str(recorded.path))
    return recorded, RecognitionModel.load(recognition_folder(model)).classifier


def _trained_model(client: "MlflowClient", run: str) -> "LoggedModel | None":
    """The newest whole classifier among the children of a search; None where there is none."""
    experiment = client.get_run(run).info.experiment_id
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run}'")
    models = [
        model
        for child in children
        for model in client.search_logged_models(
            [experiment], f"name = '{RECOGNIZER}' AND source_run_id = '{child.info.run_id}'"
        )
        if str(model.status) == "READY"
    ]
    return max(models, key=lambda model: model.creation_timestamp, default=None)


def _write(
    cells: FoundCells, recorded: RunFolder, classifier: TrainedClassifier, folder: Path
) -> tuple[float, float]:
    """All files; returns how far source and ONNX are from our network."""
    network, score = classifier.network.eval(), read_json(recorded.evaluation_file)
    title = f"The network that posenas found on {cells.split or cells.data}."
    images = _examples(network.config.image_size)
    with torch.inference_mode():
        logits = network(images)
    write_atomically(folder / "genotype.json", classifier.genotype.to_json() + "\n")
    write_atomically(folder / "network.py", network_source(network, classifier.class_names, title))
    weights = exported_weights(network)
    write_atomically(folder / "weights.safetensors", safetensors.torch.save(weights))
    example = {"images": images, "logits": logits.contiguous()}
    write_atomically(folder / "example.safetensors", safetensors.torch.save(example))
    save_onnx(network, images, folder / "network.onnx")
    shutil.copy(recorded.experiment_file, folder)
    expected = _probabilities(logits)
    differences = (
        float(np.abs(_probabilities(_from_source(folder, weights, images)) - expected).max()),
        float(np.abs(_probabilities(_from_onnx(folder, images)) - expected).max()),
    )
    if max(differences) > TOLERANCE:
        raise RuntimeError(
            f"the exported network of {cells.name!r} differs from the trained one by {max(differences):.1e} "
            f"in a probability; at most {TOLERANCE} was expected"
        )
    write_json(folder / "score.json", _score(cells, score, classifier, differences))
    write_atomically(folder / "README.md", _readme(cells, score, classifier))
    return differences


def _examples(size: int) -> Tensor:
    """Images of noise, always the same."""
    noise = torch.rand(_EXAMPLES, 3, size, size, generator=torch.Generator().manual_seed(0))
    return noise * 2 - 1


def _probabilities(logits: Tensor) -> np.ndarray[Any, np.dtype[np.float32]]:
    probabilities: np.ndarray[Any, np.dtype[np.float32]] = torch.softmax(logits, dim=1).numpy()
    return probabilities


def _from_source(folder: Path, weights: Mapping[str, Tensor], images: Tensor) -> Tensor:
    """Logits of the module in network.py."""
    spec = util.spec_from_file_location("posenas_exported_network", folder / "network.py")
    assert spec is not None
    assert spec.loader is not None, "a file that ends in .py has a loader"
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    network: nn.Module = module.FoundNetwork()
    network.load_state_dict(weights)
    with torch.inference_mode():
        logits: Tensor = network.eval()(images)
    return logits


def _from_onnx(folder: Path, images: Tensor) -> Tensor:
    """Logits of network.onnx."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "network.onnx"), providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    return torch.from_numpy(logits)


def _score(
    cells: FoundCells,
    score: Mapping[str, Any],
    classifier: TrainedClassifier,
    differences: tuple[float, float],
) -> dict[str, Any]:
    kept = ("split", "accuracy", "correct", "total", "counted", "parameters", "latency_ms", "classes")
    return {
        **{name: score[name] for name in kept if name in score},
        "validation_accuracy": cells.validation_accuracy,
        "class_names": list(classifier.class_names),
        "genotype": str(classifier.genotype),
        "run": cells.run_id,
        "posenas": cells.version,
        "commands": _commands(cells),
        "largest_difference_of_a_probability": {"network.py": differences[0], "network.onnx": differences[1]},
    }


def _commands(cells: FoundCells) -> list[str]:
    folder = shlex.quote(f"runs/{cells.name}-again")
    return [
        f"posenas search --config experiment.json --out {folder}",
        f"posenas train {folder}",
        f"posenas evaluate {folder}",
    ]


def _readme(cells: FoundCells, score: Mapping[str, Any], classifier: TrainedClassifier) -> str:
    size = classifier.network.config.image_size
    names = "\n".join(f"- {number}: {name}" for number, name in enumerate(classifier.class_names))
    commands = "\n".join(_commands(cells))
    return f"""# {cells.name}

The network that posenas found and trained on {score["split"]}.

| | |
|---|---|
| accuracy | {score["accuracy"]:.4f} ({score["correct"]} of {score["total"]}; {score["counted"]}) |
| parameters | {score["parameters"]:,} |
| latency | {score["latency_ms"]:.1f} ms an image on one thread |
| genotype | `{classifier.genotype}` |

## With torch alone

```python
from safetensors.torch import load_file

from network import CLASSES, FoundNetwork

network = FoundNetwork()
network.load_state_dict(load_file("weights.safetensors"))
example = load_file("example.safetensors")
logits = network.eval()(example["images"])  # equals example["logits"]
```

## With ONNX Runtime

```python
import onnxruntime

session = onnxruntime.InferenceSession("network.onnx")
(logits,) = session.run(["logits"], {{"images": images}})
```

`images` are Enhanced-SPMF images, float32 (N, 3, {size}, {size}): red, green and blue, 0 to 255 as -1 to 1.
`posenas encode` makes them from 3D poses. `logits` are (N, {len(classifier.class_names)}):

{names}

## The score again

With `experiment.json` and posenas {cells.version}, to the last digit on the same kind of machine:

```
{commands}
```
"""
