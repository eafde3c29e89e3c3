"""A comparison for a terminal: the numbers, both pictures of the bargain, the cells side by side."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cluster.cells.comparison import Comparison
from cluster.cells.text import as_milliseconds, as_percent
from nas.genotype import OPERATIONS, Cell

__all__ = ["comparison_text", "plot_lines"]

_SHORT = dict(zip(OPERATIONS, ("sep3", "sep5", "avg3", "max3", "same"), strict=True))
_LEGEND = (
    "≠ not in all of them; sep3, sep5: separable convolution; avg3, max3: pooling; same: identity; "
    "(0) is the layer before the last, (1) the last"
)
_PLOT_WIDTH, _PLOT_HEIGHT = 46, 9


def comparison_text(comparison: Comparison) -> Group:
    """Everything that `posenas cells compare` shows; nodes that not all runs have are marked ≠."""
    parts: list[RenderableType] = [_numbers(comparison)]
    if comparison.note:
        parts.append(Text(comparison.note, style="yellow"))
    parts += [Text(""), *map(Text, comparison.paired)] if comparison.paired else []
    accuracies = [one.test_accuracy for one in comparison.cells]
    for title, costs, front in (
        ("parameters", [one.parameters for one in comparison.cells], comparison.small),
        ("latency, ms", [one.latency for one in comparison.cells], comparison.fast),
    ):
        lines = plot_lines(comparison.letters, accuracies, costs, title)
        best = ", ".join(comparison.letters[number] for number in sorted(front)) or "none is tested yet"
        parts += [
            Text(""),
            *(Text(line) for line in lines),
            Text(f"unbeaten in accuracy and {title}: {best}"),
        ]
    if any(one.genotype.label for one in comparison.cells):
        parts += [Text(""), _choices(comparison)]
    for kind in ("normal", "reduction"):
        cells = [getattr(one.genotype, kind) for one in comparison.cells]
        parts += [
            Text(""),
            _side_by_side(f"{kind} cell", comparison.letters, cells, getattr(comparison, kind)),
        ]
    parts += [Text(_LEGEND, style="dim")]
    if comparison.settings:
        parts += [Text(""), _settings(comparison)]
    return Group(*parts)


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _numbers(comparison: Comparison) -> Table:
    table = _table("", "run", "id", "data")
    for heading in ("test", "params", "latency"):
        table.add_column(heading, justify="right", no_wrap=True)
    for letter, one in zip(comparison.letters, comparison.cells, strict=True):
        parameters = "" if one.parameters is None else f"{one.parameters:,}"
        texts = (
            letter,
            one.name,
            one.run_id[:8],
            one.split or one.data,
            as_percent(one.test_accuracy),
            parameters,
        )
        table.add_row(*(Text(text) for text in texts), Text(as_milliseconds(one.latency)))
    return table


def plot_lines(
    letters: Sequence[str], accuracies: Sequence[float | None], costs: Sequence[float | None], cost_name: str
) -> list[str]:
    """Accuracy (up) against a cost (to the right) in letters; a later letter covers one that lies behind it.

    Runs without accuracy or cost are left out.
    """
    known = [
        (letter, accuracy, cost)
        for letter, accuracy, cost in zip(letters, accuracies, costs, strict=True)
        if accuracy is not None and cost is not None
    ]
    if not known:
        return [f"accuracy against {cost_name}: no run is tested yet"]
    high, low = max(a for _, a, _ in known), min(a for _, a, _ in known)
    most, least = max(c for _, _, c in known), min(c for _, _, c in known)
    rows = [[" "] * _PLOT_WIDTH for _ in range(_PLOT_HEIGHT)]
    for letter, accuracy, cost in known:
        row = (
            round((high - accuracy) / (high - low) * (_PLOT_HEIGHT - 1)) if high > low else _PLOT_HEIGHT // 2
        )
        column = (
            round((cost - least) / (most - least) * (_PLOT_WIDTH - 1)) if most > least else _PLOT_WIDTH // 2
        )
        rows[row][column] = letter
    labels = {0: as_percent(high), _PLOT_HEIGHT - 1: as_percent(low)} if high > low else {4: as_percent(high)}
    lines = [f"{labels.get(number, ''):>7} │{''.join(row)}".rstrip() for number, row in enumerate(rows)]
    first, last = _cost(least), _cost(most) if most > least else ""
    ends = f"{first}{last:>{_PLOT_WIDTH - len(first)}}".rstrip()
    return [f"accuracy against {cost_name}", *lines, f"{'':>7} └{'─' * _PLOT_WIDTH}", f"{'':>9}{ends}"]


def _cost(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _side_by_side(
    title: str, letters: Sequence[str], cells: Sequence[Cell], own: Sequence[frozenset[int]]
) -> Table:
    table = _table(title, *letters)
    for number in range(max(len(cell.nodes) for cell in cells)):
        row = [
            _node(cell, number, number in marked) if number < len(cell.nodes) else Text("")
            for cell, marked in zip(cells, own, strict=True)
        ]
        table.add_row(Text(f"state {number + max(cell.num_inputs for cell in cells)}"), *row)
    table.add_row(Text("output"), *(Text("  " + " ".join(map(str, cell.loose_ends))) for cell in cells))
    return table


def _short(name: str) -> str:
    """sep3 for sep_conv_3x3, and the same for other spaces: sep9d2 for sep_conv_9_d2."""
    short = (
        name.rpartition(":")[2].replace("sep_conv_", "sep").replace("_pool_", "").replace("identity", "same")
    )
    return _SHORT.get(name, short.replace("_", ""))


def _node(cell: Cell, number: int, differs: bool) -> Text:
    terms = [
        f"{_short(cell.operations[operation])}({state})" for _, state, operation in cell.nodes[number].sides
    ]
    text = f"{'≠' if differs else '='} {terms[0]} + {terms[1]}"
    return Text(text, style="bold yellow" if differs else "")


def _choices(comparison: Comparison) -> Table:
    """Space, stem and head of each network."""
    table = _table("network", *comparison.letters)
    genotypes = [one.genotype for one in comparison.cells]
    table.add_row(Text("space"), *(Text(genotype.space.name) for genotype in genotypes))
    table.add_row(Text("stem"), *(Text(genotype.stem) for genotype in genotypes))
    table.add_row(Text("head"), *(Text(genotype.head) for genotype in genotypes))
    return table


def _settings(comparison: Comparison) -> Table:
    table = _table("setting", *comparison.letters)
    for name, values in comparison.settings.items():
        table.add_row(Text(name), *(Text(value) for value in values))
    return table
