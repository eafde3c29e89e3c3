from collections.abc import Callable

import pytest
from rich.console import Console

from cluster.cells import FoundCells, compare, comparison_page, comparison_text
from cluster.cells.compare_text import plot_lines
from cluster.cells.comparison import own_nodes, pareto_front
from nas.genotype import Cell, Genotype

Make = Callable[..., FoundCells]

# state 2 = sep 3x3 (0) + identity (1); state 3 = max (2) + avg (0)
ONE = Cell.from_numbers((0, 0, 1, 4, 2, 3, 0, 2))
# the same two nodes, sides swapped, behind a node of its own: state 2 = sep 5x5 (0) + sep 5x5 (0)
MOVED = Cell.from_numbers((0, 1, 0, 1, 1, 4, 0, 0, 0, 2, 3, 3))

OTHER = Cell.from_numbers((0, 1, 1, 4, 2, 3, 0, 2))


def test_nodes_are_the_same_if_they_compute_the_same_wherever_they_stand() -> None:
    assert own_nodes([ONE, ONE]) == (frozenset(), frozenset())
    assert own_nodes([ONE, MOVED]) == (frozenset(), {0})


def test_a_node_that_reads_something_else_differs_although_it_looks_alike() -> None:
    # state 2 begins with sep 5x5, so state 3 differs too
    assert own_nodes([ONE, OTHER]) == ({0, 1}, {0, 1})


def test_what_all_but_one_have_is_not_common() -> None:
    assert own_nodes([ONE, ONE, Cell.from_numbers((0, 0, 1, 4, 2, 3, 0, 3))])[0] == {1}


def test_the_front_holds_those_that_no_other_beats() -> None:
    accuracies = [0.9, 0.95, 0.9, 0.8, None, 0.99]
    costs = [100, 200, 150, 50, 10, None]
    assert pareto_front(accuracies, costs) == {0, 1, 3}  # 2 costs more than 0 and is no better
    assert pareto_front([0.9, 0.9], [5, 5]) == {0, 1}
    assert pareto_front([None], [1]) == frozenset()


def test_settings_that_differ_are_named_with_both_values(found: Make) -> None:
    one = found("one", settings={"search.seed": "0", "search.epochs": "20"})
    two = found("two", settings={"search.seed": "1", "search.epochs": "20", "data.fold": "2"})
    assert compare([one, two]).settings == {"data.fold": ("", "2"), "search.seed": ("0", "1")}


def test_runs_on_different_data_are_said_to_be_so(found: Make) -> None:
    assert compare([found("one"), found("two")]).note == ""
    comparison = compare([found("one"), found("two", split="MSR Action3D AS1")])
    assert "tested on different data" in comparison.note
    console = Console(width=120)
    with console.capture() as captured:
        console.print(comparison_text(comparison))
    assert comparison.note in captured.get()
    assert comparison.note in comparison_page(comparison)


def test_one_run_or_the_same_twice_cannot_be_compared(found: Make) -> None:
    with pytest.raises(ValueError, match="a comparison needs 2 to 26 runs; 1 came"):
        compare([found("one")])
    with pytest.raises(ValueError, match=r"the run 'one' \(one-id\) came twice"):
        compare([found("one"), found("two"), found("one")])


def test_a_plot_puts_accuracy_up_and_cost_to_the_right() -> None:
    lines = plot_lines(("A", "B", "C"), (0.9, 0.8, None), (2e6, 1e6, 1.0), "parameters")
    assert lines[0] == "accuracy against parameters"
    assert lines[1].startswith("  90.0% │")
    assert lines[1].endswith("A")
    assert lines[9] == "  80.0% │B"
    assert lines[-1].split() == ["1,000,000", "2,000,000"]
    assert not any("C" in line for line in lines)


def test_a_plot_of_one_run_or_none_can_be_drawn() -> None:
    assert any("A" in line for line in plot_lines(("A",), (0.9,), (4.0,), "latency, ms")[1:])
    assert plot_lines(("A",), (None,), (None,), "latency, ms") == [
        "accuracy against latency, ms: no run is tested yet"
    ]


def test_a_terminal_of_80_characters_shows_numbers_cells_and_differences(found: Make) -> None:
    two = found("two", genotype=Genotype(MOVED, MOVED), test_accuracy=0.95, parameters=200_000)
    console = Console(width=80)
    with console.capture() as captured:
        console.print(comparison_text(compare([found("one", genotype=Genotype(ONE, ONE)), two])))
    text = captured.get()
    assert all(len(line) <= 80 for line in text.splitlines())
    for part in (
        "200,000",
        "unbeaten in accuracy and parameters: A, B",
        "state 2      = sep3(0) + same(1)  ≠ sep5(0) + sep5(0)",
        "output         3                    2 4",
    ):
        assert part in text
