"""What two or more found cells have in common, and which of them is the better bargain."""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.cells.found import FoundCells
from cluster.cells.paired import paired_lines
from nas.genotype import Cell

__all__ = ["Comparison", "compare", "own_nodes", "pareto_front"]


DIFFERENT_DATA = "The runs were tested on different data: their accuracies do not say which cells are better."


@dataclass(frozen=True)
class Comparison:
    """Several runs beside each other.

    Attributes:
        cells: what is compared, in the order asked for.
        letters: "A", "B", ...: short names.
        normal, reduction: for each run the nodes that not all the others have.
        small: runs that no other beats in accuracy and in parameters.
        fast: runs that no other beats in accuracy and in latency.
        settings: what differs, by dotted name, one value for each run; empty where a run has none.
        note: what must be known to read the accuracies right; empty where nothing must.
        paired: one line for each two runs that answered the same clips.
    """

    cells: tuple[FoundCells, ...]
    letters: tuple[str, ...]
    normal: tuple[frozenset[int], ...]
    reduction: tuple[frozenset[int], ...]
    small: frozenset[int]
    fast: frozenset[int]
    settings: dict[str, tuple[str, ...]]
    note: str = ""
    paired: tuple[str, ...] = ()


def compare(cells: Sequence[FoundCells], predictions: Sequence[str | None] = ()) -> Comparison:
    """Set runs beside each other.

    Args:
        cells: of the runs.
        predictions: the answers of each run as CSV, for paired tests; None where one has none.

    Raises:
        ValueError: fewer than two, more than 26, or one of them twice.
    """
    if not 2 <= len(cells) <= 26:
        raise ValueError(f"a comparison needs 2 to 26 runs; {len(cells)} came")
    ids = [one.mlflow_run_id for one in cells]
    twice = next((one for one in cells if ids.count(one.mlflow_run_id) > 1), None)
    if twice is not None:
        raise ValueError(f"the run {twice.name!r} ({twice.run_id[:8]}) came twice; name different runs")
    accuracies = [one.test_accuracy for one in cells]
    letters = tuple(chr(ord("A") + number) for number in range(len(cells)))
    return Comparison(
        cells=tuple(cells),
        letters=letters,
        normal=own_nodes([one.genotype.normal for one in cells]),
        reduction=own_nodes([one.genotype.reduction for one in cells]),
        small=pareto_front(accuracies, [one.parameters for one in cells]),
        fast=pareto_front(accuracies, [one.latency for one in cells]),
        settings=_differing(cells),
        note="" if len({one.split or one.data for one in cells}) == 1 else DIFFERENT_DATA,
        paired=tuple(paired_lines(letters, predictions)) if predictions else (),
    )


def own_nodes(cells: Sequence[Cell]) -> tuple[frozenset[int], ...]:
    """For each cell the numbers of the nodes whose result not all the others compute as well.

    Nodes are compared by what they compute from the cell's inputs: neither their number nor the order of
    their two sides counts.
    """
    known: dict[tuple[tuple[str, int], ...], int] = {}
    results = [_results(cell, known) for cell in cells]
    common = frozenset.intersection(*(frozenset(one) for one in results))
    return tuple(
        frozenset(number for number, result in enumerate(one) if result not in common) for one in results
    )


def _results(cell: Cell, known: dict[tuple[tuple[str, int], ...], int]) -> list[int]:
    """For each node a number that stands for what it computes; `known` holds those met so far."""
    states = list(range(-cell.num_inputs, 0))  # -1 is the last layer, in cells of one input too
    for node in cell.nodes:
        sides = tuple(sorted((cell.operations[number], states[state]) for _, state, number in node.sides))
        states.append(known.setdefault(sides, len(known)))
    return states[cell.num_inputs :]


def pareto_front(accuracies: Sequence[float | None], costs: Sequence[float | None]) -> frozenset[int]:
    """Which places no other beats: none is as accurate for less, or more accurate for as little.

    A place whose accuracy or cost is unknown is not on the front.
    """
    known = [
        (number, accuracy, cost)
        for number, (accuracy, cost) in enumerate(zip(accuracies, costs, strict=True))
        if accuracy is not None and cost is not None
    ]
    return frozenset(
        number
        for number, accuracy, cost in known
        if not any(a >= accuracy and c <= cost and (a, c) != (accuracy, cost) for _, a, c in known)
    )


def _differing(cells: Sequence[FoundCells]) -> dict[str, tuple[str, ...]]:
    names = sorted({name for one in cells for name in one.settings})
    rows = {name: tuple(one.settings.get(name, "") for one in cells) for name in names}
    return {name: values for name, values in rows.items() if len(set(values)) > 1}
