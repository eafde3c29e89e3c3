"""Pieces of text that the source of every network is made of."""

from collections.abc import Sequence

from nas.genotype import Cell
from nas.plan import LayerPlan

__all__ = ["cell_call", "comma_lines", "notation", "one_line"]

_WIDTH = 100


def comma_lines(names: Sequence[str]) -> str:
    """Names with a comma each, as many on a line as fit; a name is never broken, whatever blanks it holds."""
    lines = [""]
    for name in names:
        if lines[-1] and len(lines[-1]) + len(name) + 2 > _WIDTH - 4:
            lines.append("")
        lines[-1] = f"{lines[-1]} {name},".strip()
    return "\n".join(f"    {line}" for line in lines)


def one_line(text: str) -> str:
    """One line that cannot end the docstring in which it stands."""
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


def notation(cell: Cell) -> str:
    """A cell's numbers, node by node."""
    numbers = cell.to_numbers()
    return " | ".join(" ".join(map(str, numbers[i : i + 4])) for i in range(0, len(numbers), 4))


def cell_call(layer: LayerPlan) -> str:
    """The expression that makes one layer's cell."""
    name = "ReductionCell" if layer.reduction else "NormalCell"
    halve = ", halve=True" if layer.in_sizes[0] != layer.in_sizes[-1] else ""
    return f"{name}({layer.in_channels[0]}, {layer.in_channels[-1]}, {layer.channels}{halve})"
