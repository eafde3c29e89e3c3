"""How a network stands against the baselines: one sentence, in evaluation.json and in the report."""

from pathlib import Path

import pytest

from cluster.config import ExperimentConfig
from cluster.files import read_json
from cluster.stages.baseline import run_baseline
from cluster.stages.folder import RunFolder
from cluster.stages.standing import BaselineScore, Standing
from cluster.worker import run_evaluation, run_search, run_training

TINY = Path(__file__).parents[1] / "tiny.yaml"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("standing") / "run"
    run_search(ExperimentConfig.from_file(TINY, {"kernels.kernels": 100}), folder)
    run_training(folder, partner="kernels")
    return folder


def test_the_sentence_names_the_best_first_and_the_distance_in_points() -> None:
    scores = (BaselineScore("kernels", 0.9), BaselineScore("residual", 0.85), BaselineScore("neighbour", 0.8))
    assert Standing(0.85, 40, scores).sentence == (
        "On these 40 test sequences the network has 0.8500: 5.0 points less than random kernels with a ridge "
        "(0.9000), as much as the residual network (0.8500) and 5.0 points more than the nearest neighbor "
        "(0.8000)."
    )


def test_evaluate_scores_the_committee_and_says_how_the_network_stands(trained: Path) -> None:
    config = RunFolder.open(trained).config()
    run_baseline(config, trained.parent / "residual", "residual")
    run_baseline(config.changed({"data.seed": 5}), trained.parent / "others", "densenet")  # other clips
    outcome = run_evaluation(trained)
    content = read_json(trained / "evaluation.json")
    assert content["standing"] == outcome.standing
    assert {one["baseline"] for one in content["baselines"]} == {"kernels", "neighbour", "residual"}
    assert content["with_kernels"] == outcome.with_kernels
    assert outcome.with_kernels is not None
    assert outcome.with_kernels >= min(one["accuracy"] for one in content["baselines"])
    assert outcome.standing is not None
    assert outcome.standing in (trained / "report.html").read_text()
    kernels = run_baseline(config, trained.parent / "kernels", "kernels")
    (fitted,) = [one["accuracy"] for one in content["baselines"] if one["baseline"] == "kernels"]
    assert fitted == kernels.mean  # the same clips, settings and seed


def test_without_baselines_nothing_is_compared_but_the_committee_stays(trained: Path) -> None:
    outcome = run_evaluation(trained, baselines=False)
    content = read_json(trained / "evaluation.json")
    assert (outcome.standing, "standing" in content, "baselines" in content) == (None, False, False)
    assert outcome.with_kernels is not None


def test_kernels_beyond_the_memory_are_left_out_and_a_committee_of_them_is_refused(trained: Path) -> None:
    run = RunFolder.open(trained)
    run.replace_config(run.config().changed({"kernels.memory_gib": 0.0001}))
    outcome = run_evaluation(trained)
    assert outcome.with_kernels is None
    baselines = read_json(trained / "evaluation.json")["baselines"]
    assert "neighbour" in {one["baseline"] for one in baselines}
    assert not any(one["baseline"] == "kernels" and one["folder"] is None for one in baselines)  # none fitted
    with pytest.raises(ValueError, match="cannot be trained with 'trees'; kernels is the one partner"):
        run_training(trained, partner="trees")  # type: ignore[arg-type]
