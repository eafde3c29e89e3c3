"""Curves as inline SVG for the report: in the page's own colors, light or dark, with values on hover."""

import math
from collections.abc import Sequence
from html import escape
from itertools import accumulate

from cluster.report.axes import (
    BOTTOM,
    HEIGHT,
    RIGHT,
    TOP,
    Scale,
    axis,
    finite,
    frame,
    room_at_left,
    short,
    svg,
)
from cluster.report.curves import Panel, Series, thinned

__all__ = ["line_chart", "scatter_chart"]

# About the size on the page, so that the letters come out as large as they are given.
_WIDTH, _FULL_WIDTH = 330.0, 1040.0
_MOST_DOTS = 3000
_MOST_POINTS = 200  # of a curve: more are finer than a pixel, and each is a place to hover over


def line_chart(panel: Panel, width: float = _WIDTH) -> str:
    """One panel as an SVG element `width` pixels wide; the title of the panel is left to the page."""
    series = [thinned(curve, _MOST_POINTS) for curve in panel.series]
    xs = finite(x for curve in series for x in curve.x)
    ys = finite(
        y + sign * half
        for curve in series
        for y, half in zip(curve.y, curve.spread or (0.0,) * len(curve.y), strict=True)
        for sign in (-1, 1)
    )
    if not xs or not ys:
        return '<p class="empty">no values</p>'
    y_scale, y_ticks = axis(ys, panel.limits, HEIGHT - BOTTOM, TOP)
    left = room_at_left(y_ticks)
    x_scale, x_ticks = axis(xs, None, left, width - RIGHT, whole=True)
    parts = [frame(x_ticks, y_ticks, x_scale, y_scale, panel.x_label, left, width)]
    kinds = [f"{panel.palette}{number}" for number in range(len(series))]
    parts += [_band(c, kind, x_scale, y_scale) for c, kind in zip(series, kinds, strict=True) if c.spread]
    parts += [_line(c, kind, x_scale, y_scale) for c, kind in zip(series, kinds, strict=True)]
    parts.append(_hover(panel.x_label, series, x_scale))
    return svg(parts, panel.title, width) + _legend([curve.name for curve in series], panel.palette)


def scatter_chart(title: str, values: Sequence[float], x_label: str) -> str:
    """One dot a value in their order, with the running mean and the best so far."""
    series = Series("value", tuple(range(1, len(values) + 1)), tuple(float(value) for value in values))
    known = finite(series.y)
    if not known:
        return '<p class="empty">no values</p>'
    window = max(1, min(len(values) // 10, 50))
    curves = [thinned(_running_mean(series, window), _MOST_POINTS), thinned(_best(series), _MOST_POINTS)]
    y_scale, y_ticks = axis(known, None, HEIGHT - BOTTOM, TOP)
    left = room_at_left(y_ticks)
    x_scale, x_ticks = axis(series.x, None, left, _FULL_WIDTH - RIGHT, whole=True)
    shown = thinned(series, _MOST_DOTS)
    dots = zip(shown.x, shown.y, strict=True)
    path = "".join(f"M{x_scale(x):.1f} {y_scale(y):.1f}h0" for x, y in dots if math.isfinite(y))
    size = 5.5 if len(known) < 300 else 3
    parts = [
        frame(x_ticks, y_ticks, x_scale, y_scale, x_label, left, _FULL_WIDTH),
        f'<path class="dots" style="stroke-width:{size}" d="{path}"/>',
        _line(curves[0], "c1", x_scale, y_scale),
        _line(curves[1], "c2", x_scale, y_scale, steps=True),
        _hover(x_label, curves, x_scale),
    ]
    return svg(parts, title, _FULL_WIDTH) + _legend(["one architecture", *(curve.name for curve in curves)])


def _best(series: Series) -> Series:
    known = (value if math.isfinite(value) else -math.inf for value in series.y)
    best = tuple(value if math.isfinite(value) else math.nan for value in accumulate(known, max))
    return Series("best so far", series.x, best)


def _running_mean(series: Series, window: int) -> Series:
    means = []
    for end in range(window, len(series.y) + 1):
        known = finite(series.y[end - window : end])
        means.append(sum(known) / len(known) if known else math.nan)
    return Series(f"mean of the last {window}", series.x[window - 1 :], tuple(means))


def _legend(names: Sequence[str], palette: str = "c") -> str:
    if len(names) < 2 and not any("±" in name for name in names):
        return ""
    items = "".join(
        f'<span><i class="key {palette}{number}"></i>{escape(name)}</span>'
        for number, name in enumerate(names)
    )
    return f'<p class="legend">{items}</p>'


def _line(curve: Series, kind: str, x_scale: Scale, y_scale: Scale, steps: bool = False) -> str:
    points, pen = [], "M"
    for x, y in zip(curve.x, curve.y, strict=True):
        if math.isfinite(y):
            across = f"H{x_scale(x):.1f}" if steps and pen == "L" else ""
            points.append(f"{across}{pen}{x_scale(x):.1f} {y_scale(y):.1f}")
            pen = "L"
        else:
            pen = "M"
    if len(points) == 1:
        points.append("h0")  # with round ends a line of no length is a dot
    return f'<path class="line {kind}" d="{"".join(points)}"/>'


def _band(curve: Series, kind: str, x_scale: Scale, y_scale: Scale) -> str:
    rows = [
        (x_scale(x), y_scale(y + half), y_scale(y - half))
        for x, y, half in zip(curve.x, curve.y, curve.spread, strict=True)
        if math.isfinite(y) and math.isfinite(half)
    ]
    outline = [f"{x:.1f} {high:.1f}" for x, high, _ in rows] + [
        f"{x:.1f} {low:.1f}" for x, _, low in reversed(rows)
    ]
    return f'<path class="band {kind}" d="M{"L".join(outline)}Z"/>' if rows else ""


def _hover(x_label: str, series: Sequence[Series], x_scale: Scale) -> str:
    """One invisible stripe for every x, which names the values there when the pointer rests on it."""
    values: dict[float, list[str]] = {}
    for curve in series:
        for number, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
            spread = f" ± {_precise(curve.spread[number])}" if curve.spread else ""
            values.setdefault(x, []).append(f"{curve.name.split(' ±')[0]} {_precise(y)}{spread}")
    places = sorted(values)
    edges = [x_scale(x) for x in places]
    stripes = []
    for number, x in enumerate(places):
        left = (edges[number - 1] + edges[number]) / 2 if number else edges[number] - 4
        right = (edges[number] + edges[number + 1]) / 2 if number + 1 < len(edges) else edges[number] + 4
        text = escape(f"{x_label} {short(x)}: " + ", ".join(values[x]))
        stripes.append(
            f'<rect class="hover" x="{left:.1f}" y="{TOP}" width="{max(right - left, 1):.1f}"'
            f' height="{HEIGHT - TOP - BOTTOM}"><title>{text}</title></rect>'
        )
    return "".join(stripes)


def _precise(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "none"
