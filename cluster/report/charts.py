"""Curves as inline SVG for the report: in the page's own colours, light or dark, with values on hover."""

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import accumulate

from cluster.report.curves import Panel, Series, thinned

__all__ = ["line_chart", "scatter_chart"]

# About the size on the page, so that the letters come out as large as they are given.
_WIDTH, _FULL_WIDTH, _HEIGHT = 330.0, 1040.0, 190.0
_RIGHT, _TOP, _BOTTOM = 10.0, 6.0, 36.0
_LETTER = 6.2  # width of a digit at the size of the numbers beside the axes
_MOST_DOTS = 3000
_MOST_POINTS = 200  # of a curve: more are finer than a pixel, and each is a place to hover over

Scale = Callable[[float], float]


def line_chart(panel: Panel, width: float = _WIDTH) -> str:
    """One panel as an SVG element `width` pixels wide; the title of the panel is left to the page."""
    series = [thinned(curve, _MOST_POINTS) for curve in panel.series]
    xs = _finite(x for curve in series for x in curve.x)
    ys = _finite(
        y + sign * half
        for curve in series
        for y, half in zip(curve.y, curve.spread or (0.0,) * len(curve.y), strict=True)
        for sign in (-1, 1)
    )
    if not xs or not ys:
        return '<p class="empty">no values</p>'
    y_scale, y_ticks = _axis(ys, panel.limits, _HEIGHT - _BOTTOM, _TOP)
    left = _left(y_ticks)
    x_scale, x_ticks = _axis(xs, None, left, width - _RIGHT, whole=True)
    parts = [_frame(x_ticks, y_ticks, x_scale, y_scale, panel.x_label, left, width)]
    kinds = [f"{panel.palette}{number}" for number in range(len(series))]
    parts += [_band(c, kind, x_scale, y_scale) for c, kind in zip(series, kinds, strict=True) if c.spread]
    parts += [_line(c, kind, x_scale, y_scale) for c, kind in zip(series, kinds, strict=True)]
    parts.append(_hover(panel.x_label, series, x_scale))
    return _svg(parts, panel.title, width) + _legend([curve.name for curve in series], panel.palette)


def scatter_chart(title: str, values: Sequence[float], x_label: str) -> str:
    """One dot a value in their order, with the running mean and the best so far."""
    series = Series("value", tuple(range(1, len(values) + 1)), tuple(float(value) for value in values))
    finite = _finite(series.y)
    if not finite:
        return '<p class="empty">no values</p>'
    window = max(1, min(len(values) // 10, 50))
    curves = [thinned(_running_mean(series, window), _MOST_POINTS), thinned(_best(series), _MOST_POINTS)]
    y_scale, y_ticks = _axis(finite, None, _HEIGHT - _BOTTOM, _TOP)
    left = _left(y_ticks)
    x_scale, x_ticks = _axis(series.x, None, left, _FULL_WIDTH - _RIGHT, whole=True)
    shown = thinned(series, _MOST_DOTS)
    dots = zip(shown.x, shown.y, strict=True)
    path = "".join(f"M{x_scale(x):.1f} {y_scale(y):.1f}h0" for x, y in dots if math.isfinite(y))
    size = 5.5 if len(finite) < 300 else 3
    parts = [
        _frame(x_ticks, y_ticks, x_scale, y_scale, x_label, left, _FULL_WIDTH),
        f'<path class="dots" style="stroke-width:{size}" d="{path}"/>',
        _line(curves[0], "c1", x_scale, y_scale),
        _line(curves[1], "c2", x_scale, y_scale, steps=True),
        _hover(x_label, curves, x_scale),
    ]
    return _svg(parts, title, _FULL_WIDTH) + _legend(["one architecture", *(curve.name for curve in curves)])


def _best(series: Series) -> Series:
    known = (value if math.isfinite(value) else -math.inf for value in series.y)
    best = tuple(value if math.isfinite(value) else math.nan for value in accumulate(known, max))
    return Series("best so far", series.x, best)


def _running_mean(series: Series, window: int) -> Series:
    means = []
    for end in range(window, len(series.y) + 1):
        known = _finite(series.y[end - window : end])
        means.append(sum(known) / len(known) if known else math.nan)
    return Series(f"mean of the last {window}", series.x[window - 1 :], tuple(means))


def _svg(parts: Iterable[str], title: str, width: float) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width:.0f} {_HEIGHT:.0f}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def _legend(names: Sequence[str], palette: str = "c") -> str:
    if len(names) < 2 and not any("±" in name for name in names):
        return ""
    items = "".join(
        f'<span><i class="key {palette}{number}"></i>{escape(name)}</span>'
        for number, name in enumerate(names)
    )
    return f'<p class="legend">{items}</p>'


def _frame(
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    x_scale: Scale,
    y_scale: Scale,
    x_label: str,
    left: float,
    width: float,
) -> str:
    bottom = _HEIGHT - _BOTTOM
    lines = [
        f'<path class="grid" d="M{left} {y_scale(tick):.1f}H{width - _RIGHT}"/>'
        + _tick(left - 6, y_scale(tick) + 3.5, "end", tick)
        for tick in y_ticks
    ]
    lines += [
        # the last number must not hang over the edge of the picture
        _tick(x_scale(tick), bottom + 15, "end" if x_scale(tick) > width - _RIGHT - 12 else "middle", tick)
        for tick in x_ticks
    ]
    label = f'<text class="label" x="{(left + width - _RIGHT) / 2}" y="{_HEIGHT - 4}" text-anchor="middle">'
    return "".join(lines) + f"{label}{escape(x_label)}</text>"


def _tick(x: float, y: float, anchor: str, value: float) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_short(value)}</text>'


def _left(ticks: Sequence[float]) -> float:
    """Room at the left for the numbers of the y axis."""
    return 10 + _LETTER * max((len(_short(tick)) for tick in ticks), default=1)


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
        text = escape(f"{x_label} {_short(x)}: " + ", ".join(values[x]))
        stripes.append(
            f'<rect class="hover" x="{left:.1f}" y="{_TOP}" width="{max(right - left, 1):.1f}"'
            f' height="{_HEIGHT - _TOP - _BOTTOM}"><title>{text}</title></rect>'
        )
    return "".join(stripes)


def _axis(
    values: Sequence[float],
    limits: tuple[float, float] | None,
    begin: float,
    end: float,
    whole: bool = False,
) -> tuple[Scale, list[float]]:
    """A linear scale from values to pixels, and the round numbers to write beside it."""
    low, high = limits or (min(values), max(values))
    if high - low < 1e-12:
        low, high = (
            (low - 0.5, high + 0.5) if whole else (low - abs(low) * 0.1 - 1e-6, high + abs(high) * 0.1 + 1e-6)
        )
    elif limits is None and not whole:
        low, high = low - 0.04 * (high - low), high + 0.04 * (high - low)
    step = _round_step((high - low) / 6)
    if whole:
        step = max(1.0, math.ceil(step))
    first = math.ceil(low / step - 1e-9)
    ticks = [number * step for number in range(first, math.floor(high / step + 1e-9) + 1)]

    def scale(value: float) -> float:
        return begin + (value - low) / (high - low) * (end - begin)

    return scale, ticks


def _round_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 5 and 10 times a power of ten that is not below `rough`."""
    power = float(10 ** math.floor(math.log10(rough)))
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _finite(values: Iterable[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _short(value: float) -> str:
    text = f"{value:.6g}"
    return "0" if text == "-0" else text.replace("-", "−")


def _precise(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else "none"
