"""What a report says of how to repeat a run."""

from pathlib import Path

from cluster.config import ExperimentConfig
from cluster.files import write_json
from cluster.stages.folder import BRANCH_FACT, RunFolder
from cluster.stages.pictures import _commands


def test_to_repeat_a_run_every_command_names_the_new_folder(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "my run", ExperimentConfig.preset("small"))
    again = f"'{run.path}-again'"  # a path with a blank is quoted
    assert _commands(run) == [
        f"posenas search --config '{run.experiment_file}' --out {again}",
        f"posenas train {again}",
        f"posenas evaluate {again}",
    ]


def test_a_run_that_began_with_another_and_trained_three_seeds(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", ExperimentConfig.preset("small"), **{BRANCH_FACT: "abc"})
    write_json(run.training_file, {"seed": 0, "epochs": [], "seeds": [{"seed": s} for s in (0, 1, 2)]})
    assert _commands(run) == [
        f"posenas train {run.path}-again --from {run.path} --seeds 0,1,2",
        f"posenas evaluate {run.path}-again",
    ]
