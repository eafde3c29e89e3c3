"""A comparison as one HTML page that needs nothing beside it."""

from html import escape
from pathlib import Path

from cluster.cells.comparison import Comparison
from cluster.cells.found import FoundCells
from cluster.files import write_atomically
from cluster.report.document import document
from cluster.report.html_parts import card, details, element, figure, records_table
from cluster.report.page import Picture, picture_of_figure
from cluster.report.pareto import ParetoPoint, pareto_chart
from cluster.tracking.facts import without_passwords
from nas.draw import draw_cell

__all__ = ["comparison_page", "write_comparison"]


def write_comparison(comparison: Comparison, path: Path) -> None:
    """Write the page, beside and renamed.

    Raises:
        ValueError: the file does not end in .html.
    """
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"{path} is not a name for a page: it must end in .html")
    write_atomically(path, comparison_page(comparison))


def comparison_page(comparison: Comparison) -> str:
    """The page: numbers, accuracy against size and latency, cells side by side with what differs marked."""
    title = " and ".join(one.name for one in comparison.cells) if len(comparison.cells) < 4 else "Found cells"
    header = element("h1", escape(title)) + element(
        "p", "Cells that searches have found, side by side.", "subtitle"
    )
    header += element("p", comparison.note, "note") if comparison.note else ""
    return document(
        title,
        header,
        (
            ("The runs", card("Numbers", records_table(_rows(comparison)))),
            ("Accuracy against cost", element("div", _bargains(comparison), "pair")),
            ("Normal cells", _cells(comparison, "normal")),
            ("Reduction cells", _cells(comparison, "reduction")),
            ("Settings that differ", _settings(comparison)),
        ),
    )


def _rows(comparison: Comparison) -> list[dict[str, object]]:
    return [
        {
            "": letter,
            "run": one.name,
            "id": one.run_id[:8],
            "data": one.split or one.data,
            "test accuracy": one.test_accuracy,
            "validation accuracy": one.validation_accuracy,
            "parameters": one.parameters,
            "latency (ms)": one.latency,
            "begun": f"{one.started:%Y-%m-%d}",
            "genotype": str(one.genotype),
        }
        for letter, one in zip(comparison.letters, comparison.cells, strict=True)
    ]


def _bargains(comparison: Comparison) -> str:
    """Both pictures; parameters in thousands, so that the numbers beside the axis stay short."""
    size = _chart(
        comparison, [_thousands(one) for one in comparison.cells], comparison.small, "thousand parameters"
    )
    speed = _chart(
        comparison, [one.latency for one in comparison.cells], comparison.fast, "milliseconds an answer"
    )
    caption = "The line joins the runs that no other beats in both. Resting the pointer on a dot names it."
    return card("Accuracy against size", size, caption) + card("Accuracy against latency", speed, caption)


def _thousands(one: FoundCells) -> float | None:
    return None if one.parameters is None else one.parameters / 1000


def _chart(comparison: Comparison, costs: list[float | None], front: frozenset[int], name: str) -> str:
    points = [
        ParetoPoint(
            label=letter, name=one.name, accuracy=one.test_accuracy, cost=cost, on_front=number in front
        )
        for number, (letter, one, cost) in enumerate(
            zip(comparison.letters, comparison.cells, costs, strict=True)
        )
        if one.test_accuracy is not None and cost is not None
    ]
    return pareto_chart(points, f"accuracy against {name}", name)


def _cells(comparison: Comparison, kind: str) -> str:
    own: tuple[frozenset[int], ...] = getattr(comparison, kind)
    figures = "".join(
        figure(_picture(letter, one, kind, marked))
        for letter, one, marked in zip(comparison.letters, comparison.cells, own, strict=True)
    )
    same = not any(own)
    note = (
        "The cells are the same."
        if same
        else "Nodes with a strong border and ≠ are not in all of the cells. A click enlarges one."
    )
    return element("p", note, "caption") + element("div", figures, "pair")


def _picture(letter: str, one: FoundCells, kind: str, marked: frozenset[int]) -> Picture:
    cell, reduction = getattr(one.genotype, kind), kind == "reduction"
    title = f"{letter}: {one.name}"
    light, dark = (
        draw_cell(cell, f"{kind} cell", theme, reduction=reduction, marked=marked)
        for theme in ("light", "dark")
    )
    return picture_of_figure(title, light, dark)


def _settings(comparison: Comparison) -> str:
    rows = [
        {
            "setting": name,
            **{k: without_passwords(v) for k, v in zip(comparison.letters, values, strict=True)},
        }
        for name, values in comparison.settings.items()
    ]
    if not rows:
        return ""
    table = records_table(rows)
    return card("Settings", table if len(rows) <= 15 else details(f"All {len(rows)}", table))
