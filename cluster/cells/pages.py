"""Found cells as HTML pages that need nothing beside them: the list, one run, several side by side."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from cluster.cells.comparison import Comparison, pareto_front
from cluster.cells.found import FoundCells
from cluster.files import write_atomically
from cluster.registry.architectures import Architecture
from cluster.report.document import document
from cluster.report.html_parts import card, code, details, element, figure, pairs_table, records_table
from cluster.report.page import Picture, picture_of_figure
from cluster.report.pareto import ParetoPoint, pareto_chart
from cluster.tracking.facts import without_passwords
from nas.draw import draw_cell

__all__ = ["comparison_page", "list_page", "run_page", "write_page"]

Front = frozenset[int]


def write_page(path: Path, page: str) -> None:
    """Write a page, beside and renamed.

    Raises:
        ValueError: the file does not end in .html.
    """
    if path.suffix not in (".html", ".htm"):
        raise ValueError(f"{path} is not a name for a page: it must end in .html")
    write_atomically(path, page)


def list_page(cells: Sequence[FoundCells]) -> str:
    """All runs in the order given, and for each data set accuracy against size and latency."""
    sections = [("The runs", card(f"{len(cells)} runs", records_table(_rows(cells, [""] * len(cells)))))]
    for data in dict.fromkeys(one.split or one.data for one in cells):
        here = [one for one in cells if (one.split or one.data) == data and one.test_accuracy is not None]
        accuracies = [one.test_accuracy for one in here]
        small = pareto_front(accuracies, [one.parameters for one in here])
        fast = pareto_front(accuracies, [one.latency for one in here])
        labels = [one.name if number in small | fast else "" for number, one in enumerate(here)]
        sections.append((data, _bargains(here, labels, small, fast) if here else ""))
    return document("Cells found", _header("Cells found", "What searches have found, from MLflow."), sections)


def run_page(cells: FoundCells, sampled: Sequence[Architecture] = ()) -> str:
    """One run: numbers, both cells, the best of what its search sampled, its settings.

    Args:
        cells: the run.
        sampled: the best of the architectures that its search sampled, as the registry holds them.
    """
    genotype = card(
        "Genotype", code(str(cells.genotype)), "ENAS notation: the normal, then the reduction cell."
    )
    figures = "".join(figure(_picture(f"{kind} cell", cells, kind)) for kind in ("normal", "reduction"))
    best = [{"reward": one.reward, "epoch": one.epoch, "genotype": one.genotype} for one in sampled]
    settings = {name: without_passwords(value) for name, value in sorted(cells.settings.items())}
    return document(
        cells.name,
        _header(cells.name, cells.split or cells.data),
        (
            ("The run", card("Numbers", records_table(_rows([cells], [""])))),
            ("The cells found", element("div", figures + genotype, "stack")),
            (
                "Best of the search",
                card("Reward with the shared weights", records_table(best)) if best else "",
            ),
            ("Settings", card("As recorded", pairs_table(settings)) if settings else ""),
        ),
    )


def _header(title: str, subtitle: str, note: str = "") -> str:
    below = element("p", escape(subtitle), "subtitle") + (element("p", escape(note), "note") if note else "")
    return element("h1", escape(title)) + below


def comparison_page(comparison: Comparison) -> str:
    """The page: numbers, accuracy against size and latency, cells side by side with what differs marked."""
    title = " and ".join(one.name for one in comparison.cells) if len(comparison.cells) < 4 else "Found cells"
    header = _header(title, "Cells that searches have found, side by side.", comparison.note)
    return document(
        title,
        header,
        (
            ("The runs", card("Numbers", records_table(_rows(comparison.cells, comparison.letters)))),
            (
                "Accuracy against cost",
                _bargains(comparison.cells, comparison.letters, comparison.small, comparison.fast),
            ),
            ("Normal cells", _cells(comparison, "normal")),
            ("Reduction cells", _cells(comparison, "reduction")),
            ("Settings that differ", _settings(comparison)),
        ),
    )


def _rows(cells: Sequence[FoundCells], labels: Sequence[str]) -> list[dict[str, object]]:
    return [
        {
            "": label,
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
        for label, one in zip(labels, cells, strict=True)
    ]


def _bargains(cells: Sequence[FoundCells], labels: Sequence[str], small: Front, fast: Front) -> str:
    """Both pictures; parameters in thousands, so that the numbers beside the axis stay short."""
    size = _chart(cells, labels, [_thousands(one) for one in cells], small, "thousand parameters")
    speed = _chart(cells, labels, [one.latency for one in cells], fast, "milliseconds an answer")
    caption = "The line joins the runs that no other beats in both. Resting the pointer on a dot names it."
    charts = card("Accuracy against size", size, caption) + card("Accuracy against latency", speed, caption)
    return element("div", charts, "pair")


def _thousands(one: FoundCells) -> float | None:
    return None if one.parameters is None else one.parameters / 1000


def _chart(
    cells: Sequence[FoundCells], labels: Sequence[str], costs: Sequence[float | None], front: Front, name: str
) -> str:
    points = [
        ParetoPoint(
            label=label, name=one.name, accuracy=one.test_accuracy, cost=cost, on_front=number in front
        )
        for number, (label, one, cost) in enumerate(zip(labels, cells, costs, strict=True))
        if one.test_accuracy is not None and cost is not None
    ]
    return pareto_chart(points, f"accuracy against {name}", name)


def _cells(comparison: Comparison, kind: str) -> str:
    own: tuple[frozenset[int], ...] = getattr(comparison, kind)
    figures = "".join(
        figure(_picture(f"{letter}: {one.name}", one, kind, marked))
        for letter, one, marked in zip(comparison.letters, comparison.cells, own, strict=True)
    )
    same = not any(own)
    note = (
        "The cells are the same."
        if same
        else "Nodes with a strong border and ≠ are not in all of the cells. A click enlarges one."
    )
    return element("p", note, "caption") + element("div", figures, "pair")


def _picture(title: str, one: FoundCells, kind: str, marked: frozenset[int] = frozenset()) -> Picture:
    cell, reduction = getattr(one.genotype, kind), kind == "reduction"
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
