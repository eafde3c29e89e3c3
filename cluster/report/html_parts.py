"""Pieces of a page from plain data: cards, tables, pictures, the confusion matrix; texts are escaped here."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Picture",
    "card",
    "code",
    "confusion_table",
    "details",
    "element",
    "figure",
    "pairs_table",
    "picture_of_file",
    "records_table",
]

_TYPES = {".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg"}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture inside the page.

    Args:
        title: above it.
        content: the bytes of an SVG, PNG or JPEG.
        media_type: as "image/svg+xml".
        dark: the same for a dark page, or empty.
        caption: below it.
        pixels: enlarge with hard edges (images of a few pixels).
    """

    title: str
    content: bytes = field(repr=False)
    media_type: str = "image/svg+xml"
    dark: bytes = field(default=b"", repr=False)
    caption: str = ""
    pixels: bool = False


def picture_of_file(
    title: str, path: Path, dark: Path | None = None, caption: str = "", pixels: bool = False
) -> Picture:
    """The picture in an SVG, PNG or JPEG file; `dark` is the file of the same for a dark page.

    Raises:
        ValueError: it is of another kind.
        FileNotFoundError: there is no such file.
    """
    media_type = _TYPES.get(Path(path).suffix.lower())
    if media_type is None:
        raise ValueError(f"{path} cannot be shown in a report: it must end in {', '.join(_TYPES)}")
    return Picture(
        title=title,
        content=Path(path).read_bytes(),
        media_type=media_type,
        dark=Path(dark).read_bytes() if dark is not None else b"",
        caption=caption,
        pixels=pixels,
    )


def element(tag: str, inner: str, kind: str = "") -> str:
    """<tag class=kind>inner</tag>; `inner` is HTML."""
    attribute = f' class="{kind}"' if kind else ""
    return f"<{tag}{attribute}>{inner}</{tag}>"


def card(title: str, inner: str, caption: str = "") -> str:
    """A framed part with a title; `inner` is HTML, the others are text."""
    below = element("p", escape(caption), "caption") if caption else ""
    return element("div", element("h3", escape(title)) + inner + below, "card")


def code(text: str) -> str:
    """Text as it is, line by line."""
    return element("pre", escape(text))


def details(summary: str, inner: str) -> str:
    """A part that opens on a click."""
    return element("details", element("summary", escape(summary)) + inner)


def figure(picture: Picture) -> str:
    """A picture in its card; the browser takes the dark one where the page is dark."""
    image = f'<img alt="{escape(picture.title)}" src="{_data(picture.content, picture.media_type)}">'
    if picture.dark:
        dark = _data(picture.dark, picture.media_type)
        image = f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">{image}'
    caption = element("figcaption", escape(picture.caption), "caption") if picture.caption else ""
    inner = element("h3", escape(picture.title)) + element("picture", image) + caption
    return element("figure", inner, "card pixels" if picture.pixels else "card")


def _data(content: bytes, media_type: str) -> str:
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def records_table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows under their column names, numbers to the right; a row whose "chosen" is true is marked."""
    columns = [name for name in dict.fromkeys(key for row in rows for key in row) if name != "chosen"]
    kinds = {name: "number" if all(_is_number(row.get(name)) for row in rows) else "" for name in columns}
    head = "".join(element("th", escape(name.replace("_", " ")), kinds[name]) for name in columns)
    body = "".join(
        element(
            "tr",
            "".join(element("td", _cell(row.get(name)), kinds[name]) for name in columns),
            "chosen" if row.get("chosen") else "",
        )
        for row in rows
    )
    return _scrolling(element("table", element("tr", head) + body, "plain"))


def pairs_table(pairs: Mapping[str, str]) -> str:
    """Names and values."""
    rows: Iterable[str] = (
        element("tr", element("th", escape(name)) + element("td", element("code", escape(value))))
        for name, value in pairs.items()
    )
    return _scrolling(element("table", "".join(rows), "plain"))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if _is_number(value):
        return f"{value:,}"
    return escape("" if value is None else str(value))


def _scrolling(inner: str) -> str:
    return element("div", inner, "scroll")


def confusion_table(counts: ArrayLike, class_names: Sequence[str], *, clickable: bool = False) -> str:
    """Counts (K, K) with class names: row = the true class, column = the predicted class.

    Args:
        counts: (K, K).
        class_names: K names.
        clickable: counts are buttons, from which the page's script shows the clips behind them.

    Raises:
        ValueError: the counts are not (K, K).
    """
    matrix = np.asarray(counts, np.int64)
    size = len(class_names)
    if matrix.shape != (size, size):
        raise ValueError(
            f"`confusion` has the shape {matrix.shape}; {size} class names need ({size}, {size})"
        )
    rows = "".join(
        _confusion_row(class_names, number, matrix[number], clickable) for number in range(len(class_names))
    )
    names = "".join(element("th", element("span", escape(name))) for name in class_names)
    # the names below stand slanted at 50 degrees: a letter is about 7 pixels wide, sin 50 = 0.77
    height = 24 + round(5.6 * max((len(name) for name in class_names), default=0))
    foot = element("tr", f"<th></th>{names}<th></th>", "names")
    return _scrolling(f'<table class="confusion" style="--names:{height}px">{rows}{foot}</table>')


def _confusion_row(names: Sequence[str], number: int, counts: NDArray[np.int64], clickable: bool) -> str:
    total = int(counts.sum())
    cells = []
    for column, count in enumerate(counts):
        share = count / total if total else 0.0
        shade = f' style="background:rgba(var(--shade),{0.08 + 0.92 * share:.2f})"' if count else ""
        ink = ' class="dark"' if share > 0.5 else ""
        text = str(count) if count or column == number else ""
        if clickable and count:
            says = escape(f"{count} of {names[number]} named {names[column]}")
            button = f'<button type="button" aria-pressed="false" data-square="{number},{column}"'
            text = f'{button} aria-label="{says}">{count}</button>'
        cells.append(f"<td{ink}{shade}>{text}</td>")
    share_right = element("td", f"{counts[number]}/{total}", "share")
    return element("tr", element("th", escape(names[number])) + "".join(cells) + share_right)
