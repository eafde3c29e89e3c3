import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from cluster.recognition.model_folder import DESCRIPTION, RecognitionModel, find_model
from cluster.recognition.model_lookup import open_model, pack_model
from cluster.recognition.recognizer import Recognizer
from lifting.poses import Keypoints2D
from lifting.skeleton import SBU_15
from recognition_models import small_classifier


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(model_folder, tmp_path / "copy"))


def test_a_saved_model_answers_as_before(
    recognizer: Recognizer, model_folder: Path, walker: Keypoints2D
) -> None:
    loaded = Recognizer.load(model_folder)
    by_torch = recognizer.predict(walker).probabilities
    np.testing.assert_allclose(loaded.predict(walker).probabilities, by_torch, atol=1e-5)
    assert loaded.model.windows == recognizer.model.windows
    said = json.loads((model_folder / DESCRIPTION).read_text())
    assert (said["keypoint_skeleton"], said["pose_skeleton"]) == ("h36m_17", "h36m_17")
    assert {"posenas", "torch", "onnxruntime"} <= set(said["versions"])
    assert not [path for path in model_folder.rglob("*") if path.suffix in (".pt", ".pkl", ".pth")]


@pytest.mark.parametrize(
    "part",
    ["classifier/classifier.json", "classifier/weights.safetensors", "classifier.onnx", "lifter/gt.onnx"],
)
def test_a_missing_or_changed_part_is_named(folder: Path, part: str) -> None:
    content = (folder / part).read_bytes()
    (folder / part).write_bytes(content[:-1] + b" ")
    with pytest.raises(ValueError, match=rf"{part}.* was changed after"):
        RecognitionModel.load(folder)
    (folder / part).unlink()
    with pytest.raises(FileNotFoundError, match=r"missing|holds no"):
        RecognitionModel.load(folder)


def test_an_unknown_format_is_refused(folder: Path) -> None:
    said = json.loads((folder / DESCRIPTION).read_text())
    (folder / DESCRIPTION).write_text(json.dumps({**said, "format": 7}))
    with pytest.raises(
        ValueError, match=r"is of format 7; this posenas reads format 1: pack the model again"
    ):
        RecognitionModel.load(folder)


def test_a_folder_without_a_model_says_how_one_is_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"`posenas pack` makes one"):
        find_model(tmp_path)
    with pytest.raises(FileNotFoundError, match="holds neither a recognition model nor a trained classifier"):
        open_model(str(tmp_path))


def test_a_lifter_of_other_joints_is_refused(recognizer: Recognizer) -> None:
    with pytest.raises(
        ValueError, match=r"the lifter writes poses of layout 'h36m_17'; the classifier needs 'sbu_15'"
    ):
        RecognitionModel(classifier=small_classifier(SBU_15), lifter=recognizer.model.lifter)


def test_a_run_and_a_lifter_are_packed(
    recognizer: Recognizer, trained_run: Path, tmp_path: Path, walker: Keypoints2D
) -> None:
    recognizer.model.classifier.save(tmp_path / "run" / "model")
    pack_model(tmp_path / "run", tmp_path / "packed", lifter=trained_run)
    packed, alone = Recognizer.load(tmp_path / "packed"), Recognizer(open_model(str(tmp_path / "run")))
    np.testing.assert_allclose(
        packed.predict(walker).probabilities, recognizer.predict(walker).probabilities, atol=1e-5
    )
    with pytest.raises(ValueError, match="this model takes 3D poses alone; pack it with a lifter"):
        alone.predict(walker)
    with pytest.raises(FileExistsError, match="is there already and is no model folder"):
        pack_model(tmp_path / "run", tmp_path / "run")
