"""The trained classifier: one folder with all that prediction needs, checked when it is read.

    genotype.json          the cells
    weights.safetensors    parameters and batch statistics of the final network, auxiliary head included
    classifier.json        class names, skeleton, encoding, statistics, network, versions, SHA-256 of the rest

Nothing in it is pickled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from cluster.recognition.learned import LearnedPoses
from encoding.spmf import EncodingConfig, EncodingStatistics, encode_all
from lifting.checked_settings import check_settings
from lifting.files import read_json, write_atomically, write_folder
from lifting.model_parts import check_parts, origin, write_weights
from lifting.poses import PoseSequence3D
from lifting.reading import guarded
from lifting.skeleton import SKELETONS, Skeleton, get_skeleton, skeleton_difference
from nas.genotype import Genotype
from nas.images import to_network
from nas.network import Network
from nas.plan import NetworkConfig

__all__ = ["TrainedClassifier", "check_clips", "own_layout"]

DESCRIPTION, GENOTYPE, WEIGHTS = "classifier.json", "genotype.json", "weights.safetensors"
PARTS = (GENOTYPE, WEIGHTS)
BATCH = 256


class _Description(BaseModel):
    """classifier.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    class_names: tuple[str, ...]
    skeleton: str
    # The whole layout where the name alone does not say it: one that a data set brought along.
    layout: dict[str, Any] | None = None
    num_people: int
    encoding: EncodingConfig
    statistics: dict[str, Any]
    network: NetworkConfig
    # Models from before this was kept are used as they are: poses in their own axes and at their own rate.
    learned: LearnedPoses | None = None
    notes: dict[str, Any]
    versions: dict[str, str]
    sha256: dict[str, str]

    def the_skeleton(self) -> Skeleton:
        """The layout that the poses must have.

        Raises:
            ValueError: only a name is given, and no layout has it; or what is given is no layout.
        """
        return get_skeleton(self.skeleton) if self.layout is None else Skeleton.from_dict(self.layout)


@dataclass(frozen=True, eq=False, kw_only=True)
class TrainedClassifier:
    """Poses in, probabilities of the actions out.

    Attributes:
        network: the trained network of the genotype found.
        class_names: K names, in the order of the network's outputs.
        skeleton: joint layout that the poses must have.
        num_people: 1 or 2 people in a clip.
        encoding: how poses become an image.
        statistics: of the encoding, fitted on the training clips.
        notes: what else is worth knowing (run, accuracy, data), JSON values.
        learned: axes, frame rate and length of the clips that it learned from; None where that is not known.

    Raises:
        ValueError: the number of class names is not the network's.
    """

    network: Network
    class_names: tuple[str, ...]
    skeleton: Skeleton
    num_people: int
    encoding: EncodingConfig
    statistics: EncodingStatistics
    notes: dict[str, Any]
    learned: LearnedPoses | None = None

    def __post_init__(self) -> None:
        if len(self.class_names) != self.network.config.num_classes:
            raise ValueError(
                f"there are {len(self.class_names)} class names; the network has "
                f"{self.network.config.num_classes} outputs"
            )

    @property
    def genotype(self) -> Genotype:
        """The cells of the network."""
        return self.network.genotype

    def images(self, clips: Sequence[PoseSequence3D]) -> NDArray[np.uint8]:
        """The SPMF images of clips, uint8 (N, S, S, 3) RGB.

        Raises:
            ValueError: a clip has another skeleton or another number of people.
        """
        check_clips(clips, self.skeleton, self.num_people)
        return encode_all(clips, self.encoding, self.statistics)

    def predict(self, clips: Sequence[PoseSequence3D]) -> NDArray[np.float32]:
        """Probabilities float32 (N, K), each row adding up to 1.

        Raises:
            ValueError: a clip has another skeleton or another number of people.
        """
        if not clips:
            return np.zeros((0, len(self.class_names)), np.float32)
        return self.classify(self.images(clips))

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities float32 (N, K) of SPMF images uint8 (N, S, S, 3), at least one."""
        prepared = torch.from_numpy(to_network(images))
        self.network.eval()
        with torch.inference_mode():
            parts = [torch.softmax(self.network(batch), dim=1) for batch in torch.split(prepared, BATCH)]
        return torch.cat(parts).numpy()

    def save(self, folder: Path) -> None:
        """Write the folder beside and rename it; an old one is replaced only when the new one is whole."""
        write_folder(folder, self._write)

    def _write(self, folder: Path) -> None:
        write_atomically(folder / GENOTYPE, self.genotype.to_json() + "\n")
        write_weights(folder / WEIGHTS, self.network)
        description = _Description(
            class_names=self.class_names,
            skeleton=self.skeleton.name,
            layout=own_layout(self.skeleton),
            num_people=self.num_people,
            encoding=self.encoding,
            statistics=self.statistics.to_dict(),
            network=self.network.config,
            learned=self.learned,
            notes=self.notes,
            **origin(folder, PARTS, ("torch", "numpy", "opencv-python")),
        )
        write_atomically(folder / DESCRIPTION, description.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read a folder written by `save`.

        Raises:
            FileNotFoundError: the folder or a part of it is missing.
            ValueError: a part was changed since it was written, or is of another format.
        """
        folder = Path(folder)
        with guarded(folder, "a trained classifier"):
            description = _read_description(folder)
            check_parts(
                folder,
                PARTS,
                description.sha256,
                model="classifier",
                described=DESCRIPTION,
                remedy="train again",
            )
            genotype = Genotype.from_json((folder / GENOTYPE).read_text(encoding="utf-8"))
            network = Network(genotype, description.network)
            network.load_state_dict(safetensors.torch.load((folder / WEIGHTS).read_bytes()))
            network.eval()
            return cls(
                network=network,
                class_names=description.class_names,
                skeleton=description.the_skeleton(),
                num_people=description.num_people,
                encoding=description.encoding,
                statistics=EncodingStatistics.from_dict(description.statistics),
                notes=description.notes,
                learned=description.learned,
            )


def own_layout(skeleton: Skeleton) -> dict[str, Any] | None:
    """The whole layout where its name alone does not say it: one that a data set brought along."""
    return None if SKELETONS.get(skeleton.name) == skeleton else skeleton.to_dict()


def check_clips(clips: Sequence[PoseSequence3D], skeleton: Skeleton, num_people: int) -> None:
    """Whether a classifier can take these clips.

    Raises:
        ValueError: a clip has another skeleton or another number of people.
    """
    for number, clip in enumerate(clips):
        if clip.skeleton != skeleton:
            who = {"subject": f"clip {number} has", "needs": "this classifier needs"}
            raise ValueError(skeleton_difference(clip.skeleton, skeleton, **who))
        if clip.num_people != num_people:
            raise ValueError(
                f"clip {number} shows {clip.num_people} people; this classifier needs {num_people} (`people` "
                "chooses those with the most motion)"
            )


def _read_description(folder: Path) -> _Description:
    path = folder / DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder} holds no trained classifier (no {DESCRIPTION}); `posenas train RUN` makes one"
        )
    return check_settings(_Description, read_json(path), str(path))
