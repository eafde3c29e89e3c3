"""The tables: what is planned, that it runs through the queue once, and what is written of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cluster.cli import app
from cluster.config import ExperimentConfig
from cluster.files import read_json, write_json
from cluster.registry.records import Resources
from cluster.registry.registry import Registry
from cluster.reproduction.protocol import METHODS, Part, Protocol, lifter_file, parts_of
from cluster.reproduction.results import (
    as_markdown,
    collect,
    curves_of_searches_figure,
    mixed_settings,
    size_figure,
    write_tables,
)
from cluster.reproduction.running import hand_in, run_tables
from cluster.scheduling.planning import plan_of
from cluster.scheduling.queue import Host, Queue
from cluster.scheduling.worker import WorkerConfig
from cluster.stages.folder import RunFolder

TINY = yaml.safe_load((Path(__file__).parents[1] / "tiny.yaml").read_text())
PART = Part(table="msr", name="AS1", data={"name": "synthetic", **TINY.pop("data")})


def tiny_protocol(**changes: object) -> Protocol:
    settings = {name: value for name, value in TINY.items() if name not in ("preset", "tracking")}
    return Protocol(
        methods=("enas", "residual", "neighbour"),
        training_seeds=(0, 1),
        workers=0,
        settings=settings,
        **changes,
    )  # type: ignore[arg-type]


@pytest.fixture
def data_folders(tmp_path: Path) -> None:
    """A plan looks whether something lies where the data should."""
    for name in ("msr_action3d", "sbu"):
        (tmp_path / name).mkdir()


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.open(f"sqlite:///{tmp_path / 'posenas.db'}") as registry:
        yield registry


@pytest.mark.usefixtures("data_folders")
@pytest.mark.parametrize("table", ["msr", "sbu"])
def test_every_experiment_file_of_the_tables_is_right(table: str, tmp_path: Path) -> None:
    parts = parts_of(table, tmp_path)  # type: ignore[arg-type]
    assert len(parts) == {"msr": 3, "sbu": 5}[table]
    for part in parts:
        measurements = Protocol().measurements([part], "sensor")
        assert [one.method for one in measurements] == list(METHODS)
        plans = [plan_of(_written(tmp_path, one.file)) for one in measurements]
        kinds = [[job.kind for job in plan.jobs] for plan in plans]
        chain = ["search", "train", "evaluate"]
        assert kinds == [chain, chain * 3, *[["baseline"]] * (len(METHODS) - 2)]
        enas, sampled = (plan.jobs[0].settings["config"] for plan in plans[:2])
        assert (enas["search"]["strategy"], sampled["search"]["strategy"]) == ("enas", "random")
        apart = {name for name in enas if enas[name] != sampled[name]}
        assert apart == {"search"}  # the controller is all that differs


@pytest.mark.usefixtures("data_folders")
def test_lifted_poses_name_their_lifter_which_the_queue_trains(tmp_path: Path) -> None:
    lifter = tmp_path / "lifter"
    (one,) = Protocol(methods=("enas",)).measurements(parts_of("msr", tmp_path)[:1], "lifted", lifter)
    assert one.file["name"] == "msr-as1-lifted-enas"
    config = plan_of(_written(tmp_path, one.file)).jobs[0].settings["config"]
    assert config["poses"]["source"] == "lifted"
    assert config["poses"]["lifter"] == str(lifter)
    (job,) = plan_of(_written(tmp_path, lifter_file(tmp_path, None))).jobs
    tuned = yaml.safe_load((Path(__file__).parents[3] / "benchmarks" / "lift_tuned_msr.yaml").read_text())
    for section in ("model", "normalization", "training"):
        assert tuned[section].items() <= job.settings["config"][section].items()


@pytest.mark.slow
def test_the_tables_come_out_of_the_queue_and_nothing_is_run_twice(
    registry: Registry, tmp_path: Path
) -> None:
    said: list[str] = []
    quick = WorkerConfig(cpus=2, gpus=0, poll_seconds=0.2, retry_seconds=0.1, until_empty=True)
    table = [PART], ("sensor",), tiny_protocol(), quick, said.append
    assert run_tables(registry, tmp_path, tmp_path, *table) == ()
    assert len(registry.jobs(("finished",))) == 5
    assert run_tables(registry, tmp_path, tmp_path, *table) == ()
    assert len(registry.jobs()) == 5  # nothing is run twice
    scores = collect(registry, "msr")
    assert [score.method for score in scores] == ["enas", "residual", "neighbour"]
    assert [len(score.accuracies) for score in scores] == [2, 2, 1]
    assert scores[0].search_seconds > 0
    assert scores[0].validation is not None
    run = Path(scores[0].folders[0])
    assert scores[0].accuracies == tuple(
        row["accuracy"] for row in read_json(run / "evaluation.json")["seeds"]
    )
    assert scores[0].genotypes == ((read_json(run / "search.json")["genotype"]),)
    text = write_tables(registry, tmp_path)
    assert text + "\n" == (tmp_path / "results.md").read_text()
    cell = f"{scores[0].mean:.3f} ± {scores[0].spread:.3f} (2), together {scores[0].together:.3f}"
    assert f"| {cell} | not run | not run |" in text
    assert [score.together for score in scores[:2]] == [
        read_json(Path(score.folders[0]) / f"{name}.json")["together"]
        for score, name in zip(scores[:2], ("evaluation", "baseline"), strict=True)
    ]
    assert scores[2].together is None
    assert "| 0.9787 | 0.9681 | 0.9927 | 0.9798 |" in " ".join(text.split())  # published
    assert read_json(tmp_path / "results.json")["msr"][0]["mean"] == scores[0].mean
    assert (tmp_path / "msr_sizes.png").exists()
    assert not (tmp_path / "sbu_sizes.png").exists()
    (legend,) = size_figure(scores).legends  # the neighbor has no parameters
    assert [text.get_text() for text in legend.texts] == ["searched (ENAS)", "residual network", "AS1"]
    epochs = read_json(run / "search.json")["epochs"]
    assert scores[0].curves == (tuple(epoch["validation_accuracy"] for epoch in epochs),)
    (axes,) = curves_of_searches_figure(scores).axes
    assert [list(line.get_ydata()) for line in axes.lines] == [list(scores[0].curves[0])]
    assert (tmp_path / "msr_searches.png").exists()
    with pytest.raises(ValueError, match="none of the scores is of a search"):
        curves_of_searches_figure(scores[1:])

    assert mixed_settings(scores) == []  # a baseline has no search to differ in
    assert scores[0].settings["search.epochs"] == len(epochs)
    lengthened = replace(scores[0], settings={**scores[0].settings, "search.epochs": 7, "parameters": 9})
    assert mixed_settings([lengthened, *scores]) == [
        f"`parameters` is not the same in all of this table: 9 (AS1 sensor enas); "
        f"{TINY['parameters']} (AS1 sensor enas, AS1 sensor residual, AS1 sensor neighbour).",
        f"`search.epochs` is not the same in all of this table: 7 (AS1 sensor enas); "
        f"{len(epochs)} (AS1 sensor enas).",
    ]
    assert f"7 (AS1 sensor enas); {len(epochs)}" in as_markdown("msr", [lengthened, *scores])

    (first, *_) = tiny_protocol().measurements([PART], "sensor")
    with pytest.raises(
        ValueError, match=r"msr-as1-enas was handed in with other settings .*; a table has one"
    ):
        hand_in(registry, tmp_path, [{**first.file, "seeds": [4]}], said.append)


def test_what_failed_is_queued_again(registry: Registry, tmp_path: Path) -> None:
    (one,) = Protocol(methods=("neighbour",), workers=0).measurements([PART], "sensor")
    hand_in(registry, tmp_path, [one.file], lambda _: None)
    queue = Queue(registry)
    claim = queue.claim("w", Host(name="here", capacity=Resources(cpus=1)))
    assert claim is not None
    queue.fail(claim, "the disk is full", final=True)
    said: list[str] = []
    assert hand_in(registry, tmp_path, [one.file], said.append) == 1
    assert said == ["msr-as1-neighbour: job 1 was failed and is tried again"]


def _written(folder: Path, content: object) -> Path:
    path = folder / "file.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.usefixtures("data_folders")
def test_a_row_has_a_mean_where_all_of_it_was_run(registry: Registry, tmp_path: Path) -> None:
    assert write_tables(registry, tmp_path) == ""
    assert not (tmp_path / "results.md").exists()
    parts = parts_of("msr", tmp_path)
    planned = Protocol(methods=("neighbour",), workers=0, tracking=None).measurements(parts, "sensor")
    hand_in(registry, tmp_path, [one.file for one in planned], lambda _: None)
    assert collect(registry, "msr") == []
    for number, job in enumerate(registry.jobs(), start=1):
        seeds = [{"seed": 0, "accuracy": 0.25 * number}]
        content = {"seeds": seeds, "total": 4, "parameters": 0, "latency_ms": None}
        config = ExperimentConfig.model_validate(job.settings["config"])
        RunFolder.create(Path(job.folder), config, baseline="neighbour")
        write_json(Path(job.folder) / "baseline.json", content)
        scores = collect(registry, "msr")
        assert (scores[-1].mean, scores[-1].spread, scores[-1].validation) == (0.25 * number, 0.0, None)
        (row,) = [line for line in as_markdown("msr", scores).splitlines() if "| nearest neighbor" in line]
        assert ("0.500 |            |" in row) == (number == 3)  # the mean, and no parameters
    several = [replace(score, together=value) for score, value in zip(scores, (0.3, 0.5, 1.0), strict=True)]
    assert "0.500, together 0.600" in as_markdown("msr", several)
    assert "together 0." not in as_markdown("msr", [*scores[:2], several[2]]).replace("together 1.000", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--table", "mrs"], "--table is 'mrs'; it must be one of msr, sbu"),
        (["--part", "AS4"], "--part is 'AS4'; it must be one of AS1, AS2, AS3, fold 1"),
        (["--method", "darts"], "--method is 'darts'; it must be one of enas, random"),
        (["--poses", "lidar"], "--poses is 'lidar'; it must be one of sensor, lifted"),
        (["--seeds", "one"], "--seeds is 'one'; numbers of 0 or more with commas between"),
        (["--data", "nowhere"], "--root is 'nowhere', where no folder is"),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["reproduce", "--data", str(tmp_path), *arguments, "--dry-run"])
    assert result.exit_code == 2, result.output
    assert sentence in " ".join(result.stderr.split())


def test_a_dry_run_lists_every_experiment_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["reproduce", "--data", str(tmp_path), "--dry-run", "--poses", "lifted"])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 3 * len(METHODS)  # SBU has no 2D
    assert lines[1].split("  ") == ["msr-as1-lifted-random", "pipeline, 3 searches"]
    assert list(tmp_path.iterdir()) == []
