import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.model_folder import RecognitionModel
from cluster.tracking.facts import as_csv, environment_tags, flat
from cluster.tracking.mlflow_model import save_network_model, save_recognition_model
from cluster.tracking.mlflow_store import artifact_root, resolve
from cluster.tracking.tracker import MetricPoint, MlflowTracker, NullTracker
from encoding.spmf import EncodingConfig, EncodingStatistics
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20
from nas.genotype import Cell, Genotype, Node
from nas.network import Network
from nas.plan import NetworkConfig


@pytest.fixture(scope="session")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One store for all tests here: MLflow takes 2 s to make its tables."""
    return f"sqlite:///{tmp_path_factory.mktemp('store')}/mlflow.db"


def started(uri: str, run_id: str, **params: object) -> MlflowTracker:
    tracker = MlflowTracker(uri, "tests")
    tracker.start(run_id, run_id, params, {"posenas.dataset": "synthetic"})
    return tracker


def points(tracker: MlflowTracker, key: str) -> list[tuple[int, float]]:
    history = tracker._client.get_metric_history(tracker.mlflow_run_id, key)
    return sorted((point.step, point.value) for point in history)


def test_a_resumed_run_goes_on_in_the_same_mlflow_run(uri: str) -> None:
    first = started(uri, "search-1")
    second = started(uri, "search-1")
    assert second.mlflow_run_id == first.mlflow_run_id


def test_a_history_told_again_after_a_resume_is_recorded_once(uri: str) -> None:
    first = started(uri, "search-2")
    for step in range(3):
        first.log(step, {"loss": 1.0 - step / 10}, timestamp=100.0 + step)
    second = started(uri, "search-2")
    history = [MetricPoint(step, {"loss": 1.0 - step / 10}, 100.0 + step) for step in range(3)]
    second.log_history(history)
    second.log(2, {"loss": 0.8}, timestamp=500.0)  # done again after the crash, later
    second.log(3, {"loss": 0.7}, timestamp=501.0)
    assert points(second, "loss") == [(0, 1.0), (1, 0.9), (2, 0.8), (3, 0.7)]


def test_a_point_told_twice_in_one_process_is_recorded_once(uri: str) -> None:
    tracker = started(uri, "search-3")
    tracker.log_history([MetricPoint(0, {"loss": 1.0}, 1.0), MetricPoint(0, {"loss": 1.0}, 2.0)])
    tracker.log(0, {"loss": 1.0}, 3.0)
    assert points(tracker, "loss") == [(0, 1.0)]


def test_a_history_longer_than_a_batch_is_recorded_whole(uri: str) -> None:
    tracker = started(uri, "search-4")
    tracker.log_history(MetricPoint(step, {"a": float(step), "b": 0.0}, 1.0) for step in range(600))
    assert len(points(tracker, "a")) == 600
    assert len(points(tracker, "b")) == 600


def test_a_corrected_score_of_the_whole_run_becomes_the_one_shown(uri: str) -> None:
    tracker = started(uri, "search-corrected")
    tracker.log(0, {"test_accuracy": 0.9}, 1.0)
    again = started(uri, "search-corrected")
    again.log(0, {"test_accuracy": 0.9}, 2.0)
    again.log(0, {"test_accuracy": 0.8}, 3.0)
    assert points(again, "test_accuracy") == [(0, 0.8), (0, 0.9)]
    run = again._client.get_run(again.mlflow_run_id)
    assert run.data.metrics["test_accuracy"] == 0.8


def test_the_data_are_named_in_the_way_of_mlflow_once(uri: str) -> None:
    for _ in range(2):
        tracker = MlflowTracker(uri, "tests")
        tracker.start("search-data", "data", {}, {"posenas.split": "MSR Action3D AS1"})
    inputs = tracker._client.get_run(tracker.mlflow_run_id).inputs.dataset_inputs
    assert [used.dataset.name for used in inputs] == ["MSR Action3D AS1"]


def test_passwords_never_reach_the_record(uri: str) -> None:
    tracker = started(uri, "search-password", tracking={"uri": "postgresql://me:secret@host/mlflow"})
    tracker.set_tags({"command": "posenas search --tracking postgresql://me:secret@host/mlflow"})
    data = tracker._client.get_run(tracker.mlflow_run_id).data
    assert data.params["tracking.uri"] == "postgresql://me:***@host/mlflow"
    assert "secret" not in str(data.tags)


def test_the_run_list_of_mlflow_shows_command_commit_and_user(uri: str) -> None:
    tracker = MlflowTracker(uri, "tests")
    tags = {"posenas.command": "posenas search --out 'runs/a b'", "posenas.commit": "abc123"}
    tracker.start("search-source", "source", {}, tags)
    shown = tracker._client.get_run(tracker.mlflow_run_id).data.tags
    assert shown["mlflow.source.name"] == "posenas search"
    assert shown["mlflow.source.git.commit"] == "abc123"
    tracker.start("search-source", "source", {}, {**tags, "posenas.command": "posenas evaluate"})
    shown = tracker._client.get_run(tracker.mlflow_run_id).data.tags
    assert shown["posenas.command"] == "posenas search --out 'runs/a b'"


def test_infinity_is_recorded_as_not_a_number(uri: str) -> None:
    tracker = started(uri, "search-5")
    tracker.log(0, {"loss": float("inf")}, 1.0)
    ((_, value),) = points(tracker, "loss")
    assert np.isnan(value)


def test_parameters_are_flat_and_long_ones_say_that_they_were_cut(uri: str) -> None:
    tracker = started(uri, "search-6", search={"seed": 1, "list": [1, 2]}, long="x" * 7000)
    params = tracker._client.get_run(tracker.mlflow_run_id).data.params
    assert params["search.seed"] == "1"
    assert params["search.list"] == "[1, 2]"
    assert len(params["long"]) == 6000
    assert params["long"].endswith(" ... (cut: 7000 characters)")


def test_more_parameters_than_a_batch_takes_are_all_recorded(uri: str) -> None:
    tracker = started(uri, "search-7", **{f"p{i}": i for i in range(250)})
    assert len(tracker._client.get_run(tracker.mlflow_run_id).data.params) == 250


def test_a_parameter_changed_on_resume_stays_and_is_said_in_a_tag(uri: str) -> None:
    started(uri, "search-8", workers=2)
    data = started(uri, "search-8", workers=4)._client.get_run(started(uri, "search-8").mlflow_run_id).data
    assert data.params["workers"] == "2"
    assert data.tags["posenas.changed.workers"] == "4"


def test_a_child_run_belongs_to_the_search(uri: str) -> None:
    search = started(uri, "search-9")
    child = MlflowTracker(uri, "tests")
    child.start("search-9.final", "final", {}, {}, parent="search-9")
    tags = child._client.get_run(child.mlflow_run_id).data.tags
    assert tags["mlflow.parentRunId"] == search.mlflow_run_id


def test_an_unknown_parent_is_said(uri: str) -> None:
    with pytest.raises(
        ValueError, match="run 'nobody', to which a run was to belong, is not in the MLflow store"
    ):
        MlflowTracker(uri, "tests").start("orphan", "orphan", {}, {}, parent="nobody")


def test_artifacts_and_tables_lie_beside_the_database(uri: str, tmp_path: Path) -> None:
    tracker = started(uri, "search-10")
    (tmp_path / "genotype.json").write_text("{}", "utf-8")
    tracker.log_artifact(tmp_path / "genotype.json", "cells")
    tracker.log_table(
        "architectures.csv", [{"step": 1, "reward": 0.5}, {"step": 2, "reward": 0.25, "note": "a,b"}]
    )
    root = Path(uri.removeprefix("sqlite:///")).parent / "mlartifacts"
    assert tracker.artifact_location.startswith(root.as_uri())
    assert len(list(root.glob("*/artifacts/cells/genotype.json"))) == 1
    (table,) = root.glob("*/artifacts/architectures.csv")
    assert table.read_text("utf-8") == 'step,reward,note\n1,0.5,\n2,0.25,"a,b"\n'


def test_a_missing_artifact_is_said(uri: str, tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"nothing.svg cannot be recorded as an artifact: it does not exist"
    ):
        started(uri, "search-11").log_artifact(tmp_path / "nothing.svg")


def test_the_status_of_a_finished_run_is_recorded(uri: str) -> None:
    tracker = started(uri, "search-12")
    tracker.finish("failed")
    assert tracker._client.get_run(tracker.mlflow_run_id).info.status == "FAILED"
    assert started(uri, "search-12")._client.get_run(tracker.mlflow_run_id).info.status == "RUNNING"


@pytest.fixture(scope="module")
def models(uri: str, tmp_path_factory: pytest.TempPathFactory) -> "Models":
    """A network and a classifier, recorded, and read back by another process with pickle forbidden."""
    folder = tmp_path_factory.mktemp("models")
    classifier, clip = tiny_classifier(), random_clip()
    images = np.random.default_rng(0).random((6, 3, 32, 32), dtype=np.float32)
    RecognitionModel(classifier=classifier, lifter=None).save(folder / "recognition")
    save_network_model(folder / "net", classifier.network, images, classifier.class_names)
    save_recognition_model(folder / "poses", folder / "recognition", clip, classifier.class_names)
    tracker = started(uri, "search-models")
    for name in ("net", "poses") * 2:
        tracker.log_model(folder / name, name, registered_name=name, alias="champion", score=0.5)
    np.savez(folder / "inputs.npz", net=images, poses=clip.xyz)
    code = (
        "import sys, json, numpy as np, mlflow.pyfunc; mlflow.set_tracking_uri(sys.argv[1]);"
        "answers = {name: mlflow.pyfunc.load_model(f'models:/{name}@champion').predict(values)"
        " for name, values in np.load('inputs.npz').items()};"
        "json.dump(answers, open('answers.json', 'w'), default=np.ndarray.tolist)"
    )
    environment = {**os.environ, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    subprocess.run([sys.executable, "-c", code, uri], check=True, env=environment, timeout=300, cwd=folder)
    answers = json.loads((folder / "answers.json").read_text("utf-8"))
    return Models(tracker, classifier, clip, images, answers)


class Models(NamedTuple):
    tracker: MlflowTracker
    classifier: TrainedClassifier
    clip: PoseSequence3D
    images: np.ndarray[Any, Any]
    answers: dict[str, Any]


def tiny_classifier() -> TrainedClassifier:
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


def random_clip() -> PoseSequence3D:
    xyz = np.random.default_rng(0).uniform(-1000, 1000, (12, 20, 3)).astype(np.float32)
    return PoseSequence3D(xyz=xyz, fps=15.0, skeleton=MSR_20)


def test_a_model_recorded_twice_is_there_once(models: Models) -> None:
    for name in ("net", "poses"):
        assert len(models.tracker._client.search_model_versions(f"name = '{name}'")) == 1


def test_a_recorded_network_takes_any_number_of_images_and_gives_the_same_logits(models: Models) -> None:
    expected = models.classifier.network(torch.from_numpy(models.images)).detach().numpy()
    np.testing.assert_allclose(np.array(models.answers["net"]), expected, atol=1e-5)


def test_a_recorded_classifier_takes_a_pose_clip_and_names_the_action(models: Models) -> None:
    (expected,) = models.classifier.predict([models.clip])
    (answer,) = models.answers["poses"]
    assert list(answer) == ["label", "probability", "p: wave", "p: kick"]
    assert answer["label"] == ("wave", "kick")[int(expected.argmax())]
    np.testing.assert_allclose([answer["p: wave"], answer["p: kick"]], expected, atol=1e-5)


def test_an_alias_stays_with_the_better_version(uri: str, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    images = np.zeros((2, 3, 8, 8), np.float32)
    # 0.9 takes the alias, 0.7 does not get it, 0.9 again (the newer of equals) does
    for number, score in enumerate((0.9, 0.7, 0.9), start=1):
        save_network_model(tmp_path / f"{number}", network, images)
        tracker = started(uri, f"search-alias-{number}")
        tracker.log_model(tmp_path / f"{number}", "n", registered_name="aliased", alias="best", score=score)
        holder = tracker._client.get_registered_model("aliased").aliases["best"]
        assert int(holder) == (1, 1, 3)[number - 1]


def test_an_alias_never_passes_between_class_lists(uri: str, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    images = np.zeros((2, 3, 8, 8), np.float32)
    # the same classes in another order are the same; other ones never get the alias, whatever their score
    lists = (("wave", "kick"), ("wave", "bow"), ("kick", "wave"))
    for number, (names, score) in enumerate(zip(lists, (0.5, 0.9, 0.6), strict=True), start=1):
        save_network_model(tmp_path / f"{number}", network, images, names)
        tracker = started(uri, f"search-classes-{number}")
        tracker.log_model(tmp_path / f"{number}", "n", registered_name="classes", alias="best", score=score)
        holder = tracker._client.get_registered_model("classes").aliases["best"]
        assert int(holder) == (1, 1, 3)[number - 1]


def test_a_model_whose_recording_broke_off_is_recorded_once(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_network_model(tmp_path / "n", nn.Flatten(), np.zeros((2, 3, 8, 8), np.float32))
    tracker = started(uri, "search-broken")

    def broken(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(tracker._client, "log_model_artifacts", broken)
        with pytest.raises(OSError, match="no space left"):
            tracker.log_model(tmp_path / "n", "n")
    tracker.log_model(tmp_path / "n", "n")
    models = tracker._client.search_logged_models([tracker.experiment_id], "name = 'n'")
    mine = [model for model in models if model.source_run_id == tracker.mlflow_run_id]
    assert [str(model.status) for model in mine] == ["READY"]


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (3, 8, 8)])
def test_too_few_example_images_are_said(shape: tuple[int, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a model needs at least 2 examples"):
        save_network_model(tmp_path / "model", nn.Flatten(), np.zeros(shape, np.float32))


def test_a_model_folder_that_exists_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"the model folder .* exists already; give one that does not"):
        save_network_model(tmp_path, nn.Flatten(), np.zeros((2, 3, 8, 8), np.float32))


def test_the_null_tracker_takes_everything(tmp_path: Path) -> None:
    tracker = NullTracker()
    tracker.start("a", "a", {}, {})
    tracker.log(0, {"loss": 1.0})
    tracker.log_artifact(tmp_path / "nothing")
    tracker.finish("finished")


def test_a_dead_server_is_said_within_seconds() -> None:
    with pytest.raises(ConnectionError, match=r"no MLflow server answers at http://127.0.0.1:9: start it"):
        MlflowTracker("http://127.0.0.1:9")


def test_a_server_that_is_no_mlflow_is_said() -> None:
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)  # knows no request: answers 501
    with server:
        Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(
            ConnectionError, match=r"the MLflow server at http://127.0.0.1:\d+ refuses: .*501"
        ):
            MlflowTracker(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


def test_a_missing_database_driver_is_said() -> None:
    with pytest.raises(
        ValueError, match=r"store mysql://me:\*\*\*@host/name needs the Python package MySQLdb"
    ):
        MlflowTracker("mysql://me:secret@host/name")


def test_a_tracker_without_a_run_is_said(uri: str) -> None:
    with pytest.raises(ValueError, match="this tracker has no run yet: call start"):
        MlflowTracker(uri).log(0, {"loss": 1.0})


def test_a_run_id_that_cannot_be_searched_for_is_said(uri: str) -> None:
    with pytest.raises(ValueError, match='"it\'s" cannot be a run id: use letters, digits'):
        MlflowTracker(uri).start("it's", "", {}, {})


def test_a_deleted_experiment_is_said(uri: str) -> None:
    tracker = MlflowTracker(uri, "deleted")
    tracker._client.delete_experiment(tracker.experiment_id)
    with pytest.raises(ValueError, match=r"the MLflow experiment 'deleted' in .* was deleted; restore it"):
        MlflowTracker(uri, "deleted")


def test_a_new_experiment_is_one_of_model_training(uri: str) -> None:
    tracker = MlflowTracker(uri, "kind")
    tags = tracker._client.get_experiment(tracker.experiment_id).tags
    assert tags["mlflow.experimentKind"] == "custom_model_development"


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("mlruns", "'mlruns' is no MLflow store: give sqlite:///FILE"),
        ("sqlite://", "'sqlite://' names no file"),
    ],
)
def test_an_address_of_another_kind_is_said(uri: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve(uri)


def test_two_processes_may_make_the_same_new_store_at_once(tmp_path: Path) -> None:
    program = f"from cluster.tracking.mlflow_store import connect; connect('sqlite:///{tmp_path}/mlflow.db')"
    both = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(2)]
    errors = [process.communicate(timeout=180)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], errors


def test_a_missing_folder_of_the_store_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        resolve(f"sqlite:///{tmp_path}/nowhere/mlflow.db")


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("hello, I am no database", "utf-8")
    with pytest.raises(ValueError, match=r"MLflow cannot use the store sqlite:///.*file is not a database"):
        MlflowTracker(f"sqlite:///{tmp_path}/mlflow.db")


def test_a_file_that_cannot_be_opened_is_said_at_once(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(ValueError, match=r"MLflow cannot use the store sqlite:.*unable to open database"):
        MlflowTracker(f"sqlite:///{tmp_path}")  # a folder
    assert time.monotonic() - begin < 10  # MLflow itself tries for 100 s


def test_a_relative_store_is_that_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("sqlite:///mlflow.db") == f"sqlite:///{tmp_path}/mlflow.db"
    assert artifact_root("sqlite:///mlflow.db") == (tmp_path / "mlartifacts").as_uri()


def test_a_nested_configuration_becomes_one_level() -> None:
    assert flat({"a": {"b": 1, "c": {}}, "d": None, "e": True, "f": Path("x")}) == {
        "a.b": "1",
        "a.c": "{}",
        "d": "null",
        "e": "true",
        "f": "x",
    }


def test_a_table_without_rows_is_an_empty_line() -> None:
    assert as_csv([]) == "\n"


def test_the_versions_are_tags() -> None:
    tags = environment_tags()
    assert f"torch {torch.__version__}" in tags["posenas.libraries"]
    assert tags["posenas.version"]
