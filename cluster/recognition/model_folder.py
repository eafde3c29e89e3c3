"""The recognition model: one folder with all that lies between keypoints and the name of an action.

    classifier/     cells, weights, class names, encoding and its statistics (cluster.recognition.classifier)
    classifier.onnx the same network for onnxruntime, which answers for single images several times as fast
    lifter/         both streams, normalization, joint layouts (lifting.trained_lifter); none: poses alone
    model.json      format, joint layouts, windows, versions, SHA-256 of the ONNX file and the descriptions

The descriptions hold the SHA-256 of the other files, so that a part that is missing or changed is
refused. Nothing in it is pickled, and nothing of it is read before it has been checked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from cluster.recognition.classifier import DESCRIPTION as CLASSIFIER_DESCRIPTION
from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.learned import LearnedPoses
from cluster.recognition.windows import WindowConfig
from lifting.checked_settings import check_settings
from lifting.files import read_json, write_atomically, write_folder
from lifting.lifter_folder import DESCRIPTION as LIFTER_DESCRIPTION
from lifting.mapping import can_map
from lifting.model_parts import check_parts, origin
from lifting.reading import guarded
from lifting.trained_lifter import Runtime, TwoStreamLifter
from nas.export import save_onnx
from nas.images import to_network

__all__ = ["DESCRIPTION", "FORMAT", "RecognitionModel", "find_model"]

DESCRIPTION, CLASSIFIER, LIFTER, ONNX = "model.json", "classifier", "lifter", "classifier.onnx"
FORMAT = 1

Logits = Callable[[NDArray[np.float32]], NDArray[np.float32]]


class _Description(BaseModel):
    """model.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    class_names: tuple[str, ...]
    num_people: int
    keypoint_skeleton: str | None
    lifted_skeleton: str | None
    pose_skeleton: str
    # Axes, rate and unit of the clips that were learned; older models say it in classifier.json alone.
    learned: LearnedPoses | None = None
    windows: WindowConfig
    notes: dict[str, Any]
    versions: dict[str, str]
    sha256: dict[str, str]


@dataclass(frozen=True, eq=False, kw_only=True)
class RecognitionModel:
    """Keypoints or poses in, the action out.

    Attributes:
        classifier: poses to probabilities.
        lifter: keypoints to poses; None: the model takes poses alone.
        windows: how streams are cut up unless other windows are given.
        notes: what else is worth knowing (run, data, accuracy), JSON values.
        logits: the classifier's network as it answers here: images float32 (N, 3, S, S) to (N, C). None
            computes with torch; a folder brings onnxruntime, whose answers agree within 1e-5.

    Raises:
        ValueError: the lifter's poses cannot be mapped to those that the classifier has learned.
    """

    classifier: TrainedClassifier
    lifter: TwoStreamLifter | None
    windows: WindowConfig = field(default_factory=WindowConfig)
    notes: Mapping[str, Any] = field(default_factory=dict)
    logits: Logits | None = None

    def __post_init__(self) -> None:
        if self.lifter is None or can_map(self.lifter.skeleton, self.classifier.skeleton):
            return
        raise ValueError(
            f"the lifter writes poses of layout {self.lifter.skeleton.name!r}; the classifier needs "
            f"{self.classifier.skeleton.name!r}, and there is no way between them"
        )

    def classify(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Probabilities float32 (C,) of one SPMF image uint8 (S, S, 3)."""
        if self.logits is None:
            return np.asarray(self.classifier.classify(image[None])[0], np.float32)
        scores = self.logits(to_network(image[None]))[0].astype(np.float64)
        shares = np.exp(scores - scores.max())
        return np.asarray(shares / shares.sum(), np.float32)

    def save(self, folder: Path) -> None:
        """Write the folder beside and rename it; an old one is replaced only when the new one is whole."""
        write_folder(folder, self._write)

    def _write(self, folder: Path) -> None:
        lifter, parts = self.lifter, [ONNX, f"{CLASSIFIER}/{CLASSIFIER_DESCRIPTION}"]
        self.classifier.save(folder / CLASSIFIER)
        network = self.classifier.network
        save_onnx(network, torch.zeros(2, *network.input_shape), folder / ONNX)
        if lifter is not None:
            lifter.save(folder / LIFTER)
            parts.append(f"{LIFTER}/{LIFTER_DESCRIPTION}")
        description = _Description(
            **self._facts(),
            windows=self.windows,
            notes=dict(self.notes),
            **origin(folder, parts, ("torch", "numpy", "opencv-python", "onnxruntime")),
        )
        write_atomically(folder / DESCRIPTION, description.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path, runtime: Runtime = "onnx") -> Self:
        """Read a folder written by `save`.

        Args:
            folder: the model's.
            runtime: of the lifter; "int8" lifts in a fifth of the time and a little less exactly.

        Raises:
            FileNotFoundError: the folder or a part of it is missing.
            ValueError: a part was changed since it was written, or the format is not known.
        """
        folder = find_model(Path(folder))
        with guarded(folder, "a recognition model"):
            description = _read_description(folder / DESCRIPTION)
            check_parts(
                folder,
                description.sha256,
                description.sha256,
                model="recognition model",
                described=DESCRIPTION,
                remedy="pack the model again",
            )
            model = cls(
                classifier=TrainedClassifier.load(folder / CLASSIFIER),
                lifter=TwoStreamLifter.load(folder / LIFTER, runtime=runtime)
                if description.lifted_skeleton
                else None,
                windows=description.windows,
                notes=description.notes,
                logits=_onnx_logits(folder / ONNX),
            )
            for name, value in model._facts().items():
                unsaid = name == "learned" and description.learned is None
                if getattr(description, name) != value and not unsaid:
                    raise ValueError(
                        f"{folder / DESCRIPTION} says {name} {getattr(description, name)!r}, and the parts "
                        f"say {value!r}: restore it, or pack the model again"
                    )
            return model

    def _facts(self) -> dict[str, Any]:
        """What model.json says of the parts, for a reader without them."""
        lifter = self.lifter
        return {
            "class_names": self.classifier.class_names,
            "num_people": self.classifier.num_people,
            "keypoint_skeleton": None if lifter is None else lifter.keypoint_skeleton.name,
            "lifted_skeleton": None if lifter is None else lifter.skeleton.name,
            "pose_skeleton": self.classifier.skeleton.name,
            "learned": self.classifier.learned,
        }


def _onnx_logits(path: Path) -> Logits:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


def find_model(folder: Path) -> Path:
    """The recognition model in a folder: the folder itself, or what lies in `recognition/` of a run.

    Raises:
        FileNotFoundError: there is none; says how one is made.
    """
    for place in (folder, folder / "recognition"):
        if (place / DESCRIPTION).is_file():
            return place
    raise FileNotFoundError(
        f"{folder} holds no recognition model (no {DESCRIPTION}); `posenas pack` makes one"
    )


def _read_description(path: Path) -> _Description:
    content = read_json(path)
    if content.get("format") != FORMAT:
        raise ValueError(
            f"{path} is of format {content.get('format')!r}; this posenas reads format {FORMAT}: "
            "pack the model again, or take the posenas that made it "
            f"({content.get('versions', {}).get('posenas', 'not noted')})"
        )
    return check_settings(_Description, content, str(path))
