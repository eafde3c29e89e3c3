from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from cluster.cells import FoundCells, cell_lines, cells_table, describe, find_cells, list_cells
from cluster.tracking.mlflow_store import connect
from cluster.tracking.tracker import MlflowTracker
from nas.genotype import Cell, Genotype, Node

CHAIN = Cell((Node(x_input=0, x_operation=0, y_input=1, y_operation=4),))
GENOTYPE = Genotype(CHAIN, CHAIN)


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store with three searches: AS1 tested, AS2 tested, SBU not tested yet, and one that found nothing."""
    folder = tmp_path_factory.mktemp("cells")
    uri = f"sqlite:///{folder}/mlflow.db"
    (folder / "normal_cell.svg").write_text("<svg/>", "utf-8")
    for run, split, metrics in (
        ("as1-run", "MSR Action3D AS1", {"test_accuracy": 0.9, "parameters": 2000.0, "latency_ms": 5.0}),
        ("as2-run", "MSR Action3D AS2", {"test_accuracy": 0.95, "parameters": 3000.0, "latency_ms": 4.0}),
        ("sbu-run", "SBU fold 1", {"retrained_accuracy": 0.99}),
    ):
        tracker = MlflowTracker(uri)
        tags = {"posenas.data": "msr", "posenas.split": split, "posenas.genotype": str(GENOTYPE)}
        tracker.start(run, run, {}, tags if run != "sbu-run" else {**tags, "posenas.data": "sbu"})
        tracker.log(0, metrics, 1.0)
        tracker.log_artifact(folder / "normal_cell.svg", "pictures")
        tracker.finish("finished")
    MlflowTracker(uri).start("nothing-found", "nothing-found", {}, {})
    return uri


def names(cells: list[FoundCells]) -> list[str]:
    return [cell.run_id for cell in cells]


def test_only_runs_that_found_cells_are_listed_the_newest_first(uri: str) -> None:
    assert names(list_cells(uri)) == ["sbu-run", "as2-run", "as1-run"]


def test_cells_are_sorted_by_test_accuracy_and_untested_ones_come_last(uri: str) -> None:
    assert names(list_cells(uri, sort="accuracy")) == ["as2-run", "as1-run", "sbu-run"]


def test_cells_are_sorted_by_parameters_and_unknown_ones_come_last(uri: str) -> None:
    assert names(list_cells(uri, sort="parameters")) == ["as1-run", "as2-run", "sbu-run"]


def test_cells_are_sorted_by_latency_and_unknown_ones_come_last(uri: str) -> None:
    assert names(list_cells(uri, sort="latency")) == ["as2-run", "as1-run", "sbu-run"]


@pytest.mark.parametrize(("data", "expected"), [("as1", ["as1-run"]), ("MSR", ["as2-run", "as1-run"])])
def test_cells_are_filtered_by_data_set_or_split(uri: str, data: str, expected: list[str]) -> None:
    assert names(list_cells(uri, data=data)) == expected


def test_what_was_recorded_comes_back(uri: str) -> None:
    cells = find_cells("as1-run", uri)
    assert cells.genotype == GENOTYPE
    assert cells.test_accuracy == 0.9
    assert cells.parameters == 2000
    assert cells.status == "finished"
    assert [path.name for path in cells.pictures()] == ["normal_cell.svg"]


def test_a_run_is_found_by_the_beginning_of_its_id(uri: str) -> None:
    assert find_cells("sbu", uri).run_id == "sbu-run"
    assert find_cells(find_cells("sbu", uri).mlflow_run_id, uri).run_id == "sbu-run"


def test_a_beginning_that_means_two_runs_is_said(uri: str) -> None:
    with pytest.raises(ValueError, match=r"'as' means 2 runs \(as2-run, as1-run\); give the whole id of one"):
        find_cells("as", uri)


def test_a_run_that_does_not_exist_is_said(uri: str) -> None:
    with pytest.raises(
        ValueError, match=r"no run 'nobody' has found cells in sqlite:.*`posenas cells list` shows"
    ):
        find_cells("nobody", uri)


def test_a_run_that_is_something_else_is_said_with_what_it_is(uri: str) -> None:
    client = connect(uri)
    (experiment,) = [one for one in client.search_experiments() if one.name == "posenas"]
    foreign = client.create_run(experiment.experiment_id, run_name="someone else's").info.run_id
    with pytest.raises(
        ValueError, match=r"it is the MLflow run \"someone else's\", which posenas did not make"
    ):
        find_cells(foreign, uri)
    tracker = MlflowTracker(uri)
    tracker.start("as1-run-training", "as1 final", {}, {}, parent="as1-run")
    with pytest.raises(ValueError, match=r"it is 'as1 final', a part of the run \w+, which can be asked for"):
        find_cells(tracker.mlflow_run_id, uri)
    tracker.start("nothing-found", "nothing-found", {}, {})
    with pytest.raises(
        ValueError, match=r"it is the run 'nothing-found', whose search has not ended \(running\)"
    ):
        find_cells(tracker.mlflow_run_id, uri)


def test_an_experiment_that_does_not_exist_holds_no_cells(uri: str) -> None:
    assert list_cells(uri, "another") == []


def test_a_store_that_does_not_exist_is_said_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"there is no MLflow store .*mlflow\.db yet; `posenas search`"
    ):
        list_cells(f"sqlite:///{tmp_path}/mlflow.db")
    assert not (tmp_path / "mlflow.db").exists()


def test_a_cell_as_text_names_inputs_operations_and_loose_ends() -> None:
    first = Node(x_input=0, x_operation=0, y_input=1, y_operation=4)
    second = Node(x_input=2, x_operation=3, y_input=0, y_operation=2)
    third = Node(x_input=1, x_operation=1, y_input=1, y_operation=1)
    assert cell_lines("normal cell", Cell((first, second, third))) == [
        "normal cell",
        "  node 0 = sep_conv_3x3(cell before last) + identity(last cell)",
        "  node 1 = max_pool_3x3(node 0) + avg_pool_3x3(cell before last)",
        "  node 2 = sep_conv_5x5(last cell) + sep_conv_5x5(last cell)",
        "  output = concatenation of node 1, node 2",
    ]


def test_a_run_in_full_says_where_its_pictures_are(uri: str) -> None:
    text = describe(find_cells("as1-run", uri))
    assert "test         90.0%" in text
    assert "parameters   2,000" in text
    assert "/pictures/normal_cell.svg" in text


def shown(uri: str, width: int) -> str:
    console = Console(width=width)
    with console.capture() as captured:
        console.print(cells_table(list_cells(uri)))
    return captured.get()


def test_the_list_fits_a_terminal_of_80_characters(uri: str) -> None:
    lines = shown(uri, 80).splitlines()
    assert lines[0].split() == ["run", "id", "data", "test", "valid.", "params", "latency", "begun"]
    assert lines[2].split()[:6] == ["as2-run", "as2-run", "MSR", "Action3D", "AS2", "95.0%"]
    assert all(len(line) <= 80 for line in lines)


def test_a_wide_terminal_shows_the_genotypes(uri: str) -> None:
    assert str(GENOTYPE) in shown(uri, 200)
    assert str(GENOTYPE) not in shown(uri, 80)


def test_what_is_too_wide_for_a_terminal_is_folded_and_nothing_of_it_lost(
    found: Callable[..., FoundCells],
) -> None:
    long = found("a-run-with-a-very-long-name", split="MSR Action3D 動作 AS1, 557 list", run_id="0123456789")
    console = Console(width=74)
    with console.capture() as captured:
        console.print(cells_table([long, found("short", run_id="abcdefghij")]))
    lines = captured.get().splitlines()
    assert all(cell_len(line) <= 74 for line in lines)
    assert "".join(line[:8].strip() for line in lines[1:5]) == "a-run-with-a-very-long-name"
    assert [line[20:30].rstrip() for line in lines[1:5]] == ["MSR", "Action3D", "動作 AS1,", "557 list"]
    assert lines[1].endswith("90.0%   80.0%  100,000   4.0 ms  2026-01-01")
    assert [line[:9] for line in lines[5:]] == ["short    ", "         "]
