"""A trained lifter is scored on every test part in each way, drawn, and recorded."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.files import read_json
from cluster.lifter.evaluation import DEPLOYED, predict_in_modes, run_lift_evaluation
from cluster.lifter.pictures import examples_figure, joints_figure
from lifting.datasets import load_pairs
from lifting.metrics import evaluate, mpjpe
from lifting.trained_lifter import TwoStreamLifter


@pytest.fixture(scope="module")
def run(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(trained_run, tmp_path_factory.mktemp("evaluation") / "run"))


def test_the_command_scores_every_part_in_every_way_prints_and_draws(run: Path) -> None:
    result = CliRunner().invoke(app, ["lift", "evaluate", str(run), "--measure", "p2"])
    assert result.exit_code == 0, result.output
    assert "Avg." in result.output
    parts = read_json(run / "evaluation.json")["parts"]
    assert set(parts) == {"held-out clips", "held-out subject"}
    methods = parts["held-out clips"]["methods"]
    assert list(methods)[:4] == ["gt + detected", DEPLOYED, "detected stream alone", "gt + gt"]
    scores = {name: found["frame_wise"] for name, found in methods.items()}
    assert scores["gt + gt"]["p1"] < scores["mean pose"]["p1"]
    assert scores[f"{DEPLOYED}, smoothed"]["mpjve"] < scores[DEPLOYED]["mpjve"]
    assert f"{scores[DEPLOYED]['p1']:.1f}" in result.output
    for part in ("held_out_clips", "held_out_subject"):
        for kind in ("examples", "joints"):
            assert (run / "pictures" / f"{part}_{kind}.png").stat().st_size > 10_000


def test_the_ways_are_what_lifting_each_clip_gives(run: Path) -> None:
    from cluster.lifter.folder import LiftRun

    pairs = load_pairs(LiftRun.open(run).config().data).test["held-out clips"]
    lifter = TwoStreamLifter.load(run / "lifter")
    predicted, unlifted = predict_in_modes(lifter, pairs)
    assert unlifted == 0
    first = pairs.frames_of(0)
    from lifting.poses import Keypoints2D

    clip = Keypoints2D(
        xy=pairs.keypoints[first],
        confidence=pairs.confidence[first],
        image_size=pairs.clips[0].image_size,
        fps=pairs.clips[0].fps,
        skeleton=pairs.keypoint_skeleton,
    )
    np.testing.assert_allclose(lifter.lift(clip, mend=False).xyz, predicted[DEPLOYED][first], atol=1e-2)
    assert mpjpe(predicted["mean pose"], pairs.poses) == pytest.approx(
        evaluate(predicted["mean pose"], pairs).frame_wise.p1
    )


def test_weights_of_eight_bits_are_a_little_less_exact(run: Path) -> None:
    exact, rounded = (
        run_lift_evaluation(run, runtime=runtime).parts["held-out clips"][DEPLOYED].frame_wise.p1
        for runtime in ("torch", "int8")
    )
    assert read_json(run / "evaluation.json")["runtime"] == "int8"
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=0.1)


def test_figures_show_each_example_three_times_and_each_joint_once(run: Path) -> None:
    from cluster.lifter.folder import LiftRun

    pairs = load_pairs(LiftRun.open(run).config().data).test["held-out clips"]
    assert len(examples_figure(pairs, pairs.poses, examples=2).axes) == 2 * 3
    (axes,) = joints_figure({"truth": evaluate(pairs.poses, pairs)}, pairs.pose_skeleton).axes
    assert len(axes.get_yticks()) == 16


def test_the_command_refuses_another_measure_or_runtime(run: Path) -> None:
    result = CliRunner().invoke(app, ["lift", "evaluate", str(run), "--measure", "p3"])
    assert result.exit_code == 2
    assert "--measure is 'p3'; one of p1, p2, n_mpjpe, mpjve is needed" in result.output
    result = CliRunner().invoke(app, ["lift", "evaluate", str(run), "--runtime", "int4"])
    assert result.exit_code == 2
    assert "--runtime is 'int4'; onnx, int8 or torch is needed" in result.output
