"""What was trained as MLflow models, without a pickle: signature, input example, pinned requirements.

Two forms, both of which MLflow loads with MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false. The network alone
takes images; it is MLflow 3's `pt2` form, written by torch.export, and needs torch and mlflow, no posenas.
The whole recognition model takes a clip, of 3D poses or, where it has a lifter, of 2D keypoints, and names
the action; it is MLflow's "models from code", and carries the code that answers with it: lifting, encoding,
nas and the room of recognition, without the queue, Ray or the command line.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cluster.tracking.mlflow_store import quiet_mlflow
from lifting.poses import Keypoints2D, PoseSequence3D

__all__ = ["recognition_folder", "save_network_model", "save_recognition_model"]

_RECOGNITION = "recognition"  # what served_model.py calls the artifact
_CODE = Path(__file__).resolve().parents[2]  # the folder in which the four packages lie
_ROOMS = ("lifting", "encoding", "nas")
_SERVED = Path("cluster") / "recognition" / "served_model.py"
# What the packed code imports when it answers; a test compares it with what is really imported.
_REQUIREMENTS = (
    "mlflow",
    "torch",
    "numpy",
    "scipy",
    "opencv-python",
    "pydantic",
    "safetensors",
    "onnxruntime",
)


def save_network_model(
    folder: Path, network: nn.Module, images: NDArray[np.float32], class_names: tuple[str, ...] = ()
) -> None:
    """Write `network` as an MLflow model folder.

    The saved model maps float32 images (N, 3, H, W), prepared as for training, to logits (N, classes), with
    any N.

    Args:
        folder: made here; must not exist.
        network: gives logits, in evaluation mode.
        images: at least two examples, as the network sees them; two of them are kept as the input example.
        class_names: by the number of the logit; kept in the model's metadata.

    Raises:
        ValueError: the folder exists, or fewer than two images came (torch.export would fix the batch at 1).
    """
    if Path(folder).exists():
        raise ValueError(f"the model folder {folder} exists already; give one that does not")
    if images.ndim != 4 or len(images) < 2:
        raise ValueError(
            f"`images` has the shape {images.shape}; a model needs at least 2 examples (N, 3, H, W)"
        )
    example = np.ascontiguousarray(images[:2], dtype=np.float32)
    training = network.training
    network.eval()
    try:
        _save(Path(folder), network, example, class_names)
    finally:
        network.train(training)


def _save(
    folder: Path, network: nn.Module, example: NDArray[np.float32], class_names: tuple[str, ...]
) -> None:
    quiet_mlflow()
    with warnings.catch_warnings():
        # torch.export and MLflow use each other's older names; nothing here is for a person to act upon.
        warnings.simplefilter("ignore")
        import mlflow.pytorch
        from mlflow.models import ModelSignature
        from mlflow.types import Schema, TensorSpec

        with torch.no_grad():
            num_classes = int(network(torch.from_numpy(example)).shape[1])
        # without names: MLflow's PyTorch flavor does not take the dictionary that names would ask for
        images = TensorSpec(np.dtype(np.float32), (-1, *example.shape[1:]))
        logits = TensorSpec(np.dtype(np.float32), (-1, num_classes))
        mlflow.pytorch.save_model(
            network,
            str(folder),
            signature=ModelSignature(Schema([images]), Schema([logits])),
            input_example=example,
            serialization_format="pt2",
            pip_requirements=_pinned(("mlflow", "torch", "numpy")),
            metadata={"class_names": list(class_names)},
        )


def save_recognition_model(
    folder: Path, model: Path, example: PoseSequence3D | Keypoints2D, class_names: Sequence[str]
) -> None:
    """Write a recognition model as an MLflow model folder.

    The saved model maps one clip to one row: label, probability, and the probability of every class; see
    `cluster.recognition.served_model`. A clip is float32 (T, J, 3) or (T, 2, J, 3) in millimeters, or float32
    (T, K, 2) in pixels where the model has a lifter, with any T.

    Args:
        folder: made here; must not exist.
        model: folder of a `cluster.recognition.model_folder.RecognitionModel`; see `recognition_folder`.
        example: a clip as the model takes it.
        class_names: as the model's.

    Raises:
        ValueError: the folder exists.
    """
    if Path(folder).exists():
        raise ValueError(f"the model folder {folder} exists already; give one that does not")
    quiet_mlflow()
    with warnings.catch_warnings(), _packed_code() as code:
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
        from mlflow.models import ModelSignature
        from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema, TensorSpec

        params = [ParamSpec("fps", "double", example.fps)]
        if isinstance(example, PoseSequence3D):
            values = example.xyz
        else:
            values, (width, height) = example.xy, example.image_size
            params += [ParamSpec("width", "long", width), ParamSpec("height", "long", height)]
        clip = TensorSpec(np.dtype(np.float32), (-1, *values.shape[1:]))
        columns: list[Any] = [ColSpec("string", "label"), ColSpec("double", "probability")]
        columns += [ColSpec("double", f"p: {name}") for name in class_names]
        mlflow.pyfunc.save_model(
            str(folder),
            python_model=str(_CODE / _SERVED),
            artifacts={_RECOGNITION: str(Path(model).absolute())},
            code_paths=code,
            signature=ModelSignature(Schema([clip]), Schema(columns), ParamSchema(params)),
            input_example=np.asarray(values),
            pip_requirements=_pinned(_REQUIREMENTS),
            metadata={"class_names": list(class_names)},
        )


def recognition_folder(model: Path) -> Path:
    """Where the recognition model lies in a folder that `save_recognition_model` wrote."""
    from mlflow.models import Model

    artifacts = Model.load(str(model)).flavors["python_function"]["artifacts"]
    return Path(model) / str(artifacts[_RECOGNITION]["path"])


@contextmanager
def _packed_code() -> Iterator[list[str]]:
    """The folders that go with the model: three rooms whole, and of `cluster` the recognition alone."""
    with tempfile.TemporaryDirectory() as place:
        cluster = Path(place) / "cluster"
        cluster.mkdir()
        for file in (_CODE / "cluster").glob("_*.py"):  # the package itself
            shutil.copy(file, cluster)
        shutil.copytree(
            _CODE / _SERVED.parent,
            cluster / "recognition",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        yield [*(str(_CODE / room) for room in _ROOMS), str(cluster)]


def _pinned(names: Sequence[str]) -> list[str]:
    """Each with the version that is installed; its local part (2.6.0+cpu) is on no index."""
    return [f"{name}=={metadata.version(name).split('+')[0]}" for name in names]
