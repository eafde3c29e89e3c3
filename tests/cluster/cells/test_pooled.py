"""The answers of the runs of a cross-validation as one table."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cells.pooled import pool_answers
from cluster.cli import app
from cluster.config import ExperimentConfig
from cluster.stages.folder import RunFolder

HEAD = "clip,subject,class,answer,probability,p: wave,p: kick"


def table(*rows: str) -> str:
    return "\n".join([HEAD, *rows]) + "\n"


ONE = table("a,1,wave,wave,0.9,0.9,0.1", "b,1,kick,wave,0.6,0.6,0.4")
TWO = table("c,2,wave,wave,0.8,0.8,0.2", "d,2,kick,kick,0.7,0.3,0.7")


def test_every_clip_counts_once_and_runs_are_listed() -> None:
    pooled = pool_answers([("one", ONE), ("two", TWO)])
    assert pooled.rows == (("one", 2, 1, 0.5), ("two", 2, 2, 1.0))
    assert (pooled.mean, pooled.scores["accuracy"]) == (0.75, 0.75)
    assert pooled.spread == pytest.approx(0.5**0.5 / 2)
    assert [row["subject"] for row in pooled.scores["subjects"]] == [1, 2]


def test_runs_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="two and one both tested the clip 'a'"):
        pool_answers([("one", ONE), ("two", ONE)])
    with pytest.raises(ValueError, match="two has other classes than one"):
        pool_answers([("one", ONE), ("two", ONE.replace("kick", "bow"))])
    with pytest.raises(ValueError, match="1 run came; pooling needs at least 2"):
        pool_answers([("one", ONE)])
    with pytest.raises(ValueError, match="the predictions of two need the columns"):
        pool_answers([("one", ONE), ("two", "clip\na\n")])


def test_the_command_shows_the_table(tmp_path: Path) -> None:
    for name, text in (("one", ONE), ("two", TWO)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "predictions.csv").write_text(text)
    result = CliRunner().invoke(app, ["cells", "pool", str(tmp_path / "one"), str(tmp_path / "two")])
    assert result.exit_code == 0, result.output
    assert "0.7500 of 4 clips together" in result.output
    assert "0.7500 ± 0.3536 over 2 runs" in result.output


def test_an_experiment_s_folder_gives_a_table_for_each_method(tmp_path: Path) -> None:
    for method in ("kernels", "residual"):
        for part, text in ((1, ONE), (2, TWO)):
            config = ExperimentConfig.preset(
                "small", {"data.protocol": "leave-one-subject-out", "data.test_part": part, "tracking": None}
            )
            folder = tmp_path / "runs" / "mine-1" / f"{method}-{part}"
            RunFolder.create(folder, config, baseline=method)
            (folder / "predictions.csv").write_text(text)
    RunFolder.create(tmp_path / "runs" / "mine-1" / "waits", config, baseline="densenet")
    for folder in (tmp_path / "runs", tmp_path / "runs" / "mine-1"):
        result = CliRunner().invoke(app, ["cells", "pool", str(folder)])
        assert result.exit_code == 0, result.output
        assert result.output.count("0.7500 ± 0.3536 over 2 runs") == 2
        assert re.search(r"synthetic\S*, kernels +2 +0.7500 ± 0.3536 +0.7500 +0.7500", result.output)
        assert "waits has no predictions.csv yet" in result.output
    (tmp_path / "none").mkdir()
    result = CliRunner().invoke(app, ["cells", "pool", str(tmp_path / "none")])
    assert "holds no run; the folder of an experiment or of a run" in " ".join(result.output.split())
