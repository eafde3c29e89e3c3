"""Experiment files: what they come to, and what is said of wrong ones."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cluster.registry.records import Job, Resources
from cluster.registry.registry import Registry
from cluster.scheduling.experiment_file import read_experiment
from cluster.scheduling.jobs import JOB_KINDS, JobRequest
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.planning import plan_of
from cluster.scheduling.submission import Options, submit
from cluster.scheduling.variants import variants

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """write("kind: search", ...) -> a file of these lines."""

    def save(*lines: str) -> Path:
        file = tmp_path / "mine.yaml"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    return save


def test_every_seed_of_every_grid_value_is_a_job(write: Write) -> None:
    plan = plan_of(
        write(
            "kind: search",
            "seeds: [1, 2]",
            "grid: {search.batch_size: [16, 32], supernet.channels: [8]}",
            "configuration: {search: {epochs: 4}, tracking: null}",
            "resources: {workers: 2, cpus: 1.5, gpus: 0.5}",
            "limits: {time: 1 h 30 min}",
        )
    )
    assert [job.name for job in plan.jobs] == [
        "mine-seed-1-batch_size-16-channels-8",
        "mine-seed-1-batch_size-32-channels-8",
        "mine-seed-2-batch_size-16-channels-8",
        "mine-seed-2-batch_size-32-channels-8",
    ]
    last = plan.jobs[-1]
    config = last.settings["config"]
    assert (config["search"]["seed"], config["training"]["seed"]) == (2, 2)
    assert (config["search"]["batch_size"], config["search"]["epochs"]) == (32, 4)
    assert (config["resources"]["workers"], config["resources"]["cpus_per_worker"]) == (2, 1.5)
    assert (last.needs.cpus, last.needs.gpus, last.limit_seconds) == (3.0, 1.0, 5400.0)


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ("training.lambda_: [-6, 6]", ["-6", "6"]),
        ("data.root: [runs/a-1, runs/a_1, runs/a 1]", ["runs_a-1", "runs_a_1", "runs_a_1.2"]),
        ("data.root: [A, a]", ["A", "a.2"]),  # one folder where case does not count
        ("data.root: ['', 1, '1']", ["empty", "1", "1.2"]),
        (
            "data: [{name: msr, subset: AS1, file_list: '567'}, {name: sbu, fold: 2}, {name: sbu, fold: 3}]",
            ["msr_AS1_567", "sbu_2", "sbu_3"],
        ),
        # What all sections share tells nothing.
        ("data: [{name: sbu, fold: 2}, {name: sbu, fold: 3}]", ["2", "3"]),
    ],
)
def test_different_values_have_different_labels(write: Write, grid: str, words: list[str]) -> None:
    file = read_experiment(write("kind: search", f"grid: {{{grid}}}"))
    name = grid.partition(":")[0].rpartition(".")[2]
    assert [variant.label for variant in variants(file)] == [f"{name}-{word}" for word in words]


def test_different_combinations_whose_words_join_to_one_have_different_labels(write: Write) -> None:
    """a-1-b-2 with b 3, and a 1 with b "2-b-3": both would read a-1-b-2-b-3."""
    file = read_experiment(write("kind: search", "grid: {x.a: ['1-b-2', '1'], x.b: ['3', '2-b-3']}"))
    labels = [variant.label for variant in variants(file)]
    assert labels[0] == "a-1-b-2-b-3"
    assert len(set(labels)) == 4


def test_a_long_value_is_a_short_label_of_its_own(write: Write) -> None:
    file = read_experiment(write("kind: search", f"grid: {{data.root: [{'x' * 300}1, {'x' * 300}2]}}"))
    labels = {variant.label for variant in variants(file)}
    assert len(labels) == 2
    assert max(map(len, labels)) <= 100


def test_two_runs_of_one_plan_in_one_folder_are_refused(registry: Registry, tmp_path: Path) -> None:
    jobs = tuple(
        PlannedJob(name=name, kind="search", settings={}, run=run, needs=Resources(cpus=1))
        for name, run in (("first", "same"), ("second", "Same"))
    )
    plan = Plan(name="p", kind="search", source="", jobs=jobs)
    with pytest.raises(ValueError, match="the jobs 'first' and 'second' have one run folder, 'Same'"):
        submit(registry, plan, Options(out=str(tmp_path)))
    assert registry.jobs() == ()
    chain = Plan(name="p", kind="search", source="", jobs=(jobs[0], replace(jobs[1], after=(0,))))
    assert len(submit(registry, chain, Options(out=str(tmp_path))).jobs) == 2


def test_a_name_that_no_folder_can_have_is_refused_where_it_stands(write: Write) -> None:
    with pytest.raises(ValueError, match=r"line 2: .*252 characters; folders are named so, 100 are allowed"):
        plan_of(write("kind: search", f"name: {'y' * 252}"))


def test_a_pipeline_is_a_chain_for_each_seed_in_one_folder(write: Write) -> None:
    plan = plan_of(write("kind: pipeline", "seeds: [1, 2]", "limits: {epochs: 3}"))
    assert [(job.kind, job.after) for job in plan.jobs] == [
        ("search", ()), ("train", (0,)), ("evaluate", (1,)), ("register", (2,)),
        ("search", ()), ("train", (4,)), ("evaluate", (5,)), ("register", (6,)),
    ]  # fmt: skip
    assert {job.run for job in plan.jobs[:4]} == {"mine-seed-1"}
    assert plan.jobs[0].settings["config"]["search"]["epochs"] == 3
    unrecorded = plan_of(write("kind: pipeline", "configuration: {tracking: null}"))
    assert [job.kind for job in unrecorded.jobs] == ["search", "train", "evaluate"]


def test_a_pipeline_trains_the_genotype_from_several_seeds(
    write: Write, registry: Registry, tmp_path: Path
) -> None:
    plan = plan_of(write("kind: pipeline", "training_seeds: [0, 1, 2]", "resources: {workers: 2}"))
    assert plan.jobs[1].needs == plan.jobs[0].needs
    _, training, *_ = submit(registry, plan, Options(out=str(tmp_path))).jobs
    assert training.settings == {"seeds": [0, 1, 2]}
    assert line(training, tmp_path, "auto") == [
        "train", training.folder, "--seeds", "0,1,2", "--address", "auto",
    ]  # fmt: skip
    with pytest.raises(
        ValueError, match=r"line 2: training_seeds is for the kinds pipeline and baseline; a search job has"
    ):
        plan_of(write("kind: search", "training_seeds: [0]"))


def test_every_baseline_is_a_job_in_a_folder_of_its_own(
    write: Write, registry: Registry, tmp_path: Path
) -> None:
    plan = plan_of(
        write(
            "kind: baseline",
            "baselines: [densenet, neighbour]",
            "training_seeds: [0, 1]",
            "limits: {epochs: 9}",
        )
    )
    assert [(job.kind, job.run, job.after) for job in plan.jobs] == [
        ("baseline", "mine-densenet", ()), ("baseline", "mine-neighbour", ()),
    ]  # fmt: skip
    assert plan.jobs[0].settings["config"]["training"]["epochs"] == 9
    job, _ = submit(registry, plan, Options(out=str(tmp_path))).jobs
    assert line(job, tmp_path, None) == [
        "baseline", "densenet", "--config", str(tmp_path / "experiment.json"), "--out", job.folder,
        "--seeds", "0,1",
    ]  # fmt: skip


def line(job: Job, desk: Path, address: str | None) -> list[str]:
    """What a person may paste to do a job's work by hand."""
    request = JobRequest(
        kind=job.kind, folder=job.folder, settings=job.settings, address=address, desk=str(desk)
    )
    return JOB_KINDS[job.kind].line(request)


def test_dotted_and_nested_settings_are_the_same(write: Write) -> None:
    nested = plan_of(write("kind: encode", "configuration: {encoding: {image_size: 16}}"))
    dotted = plan_of(write("kind: encode", "configuration: {encoding.image_size: 16}"))
    assert nested.jobs == dotted.jobs


def test_a_plan_comes_back_from_its_json(write: Write) -> None:
    plan = plan_of(write("kind: pipeline", "seeds: [1, 2]"))
    assert Plan.from_dict(plan.to_dict()) == plan


def test_the_lifter_is_trained_and_tuned_with_settings_of_its_own(write: Write) -> None:
    (training,) = plan_of(
        write(
            "kind: lift-train",
            "preset: best",
            "seeds: 3",
            "resources: {cpus: 2, gpus: 1}",
            "limits: {epochs: 5}",
        )
    ).jobs
    config = training.settings["config"]
    assert (config["training"]["seed"], config["training"]["epochs"]) == (3, 5)
    assert (config["resources"]["threads"], config["resources"]["device"]) == (2, "cuda")
    (tuning,) = plan_of(
        write("kind: lift-tune", "resources: {workers: 2}", "configuration: {tuning: {trials: 8, epochs: 4}}")
    ).jobs
    assert tuning.settings["tuning"] == {"tuning.trials": 8, "tuning.epochs": 4}
    assert tuning.needs.cpus == 2


WRONG = [
    (["kind: serch"], "line 1: kind is 'serch'; it must be 'search', .* .did you mean 'search'"),
    (["name: x"], "setting 'kind' is missing"),
    (["kind: search", "sedes: [1]"], "line 2: there is no setting 'sedes' .did you mean 'seeds'"),
    (["kind: search", "seeds: [1, x]"], "line 2: seeds.1 is 'x'; it must be a valid integer"),
    (["kind: search", "seeds: [1, 1]"], r"line 2: seeds: \[1, 1\] must be different numbers"),
    (["kind: search", "name: a/b"], "line 2: name: 'a/b' cannot name a folder"),
    (["kind: search", "preset: tiny"], "line 2: preset is 'tiny'; it must be one of small, released, paper"),
    (["kind: search", "data:", "  name: mrs"], "line 3: data.name: there is no data set 'mrs'; 'msr', 'sbu'"),
    (
        ["kind: search", "configuration:", "  search:", "    epochz: 3"],
        "line 4: there is no setting 'search.epochz' .did you mean 'epochs'",
    ),
    (["kind: search", "configuration: {search.epochs: 0}"], "line 2: search.epochs is 0; it must be greater"),
    (["kind: search", "grid:", "  search.batch_size: [8, -1]"], "line 3: search.batch_size is -1"),
    (["kind: search", "grid: {search.epochs: []}"], r"line 2: grid: 'search.epochs' has the values \[\]"),
    (["kind: search", "resources:", "  cpus: 0"], "line 3: resources.cpus is 0; it must be greater than 0"),
    (["kind: search", "limits: {time: soon}"], "line 2: limits.time: 'soon' is no length of time"),
    (["kind: encode", "limits: {epochs: 3}"], "line 2: limits.epochs is not for the kind encode"),
    (["kind: encode", "resources: {workers: 2}"], "line 2: resources.workers is for searches"),
    (["kind: train"], "line 1: run is missing: the folder of a search"),
    (["kind: search", "run: runs/x"], "line 2: run is not for search"),
    (["kind: train", "run: runs/none"], "line 2: run is '.*runs/none', where no run is"),
    (["kind: lift-train", "preset: small"], "line 2: preset is 'small'; it must be one of paper"),
    (
        ["kind: lift-tune", "configuration:", "  tuning: {trails: 3}"],
        "line 3: there is no setting 'tuning.trails' .did you mean 'trials'",
    ),
    (["kind: lift-tune", "configuration: {tuning: {trials: 0}}"], "line 2: tuning.trials is 0; it must be"),
    (["kind: search", "seeds: one"], "line 2: seeds: 'one' is no seed; a number or a list of numbers"),
    (
        ["kind: search", "priorty: 3"],
        "line 2: 'priorty' is no setting of a file; `posenas submit --priority`",
    ),
    (
        ["kind: search", "limits: {epochs: 3}", "configuration: {search.epochs: 5}"],
        "line 3: search.epochs is limits.epochs too; give one of them",
    ),
    (["kind: baseline"], "line 1: baselines is missing: what to train"),
    (["kind: search", "baselines: [residual]"], "line 2: baselines is not for search"),
    (
        ["kind: baseline", "baselines: [resnet]"],
        "line 2: baselines are resnet; different ones of kernels, re",
    ),
    (["kind: search", "seeds: 1", "grid: {search.seed: [2]}"], "line 3: search.seed is seeds too"),
    (["kind: [search"], "line 2: this is no YAML: expected ',' or ']'"),
]


@pytest.mark.parametrize(("lines", "sentence"), WRONG)
def test_a_wrong_file_is_answered_with_its_line(write: Write, lines: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"mine.yaml(, |: ).*{sentence}"):
        plan_of(write(*lines))


def test_every_kind_of_job_has_a_command(write: Write) -> None:
    kinds = {
        job.kind
        for kind in ("pipeline", "encode", "lift-train", "lift-tune", "baseline")
        for job in plan_of(write(f"kind: {kind}", *["baselines: [densenet]"] * (kind == "baseline"))).jobs
    }
    assert kinds == set(JOB_KINDS)


def test_a_search_begins_from_its_file_and_is_resumed_from_its_folder(
    write: Write, registry: Registry, tmp_path: Path
) -> None:
    (job,) = submit(registry, plan_of(write("kind: search")), Options(out=str(tmp_path))).jobs
    desk = tmp_path / "desk"
    assert line(job, desk, "10.0.0.1:6379") == [
        "search",
        "--config",
        str(desk / "experiment.json"),
        "--out",
        job.folder,
        "--address",
        "10.0.0.1:6379",
    ]
    Path(job.folder).mkdir(parents=True)
    (Path(job.folder) / "experiment.json").write_text("{}")
    assert line(job, desk, None) == ["search", "--resume", "--out", job.folder]


def test_data_that_are_not_there_are_missed_before_anything_is_queued(write: Write, tmp_path: Path) -> None:
    lines = ("kind: search", "data:", "  name: npz", f"  root: {tmp_path / 'none.npz'}")
    with pytest.raises(
        ValueError, match=r"mine\.yaml, line 4: data\.root is .*none\.npz, where nothing lies"
    ):
        plan_of(write(*lines))


def test_all_mistakes_of_a_file_are_named_with_their_lines(write: Write) -> None:
    for lines, sentences in (
        (("kind: serch", "sedes: [1]"), ("line 1: kind is 'serch'", "line 2: there is no setting 'sedes'")),
        (
            ("kind: search", "configuration:", "  search: {epochs: x}", "  supernet: {channels: -1}"),
            ("line 3: search.epochs is 'x'", "line 4: supernet.channels is -1"),
        ),
    ):
        with pytest.raises(ValueError, match=r"mine\.yaml") as caught:
            plan_of(write(*lines))
        assert all(sentence in str(caught.value) for sentence in sentences)
