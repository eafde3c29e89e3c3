"""The preset `temporal` through every stage, at its smallest, and a space from a file outside."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from cluster.cells.comparison import own_nodes
from cluster.config import ExperimentConfig
from cluster.files import read_json
from cluster.report.curves import operation_frequency_panels
from cluster.stages import evaluation, final_training, search
from cluster.stages.folder import RunFolder
from cluster.worker import run_evaluation, run_search, run_training
from nas.genotype import Cell, Genotype
from nas.space import TEMPORAL

DOCS = Path(__file__).parents[3] / "docs"
SMALLEST: dict[str, Any] = {
    "data.num_subjects": 4,
    "encoding.image_size": 16,
    "supernet.channels": 4,
    "supernet.num_nodes": 2,
    "search.epochs": 2,
    "search.weight_steps_per_epoch": 2,
    "search.num_samples": 3,
    "search.controller_steps_per_epoch": 1,
    "search.batch_size": 8,
    "derivation.num_samples": 3,
    "derivation.num_retrained": 1,
    "derivation.parameters": 5000,
    "derivation.epochs": 3,
    "parameters": 6000,
    "training.epochs": 3,
    "training.warmup_epochs": 1,
    "resources.threads": 1,
    "resources.checkpoint_seconds": 0,
    "tracking": None,
}


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take longer than everything else here."""
    for module in (search, final_training, evaluation):
        monkeypatch.setattr(module, "write_results", lambda *_: None)


def through(config: ExperimentConfig, folder: Path) -> Genotype:
    run_search(config, folder)
    run_training(folder)
    assert 0 <= run_evaluation(folder).accuracy <= 1
    run = RunFolder.open(folder)
    content = read_json(run.search_file)
    assert Genotype.parse(content["genotype"]) == run.genotype()
    panels = operation_frequency_panels(content["sampled"])
    assert [panel.title for panel in panels][:2] == [
        "Share of each operation in the normal cell", "Share of each operation in the reduction cell",
    ]  # fmt: skip
    return run.genotype()


def test_the_preset_temporal_runs_through_every_stage(tmp_path: Path) -> None:
    assert through(ExperimentConfig.preset("temporal", SMALLEST), tmp_path / "run").space == TEMPORAL


def test_the_space_of_the_page_is_searched_as_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "spaces.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, flags=re.S)
    (tmp_path / "my_cells.py").write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    config = ExperimentConfig.preset("temporal", {**SMALLEST, "search.space": "my_cells:moving"})
    genotype = through(config, tmp_path / "run")
    assert genotype.space.name == "my_cells:moving"
    sys.modules.pop("my_cells")


def test_settings_that_came_with_spaces_do_not_change_the_hash_of_earlier_ones() -> None:
    small = ExperimentConfig.preset("small")
    assert small.hash == "d7e767eb91a50befe32baec2f87710b7e3fad885988e8aff4cd1224a56523982"
    assert ExperimentConfig.preset("small", {"search.space": "enas_micro"}).hash == small.hash
    assert ExperimentConfig.preset("small", {"search.space": "temporal"}).hash != small.hash
    with pytest.raises(
        ValueError, match=r"search.space: .*no search space 'temporl' .did you mean 'temporal'"
    ):
        ExperimentConfig.preset("small", {"search.space": "temporl"})


def test_cells_of_two_spaces_are_compared_by_what_they_compute() -> None:
    micro = Cell.from_numbers((1, 4, 1, 4))  # identity of the last layer, twice
    temporal = Cell.from_numbers((1, 11, 1, 11, 0, 0, 1, 0), space=TEMPORAL)
    assert own_nodes([micro, temporal]) == (frozenset(), frozenset({1}))
