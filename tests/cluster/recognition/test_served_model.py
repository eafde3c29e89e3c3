"""A recognition model as MLflow serves it: a clip in, label and probabilities out, by HTTP and in Python."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.model_lookup import open_model
from cluster.recognition.recognizer import Recognizer
from cluster.tracking.mlflow_model import save_recognition_model
from encoding.spmf import EncodingConfig, EncodingStatistics
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import MSR_20
from lifting.trained_lifter import TwoStreamLifter
from nas.genotype import Cell, Genotype, Node
from nas.network import Network
from nas.plan import NetworkConfig
from recognition_models import NAMES, small_classifier

REPOSITORY = Path(__file__).resolve().parents[3]


def classifier() -> TrainedClassifier:
    node = Node(x_input=0, x_operation=4, y_input=1, y_operation=2)
    size = NetworkConfig(num_classes=2, image_size=32, channels=4, normal_cells=3)
    return TrainedClassifier(
        network=Network(Genotype(Cell((node,)), Cell((node,))), size, 0).eval(),
        class_names=("wave", "kick"),
        skeleton=MSR_20,
        num_people=1,
        encoding=EncodingConfig(),
        statistics=EncodingStatistics(pose_distance_max=2000.0, motion_distance_max=2000.0),
        notes={},
    )


def clip(frames: int) -> PoseSequence3D:
    xyz = np.random.default_rng(frames).uniform(-1000, 1000, (frames, 20, 3)).astype(np.float32)
    return PoseSequence3D(xyz=xyz, fps=15.0, skeleton=MSR_20)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served")
    trained = classifier()
    RecognitionModel(classifier=trained, lifter=None).save(folder / "recognition")
    save_recognition_model(folder / "model", folder / "recognition", clip(12), trained.class_names)
    return folder / "model"


def test_the_model_has_a_signature_an_example_and_pinned_requirements_and_no_pickle(model: Path) -> None:
    from mlflow.models import Model

    description = Model.load(str(model))
    assert [column.name for column in description.signature.outputs.inputs] == [
        *("label", "probability", "p: wave", "p: kick"),
    ]
    (poses,) = description.signature.inputs.inputs
    assert (poses.type, poses.shape) == (np.dtype(np.float32), (-1, 20, 3))
    assert (model / str(description.saved_input_example_info["artifact_path"])).is_file()
    requirements = (model / "requirements.txt").read_text().split()
    assert {line.split("==")[0] for line in requirements} >= {"mlflow", "torch", "numpy"}
    assert all("==" in line for line in requirements)
    assert [
        path for path in model.rglob("*") if path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".bin")
    ] == []


@pytest.fixture(scope="module")
def address(model: Path) -> Iterator[str]:
    """`mlflow models serve`, with pickle forbidden, away from our sources."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(model)]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    log = model.parent / "log"
    with log.open("wb") as said:
        server = subprocess.Popen(
            command, env=environment, cwd=model.parent, stdout=said, stderr=said, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 240
        while not _answers(f"http://127.0.0.1:{port}/ping"):
            assert server.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(60)


def _answers(address: str) -> bool:
    try:
        with _opener().open(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(address: str, poses: PoseSequence3D) -> Any:
    body = json.dumps({"inputs": poses.xyz.tolist(), "params": {"fps": poses.fps}}).encode()
    request = urllib.request.Request(
        f"{address}/invocations", body, {"Content-Type": "application/json"}, method="POST"
    )
    with _opener().open(request, timeout=60) as answer:
        return json.loads(answer.read())["predictions"]


@pytest.mark.slow
@pytest.mark.parametrize("frames", [12, 30])
def test_a_served_classifier_answers_a_clip_with_label_and_probabilities(address: str, frames: int) -> None:
    (expected,) = classifier().predict([clip(frames)])
    (answer,) = ask(address, clip(frames))
    assert answer["label"] == ("wave", "kick")[int(expected.argmax())]
    assert answer["probability"] == pytest.approx(float(expected.max()), abs=1e-5)
    np.testing.assert_allclose([answer["p: wave"], answer["p: kick"]], expected, atol=1e-5)


PREDICTED = """
import ast, json, sys, numpy, mlflow.pyfunc
before = set(sys.modules)
model = mlflow.pyfunc.load_model("model")
(row,) = model.predict(numpy.load("clip.npy"), params={"fps": 15.0})
ours = {n: m.__file__ for n, m in sys.modules.items() if n.partition(".")[0] in PACKAGES and m.__file__}
imported = set()
for path in ours.values():
    for node in ast.parse(open(path, encoding="utf-8").read()).body:
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module)
print(json.dumps({
    "label": row["label"],
    "all": sorted({name.partition(".")[0] for name in sys.modules}),
    "added": sorted({name.partition(".")[0] for name in set(sys.modules) - before}),
    "ours": ours,
    "imported": sorted({name.partition(".")[0] for name in imported}),
}))
"""


def test_a_model_that_predicts_loads_the_packed_rooms_alone(model: Path) -> None:
    np.save(model.parent / "clip.npy", clip(12).xyz)
    code = PREDICTED.replace("PACKAGES", str(("lifting", "encoding", "nas", "cluster")))
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=model.parent,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["label"] in ("wave", "kick")
    # MLflow itself loads fastapi when it is imported; the model adds none of these
    assert set(said["all"]) & {"ray", "sqlalchemy", "typer"} == set()
    assert (
        set(said["added"]) & {"ray", "sqlalchemy", "typer", "fastapi", "uvicorn", "rich", "alembic"} == set()
    )
    assert all(Path(file).is_relative_to(model / "code") for name, file in said["ours"].items())
    rooms = {name for name in said["ours"] if name.startswith("cluster.")}
    assert {".".join(name.split(".")[:2]) for name in rooms} == {"cluster.recognition", "cluster._moved"}
    requirements = {line.split("==")[0] for line in (model / "requirements.txt").read_text().split()}
    outside = set(said["imported"]) - sys.stdlib_module_names - {"lifting", "encoding", "nas", "cluster"}
    distributions = packages_distributions()
    assert {distributions[name][0] for name in outside} <= requirements


def test_a_model_with_a_lifter_takes_keypoints_and_is_found_whole(trained_run: Path, tmp_path: Path) -> None:
    lifter = TwoStreamLifter.load(trained_run / "lifter")
    packed = RecognitionModel(classifier=small_classifier(lifter.skeleton), lifter=lifter)
    packed.save(tmp_path / "packed")
    joints = lifter.keypoint_skeleton.num_joints
    xy = np.random.default_rng(3).uniform(100, 900, (20, joints, 2)).astype(np.float32)
    xy[7, 4] = np.nan  # not seen
    keypoints = Keypoints2D(
        xy=xy,
        confidence=np.isfinite(xy).all(axis=-1).astype(np.float32),
        image_size=(1000, 900),
        fps=25.0,
        skeleton=lifter.keypoint_skeleton,
    )
    save_recognition_model(tmp_path / "model", tmp_path / "packed", keypoints, NAMES)
    np.save(tmp_path / "keypoints.npy", xy)
    code = (
        "import json, numpy, mlflow.pyfunc; model = mlflow.pyfunc.load_model('model');"
        "given = {'fps': 25.0, 'width': 1000, 'height': 900};"
        "print(json.dumps(model.predict(numpy.load('keypoints.npy'), params=given)))"
    )
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    said = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    (answer,) = json.loads(said.stdout.splitlines()[-1])
    expected = Recognizer.load(tmp_path / "packed").predict(keypoints)
    assert answer["label"] == expected.label
    np.testing.assert_allclose([answer[f"p: {name}"] for name in NAMES], expected.probabilities, atol=1e-6)
    found = open_model(str(tmp_path / "model")).lifter  # as `posenas recognize` finds a registered model
    assert found is not None
    assert found.keypoint_skeleton == lifter.keypoint_skeleton
