"""The trained classifier's folder: what is saved is what predicts, and what was touched is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster.recognition.classifier import TrainedClassifier
from encoding.datasets.synthetic import synthetic
from encoding.spmf import EncodingConfig, fit_statistics
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20, SBU_15
from nas.genotype import Genotype
from nas.network import Network
from nas.plan import NetworkConfig

GENOTYPE = Genotype.parse("0 0 1 4 0 2 2 0  0 3 1 2 1 1 0 4")
CLIPS = [clip.poses for clip in synthetic(num_subjects=2, clips_per_action=1).test][:3]


@pytest.fixture
def classifier() -> TrainedClassifier:
    config = NetworkConfig(num_classes=4, channels=4, normal_cells=1)
    return TrainedClassifier(
        network=Network(GENOTYPE, config, seed=3).eval(),
        class_names=("wave", "kick", "bow", "sit"),
        skeleton=MSR_20,
        num_people=1,
        encoding=EncodingConfig(),
        statistics=fit_statistics(CLIPS, EncodingConfig()),
        notes={"data": "four actions"},
    )


def test_a_saved_classifier_predicts_what_it_predicted_before(
    classifier: TrainedClassifier, tmp_path: Path
) -> None:
    classifier.save(tmp_path / "model")
    loaded = TrainedClassifier.load(tmp_path / "model")
    before = classifier.predict(CLIPS)
    np.testing.assert_array_equal(loaded.predict(CLIPS), before)
    assert before.shape == (3, 4)
    np.testing.assert_allclose(before.sum(axis=1), 1, rtol=1e-6)
    assert loaded.genotype == GENOTYPE
    assert loaded.class_names == classifier.class_names
    assert loaded.statistics == classifier.statistics
    assert loaded.notes == {"data": "four actions"}


def test_no_clips_give_no_rows(classifier: TrainedClassifier) -> None:
    assert classifier.predict([]).shape == (0, 4)


def test_saving_again_replaces_the_old_folder_as_a_whole(
    classifier: TrainedClassifier, tmp_path: Path
) -> None:
    classifier.save(tmp_path / "model")
    replace(classifier, notes={"again": True}).save(tmp_path / "model")
    assert TrainedClassifier.load(tmp_path / "model").notes == {"again": True}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    names = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert names == ["classifier.json", "genotype.json", "weights.safetensors"]


def test_a_missing_part_is_named(classifier: TrainedClassifier, tmp_path: Path) -> None:
    classifier.save(tmp_path / "model")
    (tmp_path / "model" / "weights.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"is incomplete: weights.safetensors is missing"):
        TrainedClassifier.load(tmp_path / "model")


@pytest.mark.parametrize("name", ["weights.safetensors", "genotype.json"])
def test_a_changed_part_is_refused(classifier: TrainedClassifier, tmp_path: Path, name: str) -> None:
    classifier.save(tmp_path / "model")
    path = tmp_path / "model" / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=f"{name} was changed after the classifier was saved"):
        TrainedClassifier.load(tmp_path / "model")


def test_a_description_of_another_format_or_with_a_wrong_field_is_refused(
    classifier: TrainedClassifier, tmp_path: Path
) -> None:
    classifier.save(tmp_path / "model")
    path = tmp_path / "model" / "classifier.json"
    description = json.loads(path.read_text())
    path.write_text(json.dumps({**description, "format": 9}))
    with pytest.raises(ValueError, match="format is 9; it must be 1"):
        TrainedClassifier.load(tmp_path / "model")
    path.write_text(json.dumps({**description, "classnames": []}))
    with pytest.raises(ValueError, match=r"no setting 'classnames' \(did you mean 'class_names'\?\)"):
        TrainedClassifier.load(tmp_path / "model")


def test_a_folder_without_classifier_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"holds no trained classifier .* `posenas train RUN` makes one"
    ):
        TrainedClassifier.load(tmp_path)


def test_other_joints_or_another_number_of_people_are_refused(classifier: TrainedClassifier) -> None:
    other = PoseSequence3D(xyz=np.ones((5, 15, 3), np.float32), fps=15, skeleton=SBU_15)
    with pytest.raises(
        ValueError, match=r"clip 1 has skeleton 'sbu_15' \(15 joints\); this classifier needs 'msr_20'"
    ):
        classifier.predict([CLIPS[0], other])
    pair = PoseSequence3D(xyz=np.ones((5, 2, 20, 3), np.float32), fps=15, skeleton=MSR_20)
    with pytest.raises(ValueError, match="clip 0 shows 2 people; this classifier needs 1"):
        classifier.predict([pair])


def test_class_names_must_fit_the_network(classifier: TrainedClassifier) -> None:
    with pytest.raises(ValueError, match="there are 2 class names; the network has 4 outputs"):
        replace(classifier, class_names=("a", "b"))


OWN = replace(MSR_20, name="studio_20")


def test_the_layout_of_a_data_set_is_kept(classifier: TrainedClassifier, tmp_path: Path) -> None:
    replace(classifier, skeleton=OWN).save(tmp_path / "model")
    again = TrainedClassifier.load(tmp_path / "model")
    assert again.skeleton == OWN
    own = [replace(clip, skeleton=OWN) for clip in CLIPS]
    np.testing.assert_array_equal(again.predict(own), classifier.predict(CLIPS))


def test_a_known_layout_is_kept_by_name_and_a_folder_from_before_is_read(
    classifier: TrainedClassifier, tmp_path: Path
) -> None:
    classifier.save(tmp_path / "model")
    path = tmp_path / "model" / "classifier.json"
    description = json.loads(path.read_text())
    assert description.pop("layout") is None
    path.write_text(json.dumps(description))
    assert TrainedClassifier.load(tmp_path / "model").skeleton == MSR_20


def test_a_layout_of_the_same_name_with_other_joints_is_refused(classifier: TrainedClassifier) -> None:
    turned = replace(MSR_20, joints=(*MSR_20.joints[:-2], "head", "right_foot"), name="msr_20")
    other = replace(CLIPS[0], skeleton=turned)
    with pytest.raises(ValueError, match="a skeleton 'msr_20' whose joint 18 is 'head'"):
        classifier.predict([other])
