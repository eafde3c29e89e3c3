"""Random kernels in a folder: they answer as before, and a folder that was changed is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster.config import ExperimentConfig
from cluster.recognition.kernel_model import TrainedKernels
from cluster.stages.kernels import check_partner, fit_kernels_on, kernels_encoding
from cluster.stages.preparation import PreparedExperiment
from lifting.poses import PoseSequence3D
from lifting.skeleton import SBU_15

TINY = Path(__file__).parents[1] / "tiny.yaml"


@pytest.fixture(scope="module")
def experiment() -> PreparedExperiment:
    return PreparedExperiment.load(
        ExperimentConfig.from_file(TINY, {"kernels.kernels": 50, "kernels.copies": 1})
    )


@pytest.fixture(scope="module")
def kernels(experiment: PreparedExperiment) -> TrainedKernels:
    return fit_kernels_on(experiment, experiment.split.development, seed=3)


def test_they_read_both_images_without_equalization(
    experiment: PreparedExperiment, kernels: TrainedKernels
) -> None:
    changed = experiment.config.changed({"encoding.enhancement": "lab", "encoding.kind": "motion"})
    assert kernels_encoding(changed).enhancement == "off"
    assert kernels.encoding.image_kinds == ("spmf", "motion")
    assert kernels.classifier.kernels.image_shape == (6, 8, 8)


def test_a_folder_gives_the_same_answers(
    experiment: PreparedExperiment, kernels: TrainedKernels, tmp_path: Path
) -> None:
    kernels.save(tmp_path / "kernels")
    loaded = TrainedKernels.load(tmp_path / "kernels")
    clips = [clip.poses for clip in experiment.split.test]
    assert np.array_equal(loaded.predict(clips), kernels.predict(clips))
    assert loaded.predict([]).shape == (0, len(kernels.class_names))
    assert loaded.notes == kernels.notes
    ridges = loaded.classifier.ridge, kernels.classifier.ridge
    assert ridges[0].left_out == ridges[1].left_out


def test_a_folder_that_was_changed_or_is_missing_is_refused(kernels: TrainedKernels, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no kernels\.json\); `posenas baseline kernels` makes"):
        TrainedKernels.load(tmp_path)
    kernels.save(tmp_path / "kernels")
    weights = tmp_path / "kernels" / "kernels.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    with pytest.raises(ValueError, match=r"kernels\.safetensors was changed after the ridge was saved"):
        TrainedKernels.load(tmp_path / "kernels")
    described = tmp_path / "kernels" / "kernels.json"
    described.write_text(json.dumps({**json.loads(described.read_text()), "format": 2}))
    with pytest.raises(ValueError, match=r"kernels\.json.*format"):
        TrainedKernels.load(tmp_path / "kernels")


def test_clips_of_another_skeleton_are_refused(kernels: TrainedKernels) -> None:
    clip = PoseSequence3D(xyz=np.zeros((3, 15, 3), np.float32), fps=15, skeleton=SBU_15)
    with pytest.raises(ValueError, match="clip 0 has"):
        kernels.predict([clip])


def test_more_features_than_memory_are_refused(experiment: PreparedExperiment) -> None:
    config = experiment.config.changed({"kernels.kernels": 3_000_000})
    with pytest.raises(ValueError, match=r"3,000,000 kernels .* GiB; `memory_gib` allows 4\. Take fewer"):
        fit_kernels_on(replace(experiment, config=config), experiment.split.train, seed=0)


def test_a_committee_needs_the_same_classes(kernels: TrainedKernels) -> None:
    check_partner(kernels.class_names, kernels)
    with pytest.raises(ValueError, match="a committee needs the same classes in the same order"):
        check_partner(kernels.class_names[::-1], kernels)
