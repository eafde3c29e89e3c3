"""Experiments on lifted poses: what is lifted, who may have taught the lifter, and what each stage costs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.config import ExperimentConfig
from cluster.lifter.config import LiftConfig
from cluster.lifter.training import run_lift_training
from cluster.recognition.model_lookup import open_model
from cluster.stages.folder import RunFolder
from cluster.stages.lifted_data import (
    ObservationConditions,
    as_lifted,
    as_sensed,
    keypoints_of,
    lift_clip,
    lift_split,
)
from cluster.stages.preparation import PreparedExperiment
from cluster.stages.study import CONDITIONS, run_study
from cluster.worker import run_evaluation, run_search, run_training
from encoding.datasets import DataConfig, load
from lifting.noise import DetectorNoise
from lifting.skeleton import H36M_17, MSR_20
from lifting.trained_lifter import TwoStreamLifter

TINY = Path(__file__).parents[1] / "tiny.yaml"
QUICK = {
    "model.width": 32, "model.blocks": 1, "training.steps_per_epoch": 20,
    "resources.threads": 1, "tracking": None,
}  # fmt: skip


def lifted(trained_run: Path, **changes: object) -> ExperimentConfig:
    wanted = {"poses.source": "lifted", "poses.lifter": str(trained_run), **changes}
    return ExperimentConfig.from_file(TINY, wanted)


def test_every_clip_is_lifted_and_keeps_its_name_and_class(trained_run: Path) -> None:
    sensed, experiment = (
        PreparedExperiment.load(ExperimentConfig.from_file(TINY)),
        PreparedExperiment.load(lifted(trained_run)),
    )
    assert experiment.split.name == f"{sensed.split.name}, lifted"
    for one, other in zip(sensed.split.clips, experiment.split.clips, strict=True):
        assert (one.name, one.label, one.subject) == (other.name, other.label, other.subject)
        assert other.poses.skeleton == H36M_17
        assert other.poses.num_frames <= one.poses.num_frames
        assert np.isfinite(other.poses.xyz[0]).all()
    again = PreparedExperiment.load(lifted(trained_run))
    np.testing.assert_array_equal(again.split.test[0].poses.xyz, experiment.split.test[0].poses.xyz)


def test_the_lifter_is_part_of_the_result_and_its_place_is_not(trained_run: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(trained_run / "lifter", tmp_path / "moved")
    here, there = lifted(trained_run), lifted(moved)
    assert here.hash == there.hash
    assert here.hash != ExperimentConfig.from_file(TINY).hash
    assert here.data_label == "synthetic-lifted"
    said = json.loads((moved / "lifter.json").read_text())
    (moved / "lifter.json").write_text(json.dumps({**said, "notes": {}}))
    assert lifted(moved).hash != here.hash
    with pytest.raises(ValueError, match="is another one than this experiment was begun with"):
        PreparedExperiment.load(there)


def test_a_lifter_belongs_to_lifted_poses_and_to_them_alone(trained_run: Path) -> None:
    with pytest.raises(ValueError, match="`source` is 'lifted' and `lifter` is not given"):
        ExperimentConfig.from_file(TINY, {"poses.source": "lifted"})
    with pytest.raises(ValueError, match="`source` is 'sensor' and `lifter` is given"):
        ExperimentConfig.from_file(TINY, {"poses.lifter": str(trained_run)})


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (DataConfig(name="sbu"), "the data set 'sbu'"),
        (DataConfig(name="synthetic", people=2), "interactions of built-in people"),
    ],
)
def test_without_2d_there_is_nothing_to_lift(data: DataConfig, what: str) -> None:
    with pytest.raises(ValueError, match=f"{what} come with 3D poses alone, and there is nothing to lift"):
        keypoints_of(data)


def test_a_perfect_lifter_would_give_the_sensors_poses_turned_round() -> None:
    clip = load(DataConfig(num_subjects=2, clips_per_action=1)).test[0]
    relative = as_lifted(clip.poses)
    np.testing.assert_allclose(relative.xyz[:, MSR_20.root], 0, atol=1e-3)
    back = as_sensed(relative).xyz + clip.poses.xyz[:, MSR_20.root, None]
    np.testing.assert_allclose(back, clip.poses.xyz, atol=1e-3)


def test_worse_keypoints_give_other_poses_the_same_each_time(trained_run: Path) -> None:
    lifter = TwoStreamLifter.load(trained_run / "lifter")
    data = DataConfig(num_subjects=2, clips_per_action=1)
    clip = load(data).test[0]
    keypoints = keypoints_of(data)(clip)

    def poses(observed: ObservationConditions) -> np.ndarray:
        found = lift_clip(clip, keypoints, lifter, 5, observed)
        assert found is not None
        return found.xyz

    noisy = ObservationConditions(noise=DetectorNoise())
    assert not np.array_equal(poses(noisy), poses(ObservationConditions()))
    np.testing.assert_array_equal(poses(noisy), poses(noisy))
    blind = ObservationConditions(noise=DetectorNoise(missed=0.999, memory_frames=0))
    assert lift_clip(clip, keypoints, lifter, 0, blind) is None


def test_real_pixels_are_lifted_by_a_lifter_that_knows_no_test_person(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    root = real_data("msr_action3d")
    settings = {"data": {"name": "msr", "root": str(root), "stride": 4}, "training.epochs": 1}
    run_lift_training(LiftConfig.preset("paper", {**QUICK, **settings}), tmp_path / "run")
    lifter = TwoStreamLifter.load(tmp_path / "run" / "lifter")
    assert set(lifter.notes["subjects"]["train"]) | set(lifter.notes["subjects"]["validation"]) == set(
        "13579"
    )
    data = DataConfig(name="msr", root=root, subset="AS1")
    split = load(data)
    found = lift_split(split, data, lifter, 5)
    assert (len(found.development), len(found.test)) == (len(split.development), len(split.test))
    assert found.skeleton == MSR_20
    known = {**lifter.notes, "subjects": {"train": ["1", "2"], "validation": ["3"]}}
    with pytest.raises(ValueError, match="has learned from subjects 2, who are in the test part"):
        lift_split(split, data, replace(lifter, notes=known), 5)
    silent = {name: value for name, value in lifter.notes.items() if name != "subjects"}
    with pytest.raises(ValueError, match="does not say which people it has learned from"):
        lift_split(split, data, replace(lifter, notes=silent), 5)


@pytest.mark.slow
def test_a_study_says_what_each_stage_costs(trained_run: Path, tmp_path: Path) -> None:
    run, uri = tmp_path / "lifted", f"sqlite:///{tmp_path}/mlflow.db"
    settings = {"search.epochs": 1, "derivation.num_retrained": 1, "tracking": {"uri": uri}}
    run_search(lifted(trained_run, **settings), run)
    run_training(run)
    _check_registered(uri, tmp_path)
    accuracy = run_evaluation(run).accuracy
    result = CliRunner().invoke(app, ["study", str(run), "--out", str(tmp_path / "study")])
    assert result.exit_code == 0, result.output
    table = json.loads((tmp_path / "study" / "study.json").read_text())
    assert list(table["accuracies"]["lifted"]) == list(CONDITIONS)
    assert table["accuracies"]["lifted"]["lifted, true 2D"] == pytest.approx(accuracy)
    assert cv2.imread(str(tmp_path / "study" / "study.png")).std() > 10
    config = RunFolder.open(run).config()
    RunFolder.open(run).replace_config(config.changed({"poses": {}}))
    with pytest.raises(ValueError, match="none of the runs has a lifter; name one with --lifter"):
        run_study((run,), tmp_path / "other")


def _check_registered(uri: str, folder: Path) -> None:
    """What MLflow registers is the whole model, with an example of keypoints as a camera sees them."""
    lifter = open_model("posenas-synthetic-lifted", tracking=uri).lifter
    assert lifter is not None
    (example,) = (path for path in folder.rglob("input_example.json") if "recognition" in _served(path))
    xy = np.array(json.loads(example.read_text()))
    head, foot = (lifter.keypoint_skeleton.joints.index(name) for name in ("head", "left_foot"))
    assert (xy[:, head, 1] < xy[:, foot, 1]).all()  # y of an image points down


def _served(example: Path) -> str:
    return (example.parent / "MLmodel").read_text()
