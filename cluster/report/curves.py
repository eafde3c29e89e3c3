"""Curves as plain data: which metrics of a history belong into one panel, and under which names.

Drawn twice from here: by `figures` as pictures, by `charts` inside the report.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from nas.genotype import Cell, Genotype
from nas.space import ENAS_MICRO

__all__ = [
    "OPERATION_ORDER",
    "Panel",
    "Series",
    "operation_frequency_panels",
    "search_panels",
    "thinned",
    "training_panels",
]

OPERATION_ORDER = ("sep_conv_3x3", "sep_conv_5x5", "max_pool_3x3", "identity", "avg_pool_3x3")
"""Operations in the order of Okabe and Ito's colors that they have, so that curves get the same ones."""

NUM_COLORS = 6
"""Curves of one panel that can be distinguished."""

History = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Series:
    """One curve.

    Args:
        name: in the legend.
        x, y: of the same length; not-a-number in y leaves a gap.
        spread: half the height of a band around y, or empty.

    Raises:
        ValueError: the lengths differ.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y) or (self.spread and len(self.spread) != len(self.y)):
            raise ValueError(
                f"the curve {self.name!r} has {len(self.x)} x, {len(self.y)} y and {len(self.spread)} spread"
                " values; they must be as many"
            )


@dataclass(frozen=True)
class Panel:
    """Curves on common axes.

    Args:
        title: what is shown, with its unit where it has one.
        x_label: of the horizontal axis.
        series: the curves.
        limits: fixed range of y, as (0, 1) for an accuracy; None follows the values.
        palette: "c" for the page's colors of curves; "o" for those that the operations have in every
            drawing, in the order of `OPERATION_ORDER`.
    """

    title: str
    x_label: str
    series: tuple[Series, ...]
    limits: tuple[float, float] | None = None
    palette: Literal["c", "o"] = "c"


@dataclass(frozen=True)
class _Wanted:
    """A panel by the names of its metrics: (metric, name in the legend, metric of the spread)."""

    title: str
    curves: tuple[tuple[str, str, str], ...]
    limits: tuple[float, float] | None = None


_WORKERS = tuple((f"idle_share_worker_{number}", f"worker {number}", "") for number in range(8))
"""More curves could not be distinguished; the record has those of all workers."""

_SEARCH = (
    _Wanted("Reward", (("reward", "mean ± spread", "reward_spread"), ("baseline", "baseline", ""))),
    _Wanted("Loss with shared weights", (("loss", "training", ""), ("validation_loss", "validation", ""))),
    _Wanted(
        "Accuracy with shared weights",
        (("accuracy", "training", ""), ("validation_accuracy", "validation", "")),
        (0.0, 1.0),
    ),
    _Wanted("Entropy of the controller (nats)", (("entropy", "entropy", ""),)),
    _Wanted("Learning rate of the shared weights", (("learning_rate", "learning rate", ""),)),
    _Wanted("Gradient norm of the shared weights", (("gradient_norm", "before clipping", ""),)),
    _Wanted("Learning rate of the controller", (("controller_learning_rate", "learning rate", ""),)),
    _Wanted("Gradient norm of the controller", (("controller_gradient_norm", "gradient norm", ""),)),
    _Wanted(
        "Seconds a step",
        (("weight_seconds", "shared weights", ""), ("controller_seconds", "controller", "")),
    ),
    _Wanted(
        "Bytes a weight step",
        (("bytes_returned", "gradients returned", ""), ("weight_bytes", "weights copied by workers", "")),
    ),
    _Wanted("Idle share of the workers", (("idle_share", "mean", ""), *_WORKERS), (0.0, 1.0)),
)

_NO_CURVES = ("epoch", "timestamp", "best_reward", "reward_collapsed", "idle_share_worker")
"""Numbers of a row that say nothing as a curve, or too much; names that begin so."""

_TRAINING = (
    _Wanted("Loss", (("loss", "training", ""), ("validation_loss", "validation", ""))),
    _Wanted(
        "Accuracy",
        (("accuracy", "training", ""), ("validation_accuracy", "validation", "")),
        (0.0, 1.0),
    ),
    _Wanted("Learning rate", (("learning_rate", "learning rate", ""),)),
    _Wanted("Gradient norm before clipping", (("gradient_norm", "gradient norm", ""),)),
)


def search_panels(history: History) -> tuple[Panel, ...]:
    """The panels of a search; `history` holds one mapping an epoch, with the epoch under "epoch".

    Metrics that the history does not hold, and panels without any curve, are left out. What a strategy
    reports under names of its own gets a panel for each.
    """
    return _panels(history, (*_SEARCH, *_own_panels(history)))


def _own_panels(history: History) -> list[_Wanted]:
    """A panel for every number that no other shows."""
    shown = {name for panel in _SEARCH for curve in panel.curves for name in curve}
    names = dict.fromkeys(
        name
        for row in history
        for name, value in row.items()
        if isinstance(value, int | float) and name not in shown and not name.startswith(_NO_CURVES)
    )
    return [
        _Wanted(name.replace("_", " ").capitalize(), ((name, name.replace("_", " "), ""),)) for name in names
    ]


def operation_frequency_panels(sampled: Sequence[Mapping[str, object]]) -> tuple[Panel, ...]:
    """Which share each operation had among all that were sampled in an epoch.

    One panel for the normal and one for the reduction cell; none where nothing was sampled.

    Args:
        sampled: rows with "epoch" and "genotype".
    """
    if not sampled:
        return ()
    epochs = np.array([int(str(row["epoch"])) for row in sampled])
    genotypes = [Genotype.parse(str(row["genotype"])) for row in sampled]
    micro = genotypes[0].space == ENAS_MICRO
    panels = []
    for cell in ("normal", "reduction"):
        names = [[_family(name) for name in _operations(getattr(one, cell))] for one in genotypes]
        order = [_family(name) for name in OPERATION_ORDER] if micro else _most_frequent(names)
        title = f"Share of each operation in the {cell} cell"
        panels.append(_shares(title, epochs, names, order, "o" if micro else "c"))
    for what, options in genotypes[0].space.choices:
        chosen = [[getattr(one, what).replace("_", " ")] for one in genotypes]
        order = [option.replace("_", " ") for option in options]
        panels.append(_shares(f"Share of each {what}", epochs, chosen, order, "c"))
    return tuple(panels)


def _operations(cell: Cell) -> Iterator[str]:
    return (cell.operations[number] for node in cell.nodes for _, _, number in node.sides)


def _family(name: str) -> str:
    """An operation without its dilation, as words."""
    return re.sub(r"_d\d+$", "", name).replace("_", " ")


def _most_frequent(names: Sequence[Sequence[str]]) -> list[str]:
    """As many names as there are colors, the most frequent first."""
    counts = Counter(name for one in names for name in one)
    return [name for name, _ in counts.most_common(NUM_COLORS)]


def _shares(
    title: str,
    epochs: npt.NDArray[np.int64],
    names: Sequence[Sequence[str]],
    order: Sequence[str],
    palette: Literal["c", "o"],
) -> Panel:
    """The share of each name among those of an epoch; one list of names for each architecture."""
    known = sorted(set(epochs.tolist()))
    counts = [Counter(name for at, one in zip(epochs, names, strict=True) if at == epoch for name in one)
              for epoch in known]  # fmt: skip
    curves = tuple(
        Series(name, tuple(known), tuple(count[name] / count.total() for count in counts)) for name in order
    )
    return Panel(title, "epoch", curves, None, palette)


def training_panels(history: History) -> tuple[Panel, ...]:
    """The panels of a training, as `search_panels`."""
    return _panels(history, _TRAINING)


def _panels(history: History, wanted: Iterable[_Wanted]) -> tuple[Panel, ...]:
    found = []
    for panel in wanted:
        curves = tuple(
            _series(history, metric, name, spread)
            for metric, name, spread in panel.curves
            if any(metric in row for row in history)
        )
        if curves:
            found.append(Panel(panel.title, "epoch", curves, panel.limits))
    return tuple(found)


def _series(history: History, metric: str, name: str, spread: str) -> Series:
    rows = [(index, row) for index, row in enumerate(history) if metric in row]
    x = tuple(_number(row.get("epoch", index)) for index, row in rows)
    y = tuple(_number(row[metric]) for _, row in rows)
    has_spread = bool(spread) and all(spread in row for _, row in rows)
    band = tuple(_number(row[spread]) for _, row in rows) if has_spread else ()
    return Series(name if has_spread or " ±" not in name else name.split(" ±")[0], x, y, band)


def _number(value: object) -> float:
    """A number; None (JSON has no not-a-number) becomes not-a-number."""
    return math.nan if value is None else float(str(value))


def thinned(series: Series, most: int) -> Series:
    """At most `most` points of a long curve, evenly chosen, the first and the last among them."""
    if len(series.x) <= most:
        return series
    chosen = sorted({round(i * (len(series.x) - 1) / (most - 1)) for i in range(most)})
    spread = tuple(series.spread[i] for i in chosen) if series.spread else ()
    return Series(series.name, tuple(series.x[i] for i in chosen), tuple(series.y[i] for i in chosen), spread)
