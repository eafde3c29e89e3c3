"""Pictures of a tuning: what matters, which settings go together, and how each trial went.

Every function returns a matplotlib figure outside of pyplot; the caller saves it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from cluster.report.figures import COLORS
from cluster.tuning.importance import FEWEST_TRIALS, Importance
from cluster.tuning.journal import SCORE, TrialRecord, best_of
from cluster.tuning.space import Distribution, SearchSpace, in_words

__all__ = ["curves_figure", "importance_figure", "parallel_figure"]

_INK, _FAINT, _GRID = "#24292f", "#6e7781", "#e4e7eb"
_MAP = "viridis"  # dark is good; distinct for color-blind people and in print


def importance_figure(found: Importance) -> Figure:
    """A bar for each hyperparameter: the share of the error's variance that it explains.

    Raises:
        ValueError: there were too few trials to say.
    """
    if not found.shares:
        raise ValueError(
            f"importance needs {FEWEST_TRIALS} ended trials with different errors; "
            f"there are {found.num_trials}"
        )
    names, shares = list(found.shares)[::-1], list(found.shares.values())[::-1]
    figure, axes = _canvas(
        7.6,
        0.42 * len(names) + 1.3,
        "Importance of hyperparameters",
        f"share of the variance of the validation error after epoch {found.epoch} "
        f"(functional ANOVA over {found.num_trials} trials)",
    )
    axes.barh(names, shares, color=COLORS[0], height=0.62)
    for place, share in enumerate(shares):
        axes.text(share + 0.012, place, f"{share:.0%}", va="center", fontsize=9, color=_INK)
    axes.set_xlim(0, max(1.12 * max(shares), 0.1))
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.tick_params(axis="y", length=0, labelsize=9.5, labelcolor=_INK)
    return figure


def curves_figure(records: Sequence[TrialRecord]) -> Figure:
    """The validation error of every trial by epoch; the best one stands out.

    Raises:
        ValueError: no trial has a result.
    """
    scored, best = _scored(records)
    note = f"validation error (mm) after each epoch; the best, {best.name}, ends at {best.score:.1f}"
    figure, axes = _canvas(7.6, 4.2, "Trials", note, logarithmic=True)
    for record in reversed(scored):
        x = [row["epoch"] for row in record.rows]
        y = [row[SCORE] for row in record.rows]
        is_best = record is best
        color = COLORS[1] if is_best else COLORS[0]
        axes.plot(x, y, color=color, lw=2.2 if is_best else 1.0, alpha=1 if is_best else 0.35)
        axes.plot(x[-1:], y[-1:], "o", color=color, ms=5 if is_best else 3, alpha=1 if is_best else 0.5)
    axes.set_xlabel("epoch", fontsize=9, color=_FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(True, color=_GRID, lw=0.8)
    return figure


def parallel_figure(records: Sequence[TrialRecord], space: SearchSpace) -> Figure:
    """A line for each trial through an axis for each hyperparameter, to its error at the right.

    Trials that were stopped early are drawn thin; the best one is drawn last, in another color.

    Raises:
        ValueError: no trial has a result.
    """
    scored, best = _scored(records)
    scales = [_scale(name, space.distributions[name]) for name in space.distributions]
    errors = np.array([record.score for record in scored], np.float64)
    longest = max((len(label) for scale in scales for _, label in scale.ticks), default=0)
    width = max(7.6, (1.15 + 0.05 * longest) * (len(scales) + 1))
    figure, axes = _canvas(
        width, 4.8, "Trials by their settings", "one line a trial; at the right its validation error (mm)"
    )
    scales.append(_error_scale(errors))
    points = np.array([[scale.place(record) for scale in scales] for record in scored])
    _draw_lines(axes, points, scored, scored.index(best))
    _draw_axes(axes, scales)
    return figure


@dataclass(frozen=True)
class _Scale:
    """One vertical axis: where a trial stands on it, from 0 to 1, and its labels."""

    name: str
    place: Callable[[TrialRecord], float]
    ticks: Sequence[tuple[float, str]]


def _scale(name: str, distribution: Distribution) -> _Scale:
    if distribution.choice is not None:
        choices = distribution.choice
        step = 1 / (len(choices) - 1)
        return _Scale(
            name,
            lambda record: choices.index(record.settings[name]) * step,
            [(number * step, in_words(choice)) for number, choice in enumerate(choices)],
        )
    low, high = distribution.range
    warp: Callable[[float], float] = np.log if distribution.log_uniform is not None else float
    span = warp(high) - warp(low)

    def place(record: TrialRecord) -> float:
        value = record.settings[name]
        assert value is not None, "only a choice may be off"
        return float((warp(float(value)) - warp(low)) / span)

    values = np.geomspace(low, high, 4) if distribution.log_uniform else np.linspace(low, high, 5)
    if distribution.integer is not None:
        values = np.unique(np.round(values))
    return _Scale(name, place, [((warp(value) - warp(low)) / span, f"{value:.2g}") for value in values])


def _error_scale(errors: NDArray[np.float64]) -> _Scale:
    """The logarithm of the error, the best at the top."""
    low, high = np.log(errors.min()), np.log(max(errors.max(), errors.min() * 1.01))

    def place(value: float) -> float:
        return float((high - np.log(value)) / (high - low))

    values = np.geomspace(np.exp(low), np.exp(high), 5)
    ticks = [(place(value), f"{value:.1f}") for value in values]
    return _Scale("validation error", lambda record: place(float(record.score or 0.0)), ticks)


def _draw_lines(axes: Axes, points: NDArray[np.float64], records: Sequence[TrialRecord], best: int) -> None:
    errors = np.array([record.score for record in records], np.float64)
    order = np.argsort(-errors, kind="stable")
    finished = np.array([record.state == "finished" for record in records])
    x = np.broadcast_to(np.arange(points.shape[1]), points.shape)
    lines = LineCollection(
        list(np.stack([x, points], axis=2)[order]),
        array=np.log(errors)[order],
        cmap=_MAP,
        norm=Normalize(np.log(errors.min()), np.log(np.percentile(errors, 90))),
        linewidths=np.where(finished, 1.8, 0.9)[order],
        alpha=0.75,
    )
    axes.add_collection(lines)
    axes.plot(x[best], points[best], color=COLORS[1], lw=2.6, marker="o", ms=4)


def _draw_axes(axes: Axes, scales: Sequence[_Scale]) -> None:
    for number, scale in enumerate(scales):
        axes.axvline(number, color=_FAINT, lw=0.8, zorder=0)
        for place, label in scale.ticks:
            axes.text(
                number + 0.03, place, label, fontsize=8, color=_INK, va="center",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.6},
            )  # fmt: skip
    axes.set_xlim(-0.05, len(scales) - 1 + 0.45)
    axes.set_ylim(-0.05, 1.05)
    names = [scale.name.replace(".", ".\n", 1) for scale in scales]
    axes.set_xticks(range(len(scales)), names, fontsize=8.5, color=_INK)
    axes.yaxis.set_visible(False)
    axes.tick_params(axis="x", length=0)
    axes.spines[:].set_visible(False)


def _canvas(
    width: float, height: float, title: str, subtitle: str, *, logarithmic: bool = False
) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=_INK)
    axes = figure.add_subplot()
    axes.set_title(subtitle, loc="left", fontsize=9.5, color=_FAINT)
    if logarithmic:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("{x:g}")
    axes.tick_params(which="both", colors=_FAINT, labelsize=8.5, length=3)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GRID)
    return figure, axes


def _scored(records: Sequence[TrialRecord]) -> tuple[list[TrialRecord], TrialRecord]:
    """Trials with a result, the lowest error first, and the best of them."""
    best = best_of(records)
    if best is None:
        raise ValueError("there is nothing to draw: no trial has a result yet")
    scored = [record for record in records if record.score is not None]
    return sorted(scored, key=lambda record: (record.score or 0.0, record.number)), best
