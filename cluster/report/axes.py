"""Axes of the report's charts: linear scales, round numbers beside them, and the frame as SVG."""

import math
from collections.abc import Callable, Iterable, Sequence
from html import escape

__all__ = [
    "BOTTOM",
    "HEIGHT",
    "RIGHT",
    "TOP",
    "Scale",
    "axis",
    "finite",
    "frame",
    "room_at_left",
    "short",
    "svg",
]

HEIGHT, RIGHT, TOP, BOTTOM = 190.0, 10.0, 6.0, 36.0
_LETTER = 6.2  # width of a digit at the size of the numbers beside the axes

Scale = Callable[[float], float]


def svg(parts: Iterable[str], title: str, width: float) -> str:
    """The chart's element; `title` is what a screen reader says."""
    return (
        f'<svg class="chart" viewBox="0 0 {width:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def frame(
    x_ticks: Sequence[float],
    y_ticks: Sequence[float],
    x_scale: Scale,
    y_scale: Scale,
    x_label: str,
    left: float,
    width: float,
) -> str:
    """Lines across, numbers beside both axes, and the name of the horizontal one."""
    bottom = HEIGHT - BOTTOM
    lines = [
        f'<path class="grid" d="M{left} {y_scale(tick):.1f}H{width - RIGHT}"/>'
        + _tick(left - 6, y_scale(tick) + 3.5, "end", tick)
        for tick in y_ticks
    ]
    lines += [
        # the last number must not hang over the edge of the picture
        _tick(x_scale(tick), bottom + 15, "end" if x_scale(tick) > width - RIGHT - 12 else "middle", tick)
        for tick in x_ticks
    ]
    label = f'<text class="label" x="{(left + width - RIGHT) / 2}" y="{HEIGHT - 4}" text-anchor="middle">'
    return "".join(lines) + f"{label}{escape(x_label)}</text>"


def _tick(x: float, y: float, anchor: str, value: float) -> str:
    return f'<text class="tick" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{short(value)}</text>'


def room_at_left(ticks: Sequence[float]) -> float:
    """Resources at the left for the numbers of the y axis."""
    return 10 + _LETTER * max((len(short(tick)) for tick in ticks), default=1)


def axis(
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


def finite(values: Iterable[float]) -> list[float]:
    """The values that are numbers."""
    return [value for value in values if math.isfinite(value)]


def short(value: float) -> str:
    """A number beside an axis."""
    text = f"{value:.6g}"
    return "0" if text == "-0" else text.replace("-", "−")
