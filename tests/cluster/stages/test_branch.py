from pathlib import Path

import pytest

from cluster.config import ExperimentConfig
from cluster.files import write_json
from cluster.stages.branch import branch_run
from cluster.stages.folder import RunFolder


@pytest.fixture
def searched(tmp_path: Path) -> RunFolder:
    """A run whose search has ended, as far as a branch looks at it."""
    run = RunFolder.create(tmp_path / "searched", ExperimentConfig.preset("small"))
    write_json(run.search_file, {"genotype": "g"})
    cell = [[0, 0, 1, 1]] * 5
    run.pictures.mkdir()
    for name in ("normal_cell.svg", "training.svg", "confusion.png"):
        (run.pictures / name).touch()
    run.genotype_file.write_text(f'{{"normal": {cell}, "reduction": {cell}}}')
    return run


@pytest.fixture(autouse=True)
def any_genotype(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a genotype is belongs to other tests; here the file alone counts."""

    def exists(run: RunFolder) -> None:
        if not run.genotype_file.exists():
            raise FileNotFoundError(run.genotype_file)

    monkeypatch.setattr(RunFolder, "genotype", exists)


def test_a_branch_has_the_search_and_an_id_of_its_own(searched: RunFolder, tmp_path: Path) -> None:
    branch = branch_run(searched.path, tmp_path / "branch")
    assert branch.genotype_file.read_bytes() == searched.genotype_file.read_bytes()
    assert branch.search_file.read_bytes() == searched.search_file.read_bytes()
    assert branch.config() == searched.config()
    assert branch.run_id != searched.run_id
    assert [picture.name for picture in branch.pictures.iterdir()] == ["normal_cell.svg"]


def test_a_branch_that_broke_off_is_completed_and_a_whole_one_left_alone(
    searched: RunFolder, tmp_path: Path
) -> None:
    branch = branch_run(searched.path, tmp_path / "branch")
    run_id = branch.run_id
    branch.genotype_file.unlink()
    again = branch_run(searched.path, tmp_path / "branch")
    assert again.genotype_file.exists()
    assert again.run_id == run_id


def test_another_run_is_not_taken_for_a_branch(searched: RunFolder, tmp_path: Path) -> None:
    other = RunFolder.create(tmp_path / "other", ExperimentConfig.preset("small"))
    with pytest.raises(FileExistsError, match="holds a run that did not begin with"):
        branch_run(searched.path, other.path)


def test_a_search_that_has_not_ended_cannot_be_branched(tmp_path: Path) -> None:
    begun = RunFolder.create(tmp_path / "begun", ExperimentConfig.preset("small"))
    with pytest.raises(FileNotFoundError):
        branch_run(begun.path, tmp_path / "branch")
