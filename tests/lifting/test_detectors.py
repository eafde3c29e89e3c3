"""Pose models given as ONNX: small models made here whose answers are known."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from lifting.detectors import MoveNetDetector, SimccDetector, crop_transform, decode_simcc, load_onnx_detector

WIDTH, HEIGHT, RATIO, J = 48, 64, 2, 17


def save(path: Path, nodes: list[onnx.NodeProto], inputs: list, outputs: list, constants: list) -> Path:
    graph = helper.make_graph(nodes, "model", inputs, outputs, initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    onnx.save(model, path)
    return path


def tensor(name: str, shape: list[int], kind: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def answers(path: Path, image: onnx.ValueInfoProto, **values: np.ndarray) -> Path:
    """A model that gives the same whatever it sees (and adds 0 times the image, so that it looks at it)."""
    nodes, constants, outputs = [], [], []
    nodes.append(helper.make_node("Cast", [image.name], ["numbers"], to=TensorProto.FLOAT))
    nodes.append(helper.make_node("ReduceMean", ["numbers"], ["mean"], keepdims=0))
    constants.append(numpy_helper.from_array(np.zeros((), np.float32), "zero"))
    nodes.append(helper.make_node("Mul", ["mean", "zero"], ["nothing"]))
    for name, value in values.items():
        constants.append(numpy_helper.from_array(value.astype(np.float32), f"{name}_value"))
        nodes.append(helper.make_node("Add", [f"{name}_value", "nothing"], [name]))
        outputs.append(tensor(name, list(value.shape)))
    return save(path, nodes, [image], outputs, constants)


def simcc_scores(xy: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(1, J, bins) with one peak at each coordinate, `RATIO` bins a pixel."""
    x, y = np.zeros((1, J, WIDTH * RATIO)), np.zeros((1, J, HEIGHT * RATIO))
    for joint in range(J):
        x[0, joint, round(RATIO * xy[joint, 0])] = score[joint]
        y[0, joint, round(RATIO * xy[joint, 1])] = score[joint] + 0.05
    return x, y


@pytest.fixture
def simcc(tmp_path: Path) -> Path:
    """Keypoints on a diagonal of the crop; number 3 is unsure."""
    xy = np.column_stack([np.arange(J) + 16.5, np.arange(J) + 20.0])
    score = np.full(J, 0.9)
    score[3] = 0.1
    x, y = simcc_scores(xy, score)
    return answers(tmp_path / "rtmpose.onnx", tensor("input", [1, 3, HEIGHT, WIDTH]), simcc_x=x, simcc_y=y)


def test_a_coordinate_is_the_bin_of_its_peak_over_the_split_ratio() -> None:
    xy = np.random.default_rng(0).integers(0, 40, (J, 2)) + 0.5
    x, y = simcc_scores(xy, np.linspace(0.2, 0.9, J))
    found, score = decode_simcc(x[0].astype(np.float32), y[0].astype(np.float32), (WIDTH, HEIGHT))
    np.testing.assert_allclose(found, xy)
    np.testing.assert_allclose(score, np.linspace(0.2, 0.9, J), rtol=1e-6)  # the lower of the two peaks


def test_the_crop_shows_the_whole_box_undistorted() -> None:
    # A box of 100 x 400 in a crop of 48 x 64: the height decides, 64 / 400 = 0.16; the middle (150, 300)
    # comes to (24, 32).
    transform = crop_transform(np.array([100, 100, 200, 500], np.float32), (48, 64))
    np.testing.assert_allclose(transform @ [150, 300, 1], [24, 32])
    np.testing.assert_allclose(transform @ [100, 100, 1], [24 - 8, 0])


def test_rtmpose_keypoints_come_back_to_the_image(simcc: Path) -> None:
    detector = load_onnx_detector(simcc)
    assert isinstance(detector, SimccDetector)
    # The image of 480 x 640 is ten times the crop, so every coordinate is ten times that in the crop.
    (person,) = detector.detect(np.zeros((640, 480, 3), np.uint8))
    np.testing.assert_allclose(person.xy[0], [165, 200], atol=1e-3)
    assert np.flatnonzero(~person.seen).tolist() == [3]
    assert person.confidence[3] == 0
    assert person.confidence[0] == pytest.approx(0.9)


def test_the_next_frame_is_cut_out_around_the_last_keypoints(simcc: Path) -> None:
    detector = load_onnx_detector(simcc)
    frame = np.zeros((640, 480, 3), np.uint8)
    (first,) = detector.detect(frame)
    (second,) = detector.detect(frame)
    # Keypoints from 165 to 325 and 200 to 360: 160 wide and high, 200 with the margin; 200 / 48 pixels a
    # crop pixel.
    middle, scale = np.array([245, 280]), 200 / 48
    np.testing.assert_allclose(second.xy[0], middle + scale * (np.array([16.5, 20]) - [24, 32]), atol=0.01)
    assert not np.allclose(first.xy[0], second.xy[0])


def test_rtmpose_sees_red_green_blue_normalized(tmp_path: Path) -> None:
    """The score is 0.1 times the mean of the first channel: (255 - 123.675) / 58.395 for pure red."""
    nodes = [
        helper.make_node("Slice", ["input", "start", "stop", "axis"], ["red"]),
        helper.make_node("ReduceMean", ["red"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["x_value", "mean"], ["simcc_x"]),
        helper.make_node("Mul", ["y_value", "mean"], ["simcc_y"]),
    ]
    x, y = simcc_scores(np.full((J, 2), 20.0), np.full(J, 0.1))
    constants = [
        numpy_helper.from_array(np.array([0]), "start"),
        numpy_helper.from_array(np.array([1]), "stop"),
        numpy_helper.from_array(np.array([1]), "axis"),
        numpy_helper.from_array(x.astype(np.float32), "x_value"),
        numpy_helper.from_array(y.astype(np.float32), "y_value"),
    ]
    outputs = [tensor("simcc_x", list(x.shape)), tensor("simcc_y", list(y.shape))]
    path = save(tmp_path / "red.onnx", nodes, [tensor("input", [1, 3, HEIGHT, WIDTH])], outputs, constants)
    red = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    red[..., 2] = 255  # BGR
    (person,) = load_onnx_detector(path).detect(red)
    assert person.confidence[0] == pytest.approx(0.1 * (255 - 123.675) / 58.395, rel=1e-4)


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.UINT8, TensorProto.FLOAT])
def test_movenet_keypoints_come_back_from_the_square(tmp_path: Path, kind: int) -> None:
    yxs = np.full((1, 1, J, 3), 0.5)
    yxs[0, 0, 0] = [0.25, 0.75, 0.8]  # y, x, score
    yxs[0, 0, 1, 2] = 0.05
    path = answers(tmp_path / "movenet.onnx", tensor("input", [1, 192, 192, 3], kind), output_0=yxs)
    detector = load_onnx_detector(path)
    assert isinstance(detector, MoveNetDetector)
    # 400 x 200 fitted into a square: 400 a side with 100 above and below. x = 0.75 * 400; y = 0.25 * 400 -
    # 100.
    (person,) = detector.detect(np.zeros((200, 400, 3), np.uint8))
    np.testing.assert_allclose(person.xy[0], [300, 0], atol=1e-3)
    np.testing.assert_allclose(person.xy[2], [200, 100], atol=1e-3)
    assert not person.seen[1]


@pytest.mark.parametrize(
    "shapes",
    [
        {"heatmaps": (1, 17, 64, 48)},
        {"simcc_x": (1, 26, 96), "simcc_y": (1, 26, 128)},
        {"logits": (1, 1000)},
        {"a": (1, 17, 96), "b": (1, 17, 128), "c": (1, 17, 64)},
    ],
)
def test_other_outputs_are_refused_with_what_came_and_what_is_needed(
    tmp_path: Path, shapes: dict[str, tuple[int, ...]]
) -> None:
    values = {name: np.zeros(shape) for name, shape in shapes.items()}
    path = answers(tmp_path / "other.onnx", tensor("input", [1, 3, HEIGHT, WIDTH]), **values)
    with pytest.raises(
        ValueError, match=r"other.onnx has the input .* and the output .*; needed is RTMPose by SimCC"
    ):
        load_onnx_detector(path)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(ValueError, match=r"text.onnx is no ONNX model that can be loaded"):
        load_onnx_detector(tmp_path / "text.onnx")
    with pytest.raises(FileNotFoundError, match="there is no model"):
        load_onnx_detector(tmp_path / "none.onnx")
