"""A file of one's own clips through every stage: its layout, its name and its content stay with the run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster.classifier import TrainedClassifier
from cluster.config import ExperimentConfig
from cluster.recognition.finding import open_model
from cluster.recognition.pose_files import read_pose_file
from cluster.recognition.recognizer import Recognizer
from cluster.stages.evaluation import run_evaluation
from cluster.stages.final_training import run_training
from cluster.stages.search import run_search
from encoding.datasets import Clip, save_clips
from encoding.datasets.npz import layout_arrays
from encoding.datasets.synthetic import synthetic
from lifting.skeleton import MSR_20

TINY = Path(__file__).parents[1] / "tiny.yaml"
OWN = replace(MSR_20, name="studio_20")


def _own(clip: Clip) -> Clip:
    return replace(clip, poses=replace(clip.poses, skeleton=OWN))


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """Four people's clips of two actions on a layout that posenas does not know by name."""
    split = synthetic(actions=("high arm wave", "forward kick"), num_subjects=4)
    parts = {part: tuple(map(_own, getattr(split, part))) for part in ("train", "validation", "test")}
    save_clips(tmp_path / "studio.npz", replace(split, **parts))
    return tmp_path / "studio.npz"


def test_a_layout_of_its_own_goes_with_the_model(own_file: Path, tmp_path: Path) -> None:
    config = ExperimentConfig.from_file(
        TINY, {"data.name": "npz", "data.root": str(own_file), "data.num_subjects": 10}
    )
    run_search(config, tmp_path / "run")
    run_training(tmp_path / "run")
    assert TrainedClassifier.load(tmp_path / "run" / "model").skeleton == OWN
    assert run_evaluation(tmp_path / "run").total == 8
    recognizer = Recognizer(open_model(str(tmp_path / "run")))
    clip = read_pose_file(own_file)[0]
    np.savez(tmp_path / "one.npz", xyz=clip.poses.xyz, fps=15.0, skeleton="studio_20", **layout_arrays(OWN))
    np.savez(tmp_path / "name.npz", xyz=clip.poses.xyz, fps=15.0, skeleton="studio_20")
    expected = recognizer.predict(clip.poses).probabilities
    for path, known in ((tmp_path / "one.npz", ()), (tmp_path / "name.npz", (OWN,))):
        (again,) = read_pose_file(path, known)
        np.testing.assert_array_equal(recognizer.predict(again.poses).probabilities, expected)
    with pytest.raises(ValueError, match="skeleton 'studio_20' is not known"):
        read_pose_file(tmp_path / "name.npz")
