"""The stages of a run: what they leave behind, and that a killed one ends exactly as an uninterrupted one."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cluster.config import ExperimentConfig
from cluster.files import read_json
from cluster.interruption import Interrupted
from cluster.progress import PlainProgress, SilentProgress
from cluster.stages import evaluation, final_training, search
from cluster.stages.delivery import deliver_run
from cluster.stages.evaluation import class_lines, seed_line
from cluster.stages.folder import RunFolder
from cluster.stages.preparation import PreparedExperiment
from cluster.tracking.mlflow_store import connect
from cluster.tracking.system import SystemMonitor
from cluster.worker import run_evaluation, run_search, run_training
from nas.genotype import Genotype
from search_facts import search_facts

TINY_FILE = Path(__file__).parent / "tiny.yaml"
TINY = ExperimentConfig.from_file(TINY_FILE)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take longer than everything else here; one test draws them."""
    for module in (search, final_training, evaluation):
        monkeypatch.setattr(module, "write_results", lambda *_: None)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted search, drawn."""
    folder = tmp_path_factory.mktemp("searched") / "run"
    run_search(TINY, folder)
    return folder


def test_a_search_leaves_genotype_curves_samples_candidates_pictures_and_report(searched: Path) -> None:
    run = RunFolder.open(searched)
    content = read_json(run.search_file)
    assert run.genotype() == Genotype.parse(content["genotype"])
    assert [row["epoch"] for row in content["epochs"]] == [1, 2, 3]
    assert len(content["sampled"]) == 3 * 2 * 3  # epochs x controller steps x samples
    retrained = [row["retrained"] for row in content["candidates"] if row["retrained"] is not None]
    assert len(retrained) == 2
    assert retrained == sorted(retrained, reverse=True)
    for row in content["candidates"][:2]:  # what the terminal and MLflow show: the accuracy itself
        facts = read_json(run.candidate_file(Genotype.parse(row["genotype"])))
        assert (row["number"], row["retrained"]) == (facts["number"], facts["accuracy"])
    assert content["candidates"][0]["chosen"]
    assert content["candidates"][0]["genotype"] == content["genotype"]
    assert read_json(run.environment_file)["search"]["torch_threads"] == 1
    names = {path.name for path in run.pictures.iterdir()}
    assert {
        "normal_cell.svg",
        "reduction_cell.png",
        "network.svg",
        "search.png",
        "contact_sheet.png",
    } <= names
    assert content["genotype"] in run.report_file.read_text()


def test_a_finished_search_is_not_repeated_but_shown(searched: Path) -> None:
    lines: list[str] = []
    outcome = run_search(None, searched, resume=True, progress=PlainProgress(lines.append))
    assert lines == [f"the search in {searched} is finished"]
    assert outcome.genotype == RunFolder.open(searched).genotype()
    assert len(outcome.candidates) == 2


@pytest.mark.slow
def test_a_search_killed_in_a_step_and_again_while_deriving_ends_as_an_uninterrupted_one(
    searched: Path, tmp_path: Path, undrawn: None
) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "cluster.cli", "search", "--out", str(folder)]
    _kill_at("epoch 1/3", [*command, "--config", str(TINY_FILE)])
    assert not (folder / "genotype.json").exists()
    _kill_at("candidate 1:", [*command, "--resume"])
    assert not (folder / "genotype.json").exists()
    lines: list[str] = []
    run_search(None, folder, resume=True, progress=PlainProgress(lines.append))
    assert "going on after step 15 of the search" in lines  # 3 epochs x (3 + 2) steps: only deriving was left
    assert search_facts(folder) == search_facts(searched)
    assert (folder / "genotype.json").read_bytes() == (searched / "genotype.json").read_bytes()


def _kill_at(text: str, command: list[str]) -> None:
    """Run until a line that begins with `text` comes, then kill -9."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        seen = any(line.startswith(text) for line in process.stdout)
        process.kill()
        assert seen, process.stderr.read()


@pytest.mark.ray
def test_a_search_on_ray_gives_what_one_without_ray_gives(
    searched: Path, tmp_path: Path, undrawn: None
) -> None:
    folder = tmp_path / "ray"
    run_search(TINY.changed({"resources.workers": 2}), folder)
    assert search_facts(folder) == search_facts(searched)


class _Stopper(SilentProgress):
    """Sends this process a signal when the progress comes to a step."""

    def __init__(self, phase: str, step: int) -> None:
        self.where, self.phase = (phase, step), ""

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        self.phase = phase

    def advance(self, done: int, note: str = "") -> None:
        if (self.phase, done) == self.where:
            signal.raise_signal(signal.SIGTERM)


def test_a_signal_ends_the_search_after_the_step_and_says_how_to_go_on(
    searched: Path, tmp_path: Path, undrawn: None
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Interrupted, match=f"SIGTERM, all is saved: `posenas search --resume --out {folder}`"):
        run_search(TINY, folder, progress=_Stopper("search", 7))
    run_search(None, folder, resume=True)
    assert search_facts(folder) == search_facts(searched)


def test_going_on_with_other_libraries_is_said(searched: Path, tmp_path: Path, undrawn: None) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        run_search(TINY, folder, progress=_Stopper("search", 2))
    RunFolder(folder).note_environment("search", {"posenas.libraries": "torch 1.0"})
    lines: list[str] = []
    run_search(None, folder, resume=True, progress=PlainProgress(lines.append))
    assert any(
        "was begun with posenas.libraries 'torch 1.0' and continues with 'torch 2" in line for line in lines
    )


def test_a_finished_search_can_be_lengthened_until_its_genotype_is_trained(
    searched: Path, tmp_path: Path, undrawn: None
) -> None:
    folder = tmp_path / "run"
    run_search(TINY.changed({"search.epochs": 2}), folder)
    assert len(search_facts(folder)["epochs"]) == 2
    run_search(TINY, folder, resume=True)  # three epochs
    assert search_facts(folder) == search_facts(searched)
    run_training(folder)
    with pytest.raises(
        ValueError, match="is trained already, and another search would leave the model without"
    ):
        run_search(TINY.changed({"search.epochs": 4}), folder, resume=True)


def test_resuming_with_other_settings_names_the_first_that_differs(searched: Path) -> None:
    with pytest.raises(ValueError, match=r"started with search.seed 0 and cannot be resumed with 5"):
        run_search(TINY.changed({"search.seed": 5}), searched, resume=True)


def test_a_new_search_in_the_same_folder_is_refused(searched: Path) -> None:
    with pytest.raises(FileExistsError, match="already holds a run"):
        run_search(TINY, searched)


def test_a_corrupt_checkpoint_is_skipped_and_said(tmp_path: Path, searched: Path, undrawn: None) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        run_search(TINY, folder, progress=_Stopper("search", 7))
    newest = folder / "checkpoints" / "step-00000007.json"
    newest.write_text(newest.read_text()[:-100])
    lines: list[str] = []
    run_search(None, folder, resume=True, progress=PlainProgress(lines.append))
    assert any("step-00000007.json is not readable and was skipped" in line for line in lines)
    assert "going on after step 6 of the search" in lines
    assert search_facts(folder) == search_facts(searched)


def test_no_validation_part_is_refused_with_the_setting_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no validation clips, .* set data.validation_fraction above 0"):
        run_search(TINY.changed({"data.validation_fraction": 0}), tmp_path / "run")


def test_train_and_evaluate_score_every_original_test_sequence_once(searched: Path, undrawn: None) -> None:
    training = run_training(searched)
    assert [row["epoch"] for row in training.epochs] == [1, 2, 3]
    assert 9000 < training.num_parameters < 18000
    outcome = run_evaluation(searched)
    split = PreparedExperiment.load(TINY).split
    assert outcome.total == len(split.test) == outcome.confusion.sum()
    assert outcome.accuracy == outcome.correct / outcome.total == np.trace(outcome.confusion) / outcome.total
    content = read_json(searched / "evaluation.json")
    assert [row["clip"] for row in content["predictions"]] == [clip.name for clip in split.test]
    assert sum(row["class"] == row["answer"] for row in content["predictions"]) == outcome.correct
    assert content["latency_ms"] == outcome.latency > 0
    assert content["parameters"] == training.num_parameters
    assert [row["correct"] for row in content["classes"]] == np.diag(outcome.confusion).tolist()
    lines = class_lines(outcome)
    assert len(lines) == len(outcome.class_names)
    assert f"{outcome.confusion[0, 0]} of {outcome.confusion[0].sum()}" in lines[0]


def test_a_stopped_training_ends_as_an_uninterrupted_one(
    searched: Path, tmp_path: Path, undrawn: None
) -> None:
    folders = [tmp_path / name for name in ("straight", "stopped")]
    for folder in folders:
        _copy_search(searched, folder)
    run_training(folders[0])
    with pytest.raises(Interrupted, match=f"`posenas train {folders[1]}` continues exactly here"):
        run_training(folders[1], progress=_Stopper("training", 1))
    run_training(folders[1])
    weights = [(folder / "model" / "weights.safetensors").read_bytes() for folder in folders]
    assert weights[0] == weights[1]
    assert _epochs(folders[0]) == _epochs(folders[1])


def _epochs(folder: Path) -> list[dict[str, Any]]:
    """The rows of a training, without the times at which they ended."""
    rows: list[dict[str, Any]] = read_json(folder / "training.json")["epochs"]
    return [{name: value for name, value in row.items() if name != "timestamp"} for row in rows]


def _copy_search(source: Path, folder: Path) -> None:
    folder.mkdir()
    for name in ("run.json", "experiment.json", "search.json", "genotype.json"):
        (folder / name).write_bytes((source / name).read_bytes())


def test_training_settings_may_change_before_the_training_and_no_others_ever(
    searched: Path, tmp_path: Path, undrawn: None
) -> None:
    folder = tmp_path / "run"
    _copy_search(searched, folder)
    with pytest.raises(
        ValueError, match=r"search.seed is 0 in .* cannot become 4: the genotype was found with"
    ):
        run_training(folder, changes={"search.seed": 4})
    with pytest.raises(
        ValueError,
        match=r"augmentation\.bone_spread would change nothing .* final_augmentation\.bone_spread is 0\.2",
    ):
        run_training(folder, changes={"augmentation.bone_spread": 0.3})
    assert len(run_training(folder, changes={"training.epochs": 2}).epochs) == 2
    assert RunFolder.open(folder).config().training.epochs == 2
    assert (
        run_search(None, folder, resume=True).genotype == RunFolder.open(folder).genotype()
    )  # not derived anew
    with pytest.raises(ValueError, match=r"has begun with training.epochs 2 and cannot go on with 9; remove"):
        run_training(folder, changes={"training.epochs": 9})


def test_training_before_the_search_has_ended_says_what_to_do(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run", TINY)
    with pytest.raises(FileNotFoundError, match=r"has no genotype.json yet; `posenas search --resume"):
        run_training(tmp_path / "run")


def test_the_record_of_a_run_is_one_tree_in_mlflow(
    searched: Path, tmp_path: Path, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        search, "SystemMonitor", lambda began, folder: SystemMonitor(began, folder, seconds=0)
    )
    folder, uri = tmp_path / "run", f"sqlite:///{tmp_path / 'mlflow.db'}"
    config = TINY.changed({"tracking": {"uri": uri, "experiment": "test"}})
    run_search(config, folder)
    run_training(folder)
    accuracy = run_evaluation(folder).accuracy
    from cluster.cells import best_sampled, describe, find_cells

    found = find_cells("run", uri, "test")
    assert found.genotype == RunFolder.open(searched).genotype()
    assert found.test_accuracy == pytest.approx(accuracy)
    assert found.run_id == RunFolder.open(folder).run_id
    assert found.status == "finished"
    best = best_sampled(found)
    assert len(best) == 5
    sampled = read_json(folder / "search.json")["sampled"]
    assert best[0].reward == max(row["reward"] for row in sampled)
    assert best[0].genotype in describe(found, best)
    _check_tree(connect(uri), found.mlflow_run_id, folder)


def _check_tree(client: Any, run: str, folder: Path) -> None:
    """One run with curves, system metrics and tables; children are the retrained and the final network."""
    (experiment,) = [e for e in client.search_experiments() if e.name == "test"]
    runs = {r.info.run_name: r for r in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"run", "run candidate 1", "run candidate 2", "run final"}
    children = [r for r in runs.values() if r.data.tags.get("mlflow.parentRunId") == run]
    assert len(children) == 3
    assert {r.info.status for r in runs.values()} == {"FINISHED"}
    for row in read_json(folder / "search.json")["candidates"][:2]:  # named as on the terminal
        assert runs[f"run candidate {row['number']}"].data.tags["posenas.genotype"] == row["genotype"]
        assert runs[f"run candidate {row['number']}"].data.metrics["retrained_accuracy"] == row["retrained"]
    for child in children:
        assert [point.step for point in client.get_metric_history(child.info.run_id, "accuracy")] == [1, 2, 3]
    whole = runs["run"].data
    curves = ("loss", "accuracy", "reward", "baseline", "entropy", "learning_rate", "gradient_norm")
    curves += ("controller_learning_rate", "controller_gradient_norm", "weight_seconds", "bytes_returned")
    for name in curves:
        assert len(client.get_metric_history(run, name)) == 3, name
    assert "system/cpu_utilization_percentage" in whole.metrics
    assert "of the test sequences right" in whole.tags["mlflow.note.content"]
    assert whole.metrics["latency_ms"] == read_json(folder / "evaluation.json")["latency_ms"]
    assert whole.params["search.controller.learning_rate"] == str(TINY.search.controller.learning_rate)
    recorded = {file.path for file in client.list_artifacts(run)}
    assert {"genotype.json", "sampled.csv", "candidates.csv", "classes.csv", "predictions.csv"} <= recorded


def test_a_run_whose_server_is_down_ends_in_time_and_is_delivered_later(
    searched: Path, tmp_path: Path, undrawn: None
) -> None:
    folder, uri = tmp_path / "run", f"sqlite:///{tmp_path / 'mlflow.db'}"
    config = TINY.changed({"tracking": {"uri": "http://127.0.0.1:9", "wait_seconds": 0.1}})
    lines: list[str] = []
    run_search(config, folder, progress=PlainProgress(lines.append))
    assert search_facts(folder) == search_facts(searched)
    assert f"`posenas deliver {folder}` brings them there" in lines[-1]
    with pytest.raises(ConnectionError, match=r"no MLflow server answers at http://127\.0\.0\.1:9"):
        deliver_run(folder)
    (done,) = deliver_run(folder, uri)
    assert (done.store, done.left.total) == (uri, 0)
    assert deliver_run(folder) == []
    from cluster.cells import find_cells

    assert find_cells("run", uri).genotype == RunFolder.open(searched).genotype()
    for file in tmp_path.glob("mlflow.db*"):  # the store loses its data
        file.unlink()
    # MLflow keeps what it has opened: a process of its own
    deliver = [sys.executable, "-m", "cluster.cli", "deliver", str(folder), "--tracking", uri]
    said = [subprocess.run(deliver, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert f"records of {folder} are in {uri} now" in said[0]
    assert said[1].startswith(f"nothing of {folder} waits: MLflow has all of it")


@pytest.mark.ray
def test_seeds_trained_side_by_side_on_ray_are_those_trained_here_and_evaluated_with_their_spread(
    searched: Path, tmp_path: Path, undrawn: None
) -> None:
    folders = [tmp_path / name for name in ("here", "ray")]
    for folder, workers in zip(folders, (0, 2), strict=True):
        _copy_search(searched, folder)
        outcome = run_training(folder, seeds=[0, 7], changes={"resources.workers": workers})
        assert outcome.seeds == (0, 7)
    models = ("model", "models/seed-7")
    here, ray = (
        [(folder / name / "weights.safetensors").read_bytes() for name in models] for folder in folders
    )
    assert here == ray
    assert here[0] != here[1]
    with pytest.raises(Interrupted, match=f"`posenas train {folders[0]} --seeds 0,7,8` continues"):
        run_training(folders[0], seeds=[0, 7, 8], progress=_Stopper("training", 7))  # 6 were done before
    outcome = run_evaluation(folders[0])
    assert list(outcome.seeds) == [0, 7]
    first, second = outcome.seeds.values()
    assert first == outcome.accuracy
    assert outcome.mean == pytest.approx((first + second) / 2)
    assert outcome.spread == pytest.approx(abs(first - second) / 2**0.5)  # n - 1 of two
    assert read_json(folders[0] / "evaluation.json")["mean"] == outcome.mean
    assert seed_line(outcome).startswith(f"{outcome.mean:.4f} ± {outcome.spread:.4f} over seeds 0, 7")


def test_seeds_that_are_given_twice_are_refused(searched: Path, undrawn: None) -> None:
    with pytest.raises(ValueError, match=r"the seeds are \[1, 1\]; different numbers"):
        run_training(searched, seeds=[1, 1])


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_gpu_that_is_not_there_leaves_no_folder_in_the_way(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sees no NVIDIA GPU in this process"):
        run_search(TINY.changed({"compute.device": "cuda"}), tmp_path / "run")
    assert not (tmp_path / "run").exists()
