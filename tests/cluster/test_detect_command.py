"""`posenas detect`: a model of the user, and what is said where something is missing."""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from cluster.cli import main
from lifting.openpose import SOURCE_FILE, open_folder
from lifting.skeleton import COCO_18
from source_files import video


@pytest.fixture
def walk(tmp_path: Path) -> Path:
    return video(tmp_path / "walk.avi", frames=12)


def test_an_onnx_model_of_the_user_needs_no_environment(
    walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A MoveNet that sees every keypoint in the middle: 0.5 + 0 times the mean of the image."""
    nodes = [
        helper.make_node("Cast", ["input"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["numbers"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["mean", "zero"], ["nothing"]),
        helper.make_node("Add", ["half", "nothing"], ["output"]),
    ]
    constants = [
        numpy_helper.from_array(np.zeros((), np.float32), "zero"),
        numpy_helper.from_array(np.full((1, 1, 17, 3), 0.5, np.float32), "half"),
    ]
    graph = helper.make_graph(
        nodes,
        "movenet",
        [helper.make_tensor_value_info("input", TensorProto.INT32, [1, 192, 192, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 17, 3])],
        initializer=constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, tmp_path / "movenet.onnx")
    monkeypatch.setenv("POSENAS_DETECTOR", str(tmp_path / "nowhere"))
    out = tmp_path / "json"
    monkeypatch.setattr(
        sys,
        "argv",
        ["posenas", "detect", str(walk), "--out", str(out), "--model", str(tmp_path / "movenet.onnx")],
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "a person in 12 of 12 frames" in " ".join(capsys.readouterr().out.split())
    folder = open_folder(out)
    assert folder.skeleton is COCO_18
    (person,) = next(folder.frames()).people
    # The middle of a frame of 64 x 48; OpenPose's neck, the middle of the shoulders, is there too.
    np.testing.assert_allclose(person.xy, np.tile([32, 24], (18, 1)), atol=1e-3)
    assert json.loads((out / SOURCE_FILE).read_text())["detector"] == "movenet.onnx"


def test_without_the_environment_the_command_says_how_to_build_it(
    walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSENAS_DETECTOR", str(tmp_path / "nowhere"))
    monkeypatch.setattr(sys, "argv", ["posenas", "detect", str(walk), "--out", str(tmp_path / "json")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "`make detector`" in said
    assert "an ONNX pose model of your own as --detector" in said
    assert not (tmp_path / "json").exists()


def test_a_video_that_does_not_open_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    monkeypatch.setattr(sys, "argv", ["posenas", "detect", str(tmp_path / "text.mp4"), "--out", "x"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "is no video that can be decoded" in " ".join(capsys.readouterr().err.split())
