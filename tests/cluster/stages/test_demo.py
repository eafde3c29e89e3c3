"""The demo with settings so small that it takes seconds: every step of it, and a second call."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cluster.config import ExperimentConfig
from cluster.lifter.config import LiftConfig
from cluster.recognition.model_folder import RecognitionModel
from cluster.stages import demo
from encoding.datasets import DataConfig, load

TINY = Path(__file__).parents[1] / "tiny.yaml"
LIFTER = {
    "data.num_subjects": 2,
    "data.clips_per_action": 2,
    "data.cameras_per_clip": 1,
    "model.width": 32,
    "model.blocks": 1,
    "training.epochs": 1,
    "training.steps_per_epoch": 40,
    "resources.threads": 1,
}


@pytest.mark.slow
def test_the_demo_ends_with_a_film_of_a_recognition(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(clips: Path, workers: int, tracking: str | None) -> ExperimentConfig:
        data = {"data": {"name": "npz", "root": str(clips)}, "tracking": None, "resources.workers": workers}
        return ExperimentConfig.from_file(TINY, data)

    def small_lifter() -> LiftConfig:
        return real_lifter().changed(LIFTER)

    real_lifter = demo.demo_lift_config
    monkeypatch.setattr(demo, "demo_lift_config", small_lifter)
    monkeypatch.setattr(demo, "demo_config", small)
    found = demo.run_demo(tmp_path / "demo", workers=0)

    capture = cv2.VideoCapture(str(found.film))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) > 150
    capture.release()
    picture = cv2.imread(str(found.picture))
    assert picture is not None
    assert picture.shape == (720, 1280, 3)
    model = RecognitionModel.load(found.model)
    assert model.lifter is not None
    split = load(DataConfig(name="npz", root=tmp_path / "demo" / "clips.npz"))
    assert split.skeleton == model.classifier.skeleton == model.lifter.skeleton
    assert {clip.subject % 2 for clip in split.test if clip.subject is not None} == {0}
    assert any(str(found.film) in line for line in found.lines())

    weights = tmp_path / "demo" / "search" / "model" / "weights.safetensors"
    before = weights.read_bytes()
    again = demo.run_demo(tmp_path / "demo", workers=0)
    assert weights.read_bytes() == before
    assert again.spans == found.spans
    assert np.isclose(again.evaluation.accuracy, found.evaluation.accuracy)


def test_the_settings_of_the_demo_are_allowed() -> None:
    assert demo.demo_lift_config().data.cameras.image_size == (1280, 720)
    assert demo.demo_config(Path("clips.npz")).data.name == "npz"
