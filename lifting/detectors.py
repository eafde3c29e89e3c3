"""2D keypoints by a pose model that the user gives as ONNX: RTMPose (SimCC) and MoveNet, recognized by
    their outputs.

Both look at one person. RTMPose wants the person cut out: the box is taken from the person's last
keypoints, at first (and after losing sight) it is the whole image.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from lifting.skeleton import COCO_17, Skeleton
from lifting.tracking import DetectedPerson

Image = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Normalization of ImageNet colors (red, green, blue), as RTMPose is trained with.
_MEAN = np.array([123.675, 116.28, 103.53], np.float32)
_STD = np.array([58.395, 57.12, 57.375], np.float32)
# The box is this many times as large as the keypoints' (mmpose's default).
_PADDING = 1.25
Shapes = Mapping[str, Sequence[object]]

# A mean confidence below this means that the person is lost.
_LOST = 0.3


class Detector(Protocol):
    """Finds people in one frame after the other of a video."""

    @property
    def name(self) -> str:
        """What is written beside its results."""

    @property
    def skeleton(self) -> Skeleton:
        """The layout of what it finds."""

    def detect(self, frame: Image) -> tuple[DetectedPerson, ...]:
        """Everyone in a frame (height, width, 3) BGR."""


def load_onnx_detector(path: Path, min_confidence: float = 0.2) -> "SimccDetector | MoveNetDetector":
    """The detector in an ONNX file.

    Args:
        path: the file; its weights are the user's.
        min_confidence: a keypoint below it is missing.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no ONNX model, or its inputs and outputs are those of no detector that is known here.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no model {path}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ValueError(f"{path} is no ONNX model that can be loaded: {error}") from error
    inputs = {one.name: list(one.shape) for one in session.get_inputs()}
    outputs = {one.name: list(one.shape) for one in session.get_outputs()}
    if _is_simcc(inputs, outputs):
        return SimccDetector(path.name, session, min_confidence)
    if _is_movenet(inputs, outputs):
        return MoveNetDetector(path.name, session, min_confidence)
    raise ValueError(
        f"{path} has the input {inputs} and the output {outputs}; needed is RTMPose by SimCC (input "
        "[1, 3, height, width], outputs simcc_x and simcc_y [1, 17, bins]) or MoveNet for one person "
        "(input [1, size, size, 3], output [1, 1, 17, 3])"
    )


def _is_simcc(inputs: Shapes, outputs: Shapes) -> bool:
    """One image, channels first, of known size; for each of 17 keypoints scores over x and scores over y."""
    shapes = list(inputs.values())
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][1] != 3 or not _known(shapes[0][2:]):
        return False
    scores = list(outputs.values())
    return len(scores) == 2 and all(len(one) == 3 and one[1] == COCO_17.num_joints for one in scores)


def _is_movenet(inputs: Shapes, outputs: Shapes) -> bool:
    """One image, channels last, of known size; y, x, score of 17 keypoints of one person."""
    shapes = list(inputs.values())
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] != 3 or not _known(shapes[0][1:3]):
        return False
    return [one[1:] for one in outputs.values()] == [[1, COCO_17.num_joints, 3]]


def _known(sizes: Sequence[object]) -> bool:
    return all(isinstance(size, int) for size in sizes)


class SimccDetector:
    """RTMPose (Jiang et al. 2023): a coordinate is the bin of the highest score (SimCC, Li et al. 2022)."""

    skeleton = COCO_17

    def __init__(self, name: str, session: onnxruntime.InferenceSession, min_confidence: float) -> None:
        self.name = name
        self._session, self._min_confidence = session, min_confidence
        (self._input,) = session.get_inputs()
        self._height, self._width = self._input.shape[2:]
        self._box: Floats | None = None

    def detect(self, frame: Image) -> tuple[DetectedPerson, ...]:
        """The person in the box around the last keypoints, or in the whole image."""
        height, width = frame.shape[:2]
        box = np.array([0, 0, width, height], np.float32) if self._box is None else self._box
        to_crop = crop_transform(box, (self._width, self._height))
        crop = cv2.warpAffine(frame, to_crop, (self._width, self._height), flags=cv2.INTER_LINEAR)
        colors = (crop[..., ::-1].astype(np.float32) - _MEAN) / _STD
        x_scores, y_scores = self._session.run(None, {self._input.name: colors.transpose(2, 0, 1)[None]})
        xy, score = decode_simcc(x_scores[0], y_scores[0], (self._width, self._height))
        from_crop = cv2.invertAffineTransform(to_crop)
        person = _person(
            xy @ from_crop[:, :2].T + from_crop[:, 2], score, self._min_confidence, (width, height)
        )
        self._box = _box_around(person) if float(score.mean()) >= _LOST else None
        return (person,) if person.seen.any() else ()


class MoveNetDetector:
    """MoveNet for one person: y, x and score of 17 keypoints in the image fitted into a square."""

    skeleton = COCO_17

    def __init__(self, name: str, session: onnxruntime.InferenceSession, min_confidence: float) -> None:
        self.name = name
        self._session, self._min_confidence = session, min_confidence
        (self._input,) = session.get_inputs()
        self._size = (int(self._input.shape[2]), int(self._input.shape[1]))
        self._type = {"tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(float)": np.float32}[
            self._input.type
        ]

    def detect(self, frame: Image) -> tuple[DetectedPerson, ...]:
        """The person that the model sees best."""
        height, width = frame.shape[:2]
        to_square = crop_transform(np.array([0, 0, width, height], np.float32), self._size)
        square = cv2.warpAffine(frame[..., ::-1], to_square, self._size, flags=cv2.INTER_LINEAR)
        (output,) = self._session.run(None, {self._input.name: square[None].astype(self._type)})
        yxs = output[0, 0].astype(np.float64)
        from_square = cv2.invertAffineTransform(to_square)
        xy = (yxs[:, 1::-1] * self._size) @ from_square[:, :2].T + from_square[:, 2]
        person = _person(xy, yxs[:, 2], self._min_confidence, (width, height))
        return (person,) if person.seen.any() else ()


def crop_transform(box: Floats, size: tuple[int, int]) -> NDArray[np.float64]:
    """(2, 3), from image pixels to a crop of that (width, height) that shows the whole box, undistorted.

    Args:
        box: left, upper, right and lower edge, pixels.
        size: of the crop; the middle of the box comes to its middle.
    """
    left, upper, right, lower = (float(edge) for edge in box)
    scale = min(size[0] / max(right - left, 1.0), size[1] / max(lower - upper, 1.0))
    shift = (size[0] - scale * (left + right)) / 2, (size[1] - scale * (upper + lower)) / 2
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])


def decode_simcc(
    x_scores: Floats, y_scores: Floats, size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Keypoints (J, 2) in crop pixels and their scores (J,).

    Args:
        x_scores: (J, bins); there are `split ratio` bins a pixel.
        y_scores: (J, bins).
        size: (width, height) of the crop.

    A score is the lower of the two highest values.
    """
    ratio = np.array([x_scores.shape[1] / size[0], y_scores.shape[1] / size[1]])
    xy = np.column_stack([x_scores.argmax(axis=1), y_scores.argmax(axis=1)]) / ratio
    return xy, np.minimum(x_scores.max(axis=1), y_scores.max(axis=1)).astype(np.float64)


def _person(
    xy: NDArray[np.float64], score: NDArray[np.float64], min_confidence: float, image_size: tuple[int, int]
) -> DetectedPerson:
    """Keypoints that are unsure or outside the image are missing."""
    missing = (score < min_confidence) | (xy < 0).any(axis=1) | (xy >= image_size).any(axis=1)
    return DetectedPerson(
        xy=np.where(missing[:, None], np.nan, xy).astype(np.float32),
        confidence=np.where(missing, 0.0, score.clip(0, 1)).astype(np.float32),
    )


def _box_around(person: DetectedPerson) -> Floats | None:
    seen = person.xy[person.seen]
    if len(seen) < 2:
        return None
    low, high = seen.min(axis=0), seen.max(axis=0)
    middle, half = (low + high) / 2, (high - low) / 2 * _PADDING
    return np.concatenate([middle - half, middle + half])
