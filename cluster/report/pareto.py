"""Accuracy against a cost: a named dot a run, and the line of those that no other beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from cluster.report.axes import BOTTOM, HEIGHT, RIGHT, TOP, Scale, axis, frame, room_at_left, svg

__all__ = ["ParetoPoint", "pareto_chart"]

_WIDTH = 500.0


@dataclass(frozen=True, kw_only=True)
class ParetoPoint:
    """One run.

    Attributes:
        label: a letter beside the dot.
        name: what hovering tells besides the numbers.
        accuracy: 0 to 1.
        cost: of any kind, the less the better.
        on_front: whether no other run beats it.
    """

    label: str
    name: str
    accuracy: float
    cost: float
    on_front: bool


def pareto_chart(points: Sequence[ParetoPoint], title: str, cost_name: str) -> str:
    """The picture as SVG: accuracy upwards, the cost to the right, the front as a line of steps."""
    if not points:
        return '<p class="empty">no run is tested yet</p>'
    y_scale, y_ticks = axis([point.accuracy for point in points], None, HEIGHT - BOTTOM, TOP)
    left = room_at_left(y_ticks)
    x_scale, x_ticks = axis([point.cost for point in points], None, left, _WIDTH - RIGHT)
    parts = [frame(x_ticks, y_ticks, x_scale, y_scale, cost_name, left, _WIDTH)]
    parts.append(_front([point for point in points if point.on_front], x_scale, y_scale))
    parts += [_dot(point, x_scale, y_scale, cost_name) for point in points]
    return svg(parts, title, _WIDTH)


def _front(points: Sequence[ParetoPoint], x_scale: Scale, y_scale: Scale) -> str:
    """What can be had for a cost: it stays until the next better run can be afforded."""
    ordered = sorted(points, key=lambda point: point.cost)
    places = [(f"{x_scale(point.cost):.1f}", f"{y_scale(point.accuracy):.1f}") for point in ordered]
    steps = "".join(f"H{x}V{y}" if number else f"M{x} {y}" for number, (x, y) in enumerate(places))
    return f'<path class="line c0" d="{steps}"/>' if len(ordered) > 1 else ""


def _dot(point: ParetoPoint, x_scale: Scale, y_scale: Scale, cost_name: str) -> str:
    x, y = x_scale(point.cost), y_scale(point.accuracy)
    text = f"{point.label} {point.name}: accuracy {point.accuracy:.1%}, {cost_name} {point.cost:,.4g}"
    beyond = x > _WIDTH - RIGHT - 24
    anchor, beside = ("end", -9) if beyond else ("start", 9)
    return (
        f'<g class="dot{" front" if point.on_front else ""}"><title>{escape(text)}</title>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
        f'<text class="letter" x="{x + beside:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">'
        f"{escape(point.label)}</text></g>"
    )
