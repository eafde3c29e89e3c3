"""report.html: what a run did and found, on one page that needs nothing beside it, made from plain data."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from cluster.files import write_atomically
from cluster.images import as_png
from cluster.report.charts import line_chart, scatter_chart
from cluster.report.clips import ShownClip, clips_data
from cluster.report.curves import Panel
from cluster.report.document import document
from cluster.report.html_parts import (
    Picture,
    card,
    code,
    confusion_table,
    details,
    element,
    figure,
    pairs_table,
    picture_of_file,
    records_table,
)
from cluster.tracking.facts import flat, without_passwords
from nas.genotype import space_of

__all__ = [
    "Picture",
    "ReportContent",
    "ShownClip",
    "picture_of_figure",
    "picture_of_file",
    "picture_of_image",
    "render",
    "write_report",
]

_FEW_FACTS = 10  # more are shown on a click


@dataclass(frozen=True, kw_only=True, eq=False)
class ReportContent:
    """What a report shows; a part that is empty is left out.

    Args:
        title: of the page.
        subtitle: one line: data set, split, when.
        facts: the headline numbers as (name, value), the most important first.
        notes: what a reader must know to read the numbers right.
        genotype: in ENAS's own notation.
        cells: the two cells.
        network: the whole network.
        search: panels of the search's curves.
        operation_frequencies: which operations were sampled, epoch by epoch.
        milestones: the best cells of some epochs, in order.
        rewards: of every architecture sampled, in order.
        candidates: the genotypes retrained, best first; a row whose "chosen" is true is marked.
        training: panels of the final training.
        class_names: K names.
        confusion: counts (K, K), row = the true class, column = the predicted class.
        clips: those behind the counts.
        images: contact sheet, example images.
        further: pictures of a table of their own.
        configuration: the whole of it, nested.
        commands: to get the same again, and to go on from here.
        environment: versions and machine.
    """

    title: str
    subtitle: str = ""
    facts: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    genotype: str = ""
    cells: Sequence[Picture] = ()
    network: Sequence[Picture] = ()
    search: Sequence[Panel] = ()
    operation_frequencies: Sequence[Panel] = ()
    milestones: Sequence[Picture] = ()
    rewards: Sequence[float] = ()
    candidates: Sequence[Mapping[str, object]] = ()
    training: Sequence[Panel] = ()
    class_names: Sequence[str] = ()
    confusion: ArrayLike | None = None
    clips: Sequence[ShownClip] = ()
    images: Sequence[Picture] = ()
    further: Sequence[Picture] = ()
    configuration: Mapping[str, object] = field(default_factory=dict)
    commands: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def write_report(path: Path, content: ReportContent) -> None:
    """Write the page, beside and renamed.

    Raises:
        ValueError: the confusion matrix does not fit the class names.
    """
    write_atomically(Path(path), render(content))


def render(content: ReportContent) -> str:
    """The page as text.

    Raises:
        ValueError: as `write_report`.
    """
    commands = code("\n".join(content.commands)) if content.commands else ""
    sections = (
        ("The cells found", _cells(content)),
        ("Search", _search(content)),
        ("Operations sampled, by epoch", _operation_frequencies(content)),
        ("Final training", _charts(content.training)),
        ("Test", _test(content)),
        ("Further pictures", _pictures(content.further, "stack")),
        ("What the network sees", _pictures(content.images, "stack")),
        ("How to get this again", commands),
        ("Configuration and environment", _settings(content)),
    )
    return document(content.title, _header(content), sections, {"clips": _clips(content)})


def picture_of_figure(title: str, light: Figure, dark: Figure | None = None, caption: str = "") -> Picture:
    """A matplotlib figure as SVG; `dark` is the same drawn for a dark page."""
    drawn_dark = b"" if dark is None else _svg(dark)
    return Picture(title=title, content=_svg(light), dark=drawn_dark, caption=caption)


def picture_of_image(
    title: str, image: NDArray[np.uint8], caption: str = "", pixels: bool = False
) -> Picture:
    """An image uint8 (H, W, 3) RGB as PNG."""
    return Picture(title=title, content=as_png(image), media_type="image/png", caption=caption, pixels=pixels)


def _svg(drawn: Figure) -> bytes:
    buffer = io.BytesIO()
    drawn.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def _header(content: ReportContent) -> str:
    subtitle = element("p", escape(content.subtitle), "subtitle") if content.subtitle else ""
    facts = "".join(
        element("div", element("b", escape(value)) + element("span", escape(name)), "fact")
        for name, value in content.facts
    )
    notes = "".join(element("p", escape(note), "note") for note in content.notes)
    return (
        element("h1", escape(content.title))
        + subtitle
        + (element("div", facts, "facts") if facts else "")
        + notes
    )


def _cells(content: ReportContent) -> str:
    genotype = ""
    if content.genotype:
        space = space_of(content.genotype)
        numbers = ", ".join(f"{number} = {name}" for number, name in enumerate(space.operations))
        before = (
            "Inputs 0 and 1 are the cells before" if space.num_inputs == 2 else "Input 0 is the last cell"
        )
        caption = (
            "ENAS notation, the normal, then the reduction cell: for every node its x input, x operation,"
            f" y input, y operation. {before}; operations: {numbers}."
        )
        genotype = card("Genotype", code(content.genotype), caption)
    return _pictures([*content.cells, *content.network], "stack") + genotype


def _search(content: ReportContent) -> str:
    parts = _charts(content.search)
    if len(content.rewards):
        title = f"Reward of all {len(content.rewards):,} architectures sampled"
        chart = scatter_chart(title, content.rewards, "architecture, in the order of sampling")
        parts += card(title, chart)
    if content.candidates:
        parts += card("Candidates, retrained from scratch", records_table(content.candidates))
    return parts


def _charts(panels: Sequence[Panel]) -> str:
    if not panels:
        return ""
    # three in a row would leave a single one of four alone
    layout, width = ("pair", 500.0) if len(panels) in (2, 4) else ("grid", 330.0)
    return element("div", "".join(card(panel.title, line_chart(panel, width)) for panel in panels), layout)


def _pictures(pictures: Sequence[Picture], layout: str) -> str:
    return element("div", "".join(figure(picture) for picture in pictures), layout) if pictures else ""


def _test(content: ReportContent) -> str:
    if content.confusion is None:
        return ""
    table = confusion_table(content.confusion, content.class_names, clickable=bool(content.clips))
    caption = "Rows are the true actions, columns the answers; at the right, how many of a row were right."
    if not content.clips:
        return card("Confusion matrix", table, caption)
    behind = '<div id="behind" aria-live="polite"></div>'
    return card("Confusion matrix", table + behind, f"{caption} Click a number to see its clips.")


def _clips(content: ReportContent) -> dict[str, Any]:
    data = clips_data(content.clips)
    return {**data, "names": list(content.class_names)} if data else {}


def _operation_frequencies(content: ReportContent) -> str:
    figures = "".join(figure(picture) for picture in content.milestones)
    return _charts(content.operation_frequencies) + (element("div", figures, "milestones") if figures else "")


def _settings(content: ReportContent) -> str:
    parts = ""
    if content.environment:
        facts = {name: without_passwords(value) for name, value in content.environment.items()}
        table = pairs_table(facts)
        few = len(facts) <= _FEW_FACTS
        parts += card("Environment", table if few else details(f"All {len(facts)} facts", table))
    if content.configuration:
        settings = {name: without_passwords(value) for name, value in flat(content.configuration).items()}
        as_json = without_passwords(json.dumps(content.configuration, indent=2, default=str))
        lists = details(f"All {len(settings)} settings", pairs_table(settings))
        parts += card("Configuration", lists + details("The same as JSON", code(as_json)))
    return parts
