"""The folder of a trained lifter: what is saved is what lifts, and what was touched is refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lifting.poses import Keypoints2D
from lifting.skeleton import H36M_17, SBU_15
from lifting.trained_lifter import TwoStreamLifter

DRAW = np.random.default_rng(0)


def clip(frames: int = 12) -> Keypoints2D:
    base = DRAW.normal([640, 360], 80, (17, 2))
    xy = base + np.cumsum(DRAW.normal(0, 3, (frames, 17, 2)), axis=0)
    return Keypoints2D(
        xy=xy.astype(np.float32),
        confidence=np.ones((frames, 17), np.float32),
        image_size=(1280, 720),
        fps=30,
        skeleton=H36M_17,
    )


@pytest.fixture
def folder(trained_run: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(trained_run / "lifter", tmp_path / "lifter"))


def test_onnx_and_torch_lift_alike_within_a_hundredth_of_a_millimeter(trained_run: Path) -> None:
    keypoints = clip()
    with_onnx = TwoStreamLifter.load(trained_run / "lifter").lift(keypoints)
    with_torch = TwoStreamLifter.load(trained_run / "lifter", runtime="torch").lift(keypoints)
    np.testing.assert_allclose(with_onnx.xyz, with_torch.xyz, atol=1e-2)
    assert with_onnx.xyz.shape == (12, 17, 3)
    assert with_onnx.skeleton == H36M_17


def test_weights_of_eight_bits_lift_nearly_as_whole_ones(trained_run: Path) -> None:
    keypoints = clip()
    whole = TwoStreamLifter.load(trained_run / "lifter").lift(keypoints).xyz
    rounded = TwoStreamLifter.load(trained_run / "lifter", runtime="int8").lift(keypoints).xyz
    away = np.linalg.norm(rounded - whole, axis=-1)
    assert 0 < away.mean() < 0.05 * np.linalg.norm(whole, axis=-1).mean()


def test_frame_by_frame_lifts_as_the_whole_clip(trained_run: Path) -> None:
    lifter, keypoints = TwoStreamLifter.load(trained_run / "lifter"), clip()
    live = lifter.stream(H36M_17, keypoints.fps)
    poses = [frame.pose for xy in keypoints.xy for frame in live.push(xy)]
    np.testing.assert_allclose(np.stack(poses), lifter.lift(keypoints).xyz, atol=1e-2)


def test_a_saved_lifter_is_the_same_again(trained_run: Path, tmp_path: Path) -> None:
    first = TwoStreamLifter.load(trained_run / "lifter", runtime="torch")
    first.save(tmp_path / "again")
    second = TwoStreamLifter.load(tmp_path / "again", runtime="torch")
    keypoints = clip()
    np.testing.assert_array_equal(second.lift(keypoints).xyz, first.lift(keypoints).xyz)
    assert second.notes == first.notes
    assert not [path for path in (tmp_path / "again").iterdir() if path.suffix in (".pt", ".pkl")]


def test_a_folder_without_a_lifter_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"holds no trained lifter .* `posenas lift train` makes one"):
        TwoStreamLifter.load(tmp_path)


def test_a_missing_part_is_named(folder: Path) -> None:
    (folder / "detected.onnx").unlink()
    with pytest.raises(FileNotFoundError, match=r"is incomplete: detected.onnx is missing"):
        TwoStreamLifter.load(folder)


def test_a_changed_part_is_refused(folder: Path) -> None:
    content = bytearray((folder / "gt.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "gt.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"gt\.safetensors was changed after the lifter was saved"):
        TwoStreamLifter.load(folder)


def test_weights_of_another_configuration_are_refused(folder: Path) -> None:
    description = json.loads((folder / "lifter.json").read_text())
    description["streams"]["gt"]["model"]["width"] = 32
    (folder / "lifter.json").write_text(json.dumps(description))
    with pytest.raises(
        ValueError, match=r"gt.safetensors are of another configuration than lifter.json says"
    ):
        TwoStreamLifter.load(folder)


def test_keypoints_of_a_layout_that_cannot_be_mapped_are_refused(trained_run: Path) -> None:
    other = Keypoints2D(
        xy=np.zeros((2, 15, 2), np.float32) + np.arange(15, dtype=np.float32)[:, None],
        confidence=np.ones((2, 15), np.float32),
        image_size=(10, 10),
        fps=30,
        skeleton=SBU_15,
    )
    with pytest.raises(ValueError, match="no mapping from skeleton 'sbu_15'"):
        TwoStreamLifter.load(trained_run / "lifter").lift(other)
