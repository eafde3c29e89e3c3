"""Pictures of numbers: curves, the confusion matrix, the rewards of all architectures sampled.

Every function returns a matplotlib figure of its own (no pyplot, no global state); the caller
saves it. The colors are those of Okabe and Ito (2008), distinct for color-blind people as well.
"""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from cluster.report.curves import History, Panel, search_panels, training_panels

__all__ = [
    "COLORS",
    "confusion_counts",
    "confusion_figure",
    "curves_figure",
    "reward_figure",
    "search_figure",
    "training_figure",
]

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's blue, vermilion, green, purple, orange and sky blue, in the order of use."""

_INK, _FAINT, _GRID = "#24292f", "#6e7781", "#e4e7eb"
_PANEL_WIDTH, _PANEL_HEIGHT = 4.6, 2.9  # inches


def search_figure(history: History, title: str = "Search") -> Figure:
    """Curves of a search: reward with its spread, loss, accuracy, entropy, learning rate.

    Raises:
        ValueError: the history holds none of these.
    """
    return curves_figure(search_panels(history), title)


def training_figure(history: History, title: str = "Training") -> Figure:
    """Curves of a training: loss, accuracy, learning rate.

    Raises:
        ValueError: the history holds none of these.
    """
    return curves_figure(training_panels(history), title)


def curves_figure(panels: Sequence[Panel], title: str) -> Figure:
    """Panels in rows of three.

    Raises:
        ValueError: there is no panel.
    """
    if not panels:
        raise ValueError(f"there is nothing to draw for {title!r}: the history holds none of its metrics")
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(
        figsize=(_PANEL_WIDTH * columns, _PANEL_HEIGHT * rows + 0.4), layout="constrained", facecolor="white"
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=13, fontweight="bold", color=_INK)
    for number, panel in enumerate(panels):
        _draw_panel(figure.add_subplot(rows, columns, number + 1), panel)
    return figure


def _draw_panel(axes: Axes, panel: Panel) -> None:
    for series, color in zip(panel.series, COLORS, strict=False):
        # a curve of one point is no line: show where it is
        axes.plot(
            series.x,
            series.y,
            color=color,
            lw=1.8,
            label=series.name,
            marker="o" if len(series.x) == 1 else "",
        )
        if series.spread:
            y, half = np.array(series.y), np.array(series.spread)
            axes.fill_between(series.x, y - half, y + half, color=color, alpha=0.18, lw=0)
    if panel.limits:
        axes.set_ylim(panel.limits[0] - 0.02, panel.limits[1] + 0.02)
    _dress(axes, panel.title, panel.x_label)
    axes.ticklabel_format(axis="y", useOffset=False)  # "+5.7e1" above an axis is overlooked
    if len(panel.series) > 1 or any(series.spread for series in panel.series):
        legend = axes.legend(frameon=False, fontsize=8.5, labelcolor=_INK)
        if len(panel.series) > 3:  # that many names hide a curve wherever they stand between the axes
            legend.set_loc("center left")
            legend.set_bbox_to_anchor((1, 0.5))


def _dress(axes: Axes, title: str, x_label: str) -> None:
    axes.set_title(title, loc="left", fontsize=10.5, color=_INK)
    axes.set_xlabel(x_label, fontsize=9, color=_FAINT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    axes.tick_params(colors=_FAINT, labelsize=8.5, length=3)
    axes.grid(True, color=_GRID, lw=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GRID)


def confusion_counts(labels: ArrayLike, predictions: ArrayLike, num_classes: int) -> NDArray[np.int64]:
    """Counts (K, K): row = the true class, column = the predicted class.

    Raises:
        ValueError: the lengths differ, or a number is not one of 0 .. K-1.
    """
    true, predicted = np.asarray(labels, np.int64), np.asarray(predictions, np.int64)
    if true.shape != predicted.shape or true.ndim != 1:
        raise ValueError(
            f"`labels` has the shape {true.shape} and `predictions` {predicted.shape}; both need (N,)"
        )
    for name, numbers in (("labels", true), ("predictions", predicted)):
        if numbers.size and (numbers.min() < 0 or numbers.max() >= num_classes):
            raise ValueError(
                f"`{name}` holds {numbers.min()} to {numbers.max()}; classes are numbered 0 to"
                f" {num_classes - 1}"
            )
    counts = np.zeros((num_classes, num_classes), np.int64)
    np.add.at(counts, (true, predicted), 1)
    return counts


def confusion_figure(
    counts: ArrayLike, class_names: Sequence[str], title: str = "Confusion matrix"
) -> Figure:
    """Counts with class names; the shade of a square is its share of the row, at the right what was right.

    Args:
        counts: (K, K), row = the true class, column = the predicted class.
        class_names: K names.

    Raises:
        ValueError: the counts are not (K, K).
    """
    matrix = np.asarray(counts, np.int64)
    num_classes = len(class_names)
    if matrix.shape != (num_classes, num_classes):
        raise ValueError(
            f"`counts` has the shape {matrix.shape}; {num_classes} class names need"
            f" ({num_classes}, {num_classes})"
        )
    totals = matrix.sum(axis=1, keepdims=True)
    shares = matrix / np.maximum(totals, 1)
    longest = max(len(name) for name in class_names)
    size = 0.38 * num_classes + 0.075 * longest
    figure = Figure(figsize=(max(size + 1.8, 5.6), size + 1.3), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.15)
    _write_counts(axes, matrix, shares)
    axes.set_xticks(range(num_classes), class_names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(num_classes), class_names)
    axes.tick_params(length=0, labelsize=9, labelcolor=_INK)
    axes.set_xlabel("predicted", color=_FAINT)
    axes.set_ylabel("true", color=_FAINT)
    axes.set_xticks(np.arange(num_classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(num_classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=_GRID, lw=0.8)
    axes.tick_params(which="minor", length=0)
    axes.spines[:].set_visible(False)
    right, total = int(np.trace(matrix)), int(matrix.sum())
    share = f": {right} of {total} right ({right / total:.1%})" if total else ""
    figure.suptitle(f"{title}{share}", x=0.01, ha="left", fontsize=12, fontweight="bold", color=_INK)
    return figure


def _write_counts(axes: Axes, matrix: NDArray[np.int64], shares: NDArray[np.float64]) -> None:
    for row, column in np.argwhere(matrix > 0):
        color = "white" if shares[row, column] > 0.55 else _INK
        axes.text(column, row, str(matrix[row, column]), ha="center", va="center", fontsize=9, color=color)
    for row, total in enumerate(matrix.sum(axis=1)):
        text = f"{matrix[row, row]}/{total}" if total else "none"
        axes.text(len(matrix) - 0.3, row, text, ha="left", va="center", fontsize=8.5, color=_FAINT)


def reward_figure(rewards: Sequence[float], title: str = "Reward of every architecture sampled") -> Figure:
    """One dot an architecture in the order of sampling, with the running mean and the best so far.

    Raises:
        ValueError: there is no reward.
    """
    values = np.asarray(rewards, np.float64)
    if not values.size:
        raise ValueError(f"there is nothing to draw for {title!r}: no architecture has a reward yet")
    figure = Figure(figsize=(9.2, 3.4), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    order = np.arange(1, len(values) + 1)
    axes.scatter(order, values, s=9, color=COLORS[0], alpha=0.35, lw=0, label="architecture")
    window = max(1, min(len(values) // 10, 50))
    mean = np.convolve(values, np.full(window, 1 / window), mode="valid")
    axes.plot(order[window - 1 :], mean, color=COLORS[1], lw=1.8, label=f"mean of the last {window}")
    axes.step(
        order, np.maximum.accumulate(values), where="post", color=COLORS[2], lw=1.5, label="best so far"
    )
    _dress(axes, title, "architecture, in the order of sampling")
    axes.set_ylabel("reward", fontsize=9, color=_FAINT)
    axes.legend(frameon=False, fontsize=8.5, labelcolor=_INK, loc="lower right")
    return figure
