"""MediaPipe's pose model behind the same interface as an ONNX model, run as a subprocess.

The model is inside the wheel of version 0.10.21 and finds one person.
"""

import json
import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lifting.mapping import map_confidence, map_joints
from lifting.skeleton import BODY_25, MEDIAPIPE_33
from lifting.tracking import DetectedPerson

__all__ = ["MediaPipeDetector", "detector_python"]

ENVIRONMENT = ".venv-detector"
VARIABLE = "POSENAS_DETECTOR"
_WORKER = Path(__file__).with_name("mediapipe_worker.py")
# Written last by `make detector`: without it the environment is half built.
_STAMP = ".installed"
_STOP_SECONDS = 5.0


def detector_python() -> Path:
    """The Python of MediaPipe's own environment.

    $POSENAS_DETECTOR, else `.venv-detector` in the working folder, else beside the sources.

    Raises:
        FileNotFoundError: it has not been built; says how.
    """
    named = os.environ.get(VARIABLE)
    sources = Path(__file__).resolve().parents[2]
    if named:
        places = [Path(named)]
        pythons = [place / "bin" / "python" if place.is_dir() else place for place in places]
    else:
        places = [folder / ENVIRONMENT for folder in dict.fromkeys((Path.cwd(), sources))]
        pythons = [place / "bin" / "python" for place in places if (place / _STAMP).exists()]
    for python in pythons:
        if python.is_file():
            return python
    raise FileNotFoundError(
        f"MediaPipe's environment is not at {' nor at '.join(map(str, places))}: `make detector` in the "
        f"sources builds it, {VARIABLE} names another place; or give an ONNX pose model of your "
        "own as `detector`"
    )


class MediaPipeDetector:
    """Opens with `with`; frames of one size.

    Args:
        image_size: (width, height), pixels.
        min_confidence: a keypoint of a lower visibility is missing.
        python: of the environment; None looks for it as `detector_python` does.

    Raises:
        FileNotFoundError: the environment is not there.
        RuntimeError: the subprocess ends or does not start; says what it wrote last.
    """

    skeleton = BODY_25

    def __init__(
        self, image_size: tuple[int, int], min_confidence: float, python: Path | None = None
    ) -> None:
        self._image_size, self._min_confidence = image_size, min_confidence
        self._python = detector_python() if python is None else python
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: Any = None
        self.name = "mediapipe"

    def __enter__(self) -> Self:
        self._errors = tempfile.TemporaryFile()
        # -I: neither PYTHONPATH nor this folder may put our packages before the environment's own.
        self._process = subprocess.Popen(
            [str(self._python), "-I", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        width, height = self._image_size
        try:
            hello = self._ask(json.dumps({"width": width, "height": height}).encode() + b"\n")
        except BaseException:
            self._close()
            raise
        self.name = f"mediapipe {hello['mediapipe']}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._process is not None:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # what was still to be written to a process that ended
                        pipe.close()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
        self._errors.close()

    def detect(self, frame: NDArray[np.uint8]) -> tuple[DetectedPerson, ...]:
        """The person in a frame (height, width, 3) BGR, as BODY_25; no person where MediaPipe finds none."""
        points = np.array(self._ask(frame.tobytes()), dtype=np.float64)
        return (
            () if points.size == 0 else person_from_mediapipe(points, self._image_size, self._min_confidence)
        )

    def _ask(self, data: bytes) -> Any:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise RuntimeError("the detector is not open; use it in a with statement")
        try:
            process.stdin.write(data)
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise RuntimeError(f"MediaPipe in {self._python} ended: {self._last_words()}")
        return json.loads(line)

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"


def person_from_mediapipe(
    points: NDArray[np.float64], image_size: tuple[int, int], min_confidence: float
) -> tuple[DetectedPerson, ...]:
    """(33, 3) shares of the image and visibility as one person of BODY_25; none if no joint is sure enough.

    MediaPipe also guesses joints outside the image; those are missing here.
    """
    xy = points[:, :2] * image_size
    missing = (points[:, 2] < min_confidence) | (xy < 0).any(axis=1) | (xy >= image_size).any(axis=1)
    xy[missing] = np.nan
    confidence = np.where(missing, 0.0, points[:, 2].clip(0, 1))
    person = DetectedPerson(
        xy=map_joints(xy, MEDIAPIPE_33, BODY_25), confidence=map_confidence(confidence, MEDIAPIPE_33, BODY_25)
    )
    return (person,) if person.seen.any() else ()
