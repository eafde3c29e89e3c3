"""Random kernels with their ridge as a folder: all that their prediction needs, checked when it is read.

    kernels.json           class names, skeleton, encoding, statistics, kernels, versions, SHA-256 of the rest
    kernels.safetensors    biases, means and scales of the features, weights and intercept of the ridge

The kernels themselves follow from their seed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from cluster.recognition.classifier import check_clips, own_layout
from encoding.spmf import EncodingConfig, EncodingStatistics, encode_all
from lifting.checked_settings import check_settings
from lifting.files import read_json, write_atomically, write_folder
from lifting.model_parts import check_parts, origin
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton, get_skeleton
from nas.images import to_network
from nas.kernels_config import KernelsConfig
from nas.random_kernels import KernelClassifier, RandomKernels
from nas.ridge import Ridge

__all__ = ["TrainedKernels"]

DESCRIPTION, NUMBERS = "kernels.json", "kernels.safetensors"


class _Description(BaseModel):
    """kernels.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    class_names: tuple[str, ...]
    skeleton: str
    layout: dict[str, Any] | None = None
    num_people: int
    encoding: EncodingConfig
    statistics: dict[str, Any]
    kernels: KernelsConfig
    penalty: float
    left_out: dict[str, float]
    notes: dict[str, Any]
    versions: dict[str, str]
    sha256: dict[str, str]


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedKernels:
    """Poses in, probabilities of the actions out.

    Attributes:
        classifier: kernels and ridge.
        class_names: K names, in the order of the ridge's outputs.
        skeleton: joint layout that the poses must have.
        num_people: 1 or 2 people in a clip.
        encoding: how poses become images.
        statistics: of the encoding, fitted on the training clips.
        notes: what else is worth knowing, JSON values.
    """

    classifier: KernelClassifier
    class_names: tuple[str, ...]
    skeleton: Skeleton
    num_people: int
    encoding: EncodingConfig
    statistics: EncodingStatistics
    notes: dict[str, Any]

    @property
    def num_parameters(self) -> int:
        """Weights and intercepts of the ridge, all that is learned beside biases and scales."""
        ridge = self.classifier.ridge
        return ridge.weights.size + ridge.intercept.size

    def predict(self, clips: Sequence[PoseSequence3D]) -> NDArray[np.float32]:
        """Probabilities float32 (N, K), each row adding up to 1.

        Raises:
            ValueError: a clip has another skeleton or another number of people.
        """
        check_clips(clips, self.skeleton, self.num_people)
        if not clips:
            return np.zeros((0, len(self.class_names)), np.float32)
        images = to_network(encode_all(clips, self.encoding, self.statistics))
        return self.classifier.probabilities(torch.from_numpy(images))

    def save(self, folder: Path) -> None:
        """Write the folder beside and rename it; an old one is replaced only when the new one is whole."""
        write_folder(folder, self._write)

    def _write(self, folder: Path) -> None:
        kernels, ridge = self.classifier.kernels, self.classifier.ridge
        assert kernels.biases is not None, "a fitted classifier has biases"
        numbers = {
            "biases": kernels.biases,
            "mean": ridge.mean,
            "scale": ridge.scale,
            "weights": ridge.weights,
            "intercept": ridge.intercept,
        }
        content = {name: np.ascontiguousarray(value, np.float32) for name, value in numbers.items()}
        write_atomically(folder / NUMBERS, safetensors.numpy.save(content))
        description = _Description(
            class_names=self.class_names,
            skeleton=self.skeleton.name,
            layout=own_layout(self.skeleton),
            num_people=self.num_people,
            encoding=self.encoding,
            statistics=self.statistics.to_dict(),
            kernels=KernelsConfig(
                **{name: getattr(kernels.config, name) for name in KernelsConfig.model_fields}
            ),
            penalty=ridge.penalty,
            left_out={str(penalty): accuracy for penalty, accuracy in ridge.left_out.items()},
            notes=self.notes,
            **origin(folder, (NUMBERS,), ("torch", "numpy", "opencv-python")),
        )
        write_atomically(folder / DESCRIPTION, description.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a folder written by `save`.

        Raises:
            FileNotFoundError: the folder or a part of it is missing.
            ValueError: a part was changed since it was written, or is of another format.
        """
        path = Path(folder) / DESCRIPTION
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} holds no random kernels (no {DESCRIPTION}); `posenas baseline kernels` makes them"
            )
        described = check_settings(_Description, read_json(path), str(path))
        check_parts(
            Path(folder),
            (NUMBERS,),
            described.sha256,
            model="ridge",
            described=DESCRIPTION,
            remedy="fit them again",
        )
        numbers = safetensors.numpy.load((Path(folder) / NUMBERS).read_bytes())
        size = described.encoding.image_size
        shape = (described.encoding.num_channels, size, size)
        return cls(
            classifier=KernelClassifier(
                RandomKernels(described.kernels, shape, numbers.pop("biases")),
                Ridge(
                    **numbers,
                    penalty=described.penalty,
                    left_out={float(penalty): share for penalty, share in described.left_out.items()},
                ),
            ),
            class_names=described.class_names,
            skeleton=get_skeleton(described.skeleton)
            if described.layout is None
            else Skeleton.from_dict(described.layout),
            num_people=described.num_people,
            encoding=described.encoding,
            statistics=EncodingStatistics.from_dict(described.statistics),
            notes=described.notes,
        )
