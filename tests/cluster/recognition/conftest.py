"""A recognizer whose lifter has hardly learned, and somebody to recognize."""

from pathlib import Path

import numpy as np
import pytest

from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.recognizer import Recognizer
from lifting.poses import Keypoints2D
from lifting.skeleton import H36M_17
from lifting.trained_lifter import TwoStreamLifter
from recognition_models import WINDOWS, small_classifier


@pytest.fixture(scope="session")
def recognizer(trained_run: Path) -> Recognizer:
    lifter = TwoStreamLifter.load(trained_run / "lifter")
    return Recognizer(RecognitionModel(classifier=small_classifier(), lifter=lifter, windows=WINDOWS))


@pytest.fixture(scope="session")
def model_folder(recognizer: Recognizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same as a folder; tests must not change it."""
    folder = tmp_path_factory.mktemp("model") / "four"
    recognizer.model.save(folder)
    return folder


@pytest.fixture(scope="session")
def walker() -> Keypoints2D:
    """Somebody of the layout H36M-17 who moves for 20 frames."""
    draw = np.random.default_rng(5)
    body = draw.normal(0, 80, (17, 2))
    steps = np.cumsum(draw.normal(0, 2, (20, 17, 2)), axis=0)
    xy = (body + steps + [640, 360]).astype(np.float32)
    return Keypoints2D(
        xy=xy, confidence=np.ones((20, 17), np.float32), image_size=(1280, 720), fps=30, skeleton=H36M_17
    )
