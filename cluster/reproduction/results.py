"""What the runs of the tables came to: scores by method and part, as tables and as pictures."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator

from cluster.files import read_json, write_atomically, write_json
from cluster.progress import duration
from cluster.registry.records import Job
from cluster.registry.registry import Registry
from cluster.report.figures import COLORS
from cluster.reproduction.protocol import (
    METHODS,
    POSES,
    PUBLISHED,
    TABLES,
    Method,
    Part,
    Poses,
    Table,
    experiment_name,
    parts_of,
)
from cluster.reproduction.running import experiments_by_name
from cluster.scheduling.kinds import flat
from cluster.stages.folder import RunFolder
from lifting.tables import as_text
from nas.draw import save_figure

__all__ = [
    "Score",
    "as_markdown",
    "collect",
    "curves_of_searches_figure",
    "mixed_settings",
    "size_figure",
    "write_tables",
]

_MARKERS = ("o", "s", "^", "D", "v")
_ROWS: Mapping[Method, str] = {
    "enas": "searched (ENAS)",
    "random": "searched, random sampling",
    "kernels": "random kernels with ridge",
    "residual": "residual network",
    "densenet": "DenseNet",
    "neighbour": "nearest neighbor",
}


# What makes a cell the one that it is, where the work was done, and what only searches make use of.
_OF_A_CELL = ("data.root", "data.subset", "data.fold", "search.strategy", "search.seed", "training.seed")
_OUTSIDE = ("poses", "resources", "tracking")
_OF_SEARCHES = ("search", "supernet", "derivation", "validation_copies")


@dataclass(frozen=True, kw_only=True)
class Score:
    """A cell of a table.

    Attributes:
        part, poses, method: which.
        accuracies: of every network trained, on the original test sequences, each once.
        together: accuracy of a run's networks that answer as one, mean over the runs; None where a run has
            one network.
        total: test sequences.
        parameters: of the network; 0 for the nearest neighbor.
        latency: median milliseconds an answer; None for the nearest neighbor.
        validation: mean validation accuracy of the genotypes chosen, when retrained; None without a search.
        search_seconds, training_seconds: mean time of these jobs, for one search and for all its trainings.
        genotypes: those found.
        curves: of each search, the validation accuracy with the shared weights, epoch by epoch.
        folders: the runs.
        settings: by dotted name, those that every cell of a table should share.
    """

    part: str
    poses: Poses
    method: Method
    accuracies: tuple[float, ...]
    together: float | None
    total: int
    parameters: int
    latency: float | None
    validation: float | None
    search_seconds: float
    training_seconds: float
    genotypes: tuple[str, ...]
    curves: tuple[tuple[float, ...], ...]
    folders: tuple[str, ...]
    settings: Mapping[str, Any]

    @property
    def mean(self) -> float:
        """Mean accuracy."""
        return float(np.mean(self.accuracies))

    @property
    def spread(self) -> float:
        """Standard deviation (n - 1) of the accuracies; 0 for a single one."""
        return float(np.std(self.accuracies, ddof=1)) if len(self.accuracies) > 1 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """For results.json."""
        return {**asdict(self), "mean": self.mean, "spread": self.spread}


def write_tables(registry: Registry, folder: Path) -> str:
    """Write results.md, results.json and pictures of each table, from whatever is finished.

    Args:
        registry: of the tables.
        folder: where they go.

    Returns:
        The text of results.md; empty, and nothing is written, where no run is finished.
    """
    scores = {table: found for table in TABLES if (found := collect(registry, table))}
    text = "\n\n".join(as_markdown(table, found) for table, found in scores.items())
    if scores:
        write_atomically(folder / "results.md", text + "\n")
        contents: dict[str, Any] = {
            table: [score.to_dict() for score in found] for table, found in scores.items()
        }
        write_json(folder / "results.json", contents)
        for table, found in scores.items():
            save_figure(size_figure(found), folder / f"{table}_sizes.png")
            if any(score.curves for score in found):
                save_figure(curves_of_searches_figure(found), folder / f"{table}_searches.png")
    return text


def collect(registry: Registry, table: Table) -> list[Score]:
    """The scores of all cells of a table of which at least one run is finished."""
    known = experiments_by_name(registry)
    scores = []
    for poses, part, method in product(POSES, parts_of(table, Path()), METHODS):
        experiment = known.get(experiment_name(part, poses, method))
        jobs = () if experiment is None else registry.jobs(experiment_id=experiment.id)
        folders = sorted({job.folder for job in jobs})
        runs = [found for folder in folders if (found := _run(Path(folder), jobs)) is not None]
        if runs:
            scores.append(_score(part, poses, method, runs))
    return scores


@dataclass(frozen=True)
class _Run:
    """A finished run: its score, and how long its jobs took."""

    folder: Path
    content: Mapping[str, Any]
    search_seconds: float
    training_seconds: float


def _run(folder: Path, jobs: Sequence[Job]) -> _Run | None:
    files = [folder / name for name in ("evaluation.json", "baseline.json") if (folder / name).exists()]
    if not files:
        return None
    seconds = {"search": 0.0, "train": 0.0, "baseline": 0.0}
    for job in jobs:
        if job.folder == str(folder) and job.kind in seconds and job.ended_at and job.started_at:
            seconds[job.kind] = job.ended_at - job.started_at
    return _Run(folder, read_json(files[0]), seconds["search"], seconds["train"] + seconds["baseline"])


def _score(part: Part, poses: Poses, method: Method, runs: Sequence[_Run]) -> Score:
    searches = [
        read_json(run.folder / "search.json") for run in runs if (run.folder / "search.json").exists()
    ]
    chosen = [row["retrained"] for search in searches for row in search["candidates"] if row["chosen"]]
    first = runs[0].content
    committees = [run.content["together"] for run in runs if run.content.get("together") is not None]
    return Score(
        part=part.name,
        poses=poses,
        method=method,
        accuracies=tuple(row["accuracy"] for run in runs for row in run.content["seeds"]),
        together=float(np.mean(committees)) if len(committees) == len(runs) else None,
        total=first["total"],
        parameters=round(float(np.mean([run.content["parameters"] for run in runs]))),
        latency=first["latency_ms"],
        validation=float(np.mean(chosen)) if chosen else None,
        search_seconds=float(np.mean([run.search_seconds for run in runs])),
        training_seconds=float(np.mean([run.training_seconds for run in runs])),
        genotypes=tuple(search["genotype"] for search in searches),
        curves=tuple(
            tuple(epoch["validation_accuracy"] for epoch in search["epochs"]) for search in searches
        ),
        folders=tuple(str(run.folder) for run in runs),
        settings=_shared_settings(runs[0].folder, method),
    )


def _shared_settings(folder: Path, method: Method) -> dict[str, Any]:
    """All settings but those in which the cells of a table differ, and those that a baseline does not use."""
    settings = flat(RunFolder(folder).config().to_dict())
    unused = _OUTSIDE if method in ("enas", "random") else (*_OUTSIDE, *_OF_SEARCHES)
    return {
        name: value
        for name, value in settings.items()
        if name not in _OF_A_CELL and name.split(".")[0] not in unused
    }


def mixed_settings(scores: Sequence[Score]) -> list[str]:
    """What the cells of a table do not share though they should, a sentence a setting: a preset may have
    changed since the first of them was handed in."""
    sentences = []
    for name in sorted({name for score in scores for name in score.settings}):
        of_searches = name.split(".")[0] in _OF_SEARCHES
        held: dict[str, list[str]] = {}
        for score in scores:
            if score.curves or not of_searches:
                value = json.dumps(score.settings.get(name))
                held.setdefault(value, []).append(f"{score.part} {score.poses} {score.method}")
        if len(held) > 1:
            values = "; ".join(f"{value} ({', '.join(cells)})" for value, cells in held.items())
            sentences.append(f"`{name}` is not the same in all of this table: {values}.")
    return sentences


def as_markdown(table: Table, scores: Sequence[Score]) -> str:
    """A table of accuracies, methods down and parts across, and one of costs; published rows below.

    What was not run says so, a row has a mean where it is whole, and settings that are not the same in all of
    it are listed.
    """
    parts = [part.name for part in parts_of(table, Path())]
    sections = [f"### {TABLES[table]}"]
    for poses in POSES:
        found = {method: _of(scores, poses, method) for method in METHODS}
        rows = [_accuracy_row(method, parts, mine) for method, mine in found.items() if mine]
        if not rows:
            continue
        if poses == "sensor":
            rows += [_published_row(parts, *published) for published in PUBLISHED[table]]
        head = [f"{poses} poses", *parts, "mean", "parameters", "ms an answer"]
        sections.append(as_text([head, *rows], markdown=True))
    sections += [as_text(_cost_rows(scores), markdown=True), *mixed_settings(scores)]
    return "\n\n".join(sections)


def _of(scores: Iterable[Score], poses: Poses, method: Method) -> dict[str, Score]:
    return {score.part: score for score in scores if (score.poses, score.method) == (poses, method)}


def _accuracy_row(method: Method, parts: Sequence[str], found: Mapping[str, Score]) -> list[str]:
    cells = [_cell(found[part]) if part in found else "not run" for part in parts]
    mean = _mean_cell(list(found.values())) if len(found) == len(parts) else ""
    size = round(float(np.mean([score.parameters for score in found.values()])))
    latencies = [score.latency for score in found.values() if score.latency is not None]
    latency = f"{np.median(latencies):.1f}" if latencies else ""
    return [_ROWS[method], *cells, mean, f"{size:,}" if size else "", latency]


def _published_row(parts: Sequence[str], name: str, values: Mapping[str, float], mean: float) -> list[str]:
    cells = [f"{values[part]:.4f}" if part in values else "" for part in parts]
    return [f"{name}, published", *cells, f"{mean:.4f}", "", ""]


def _cell(score: Score) -> str:
    several = f" ± {score.spread:.3f} ({len(score.accuracies)})" if len(score.accuracies) > 1 else ""
    committee = "" if score.together is None else f", together {score.together:.3f}"
    return f"{score.mean:.3f}{several}{committee}"


def _mean_cell(scores: Sequence[Score]) -> str:
    """Of a whole row: the mean of single networks, and of committees where every part has one."""
    single = f"{np.mean([score.mean for score in scores]):.3f}"
    committees = [score.together for score in scores if score.together is not None]
    return single if len(committees) < len(scores) else f"{single}, together {np.mean(committees):.3f}"


def _cost_rows(scores: Sequence[Score]) -> list[list[str]]:
    head = ["part, poses, method", "networks", "validation", "search", "trainings", "test sequences"]
    rows = [
        [
            f"{score.part}, {score.poses}, {score.method}",
            str(len(score.accuracies)),
            "" if score.validation is None else f"{score.validation:.3f}",
            duration(score.search_seconds) if score.search_seconds else "",
            duration(score.training_seconds) if score.training_seconds else "",
            str(score.total),
        ]
        for score in scores
    ]
    return [head, *rows]


def size_figure(scores: Sequence[Score]) -> Figure:
    """Accuracy against parameters: a point a score, its spread as a bar; a color a method, a shape a part.

    Scores of several tables, as of other budgets, may be given together. Points of lifted poses are hollow;
    methods stand a few hundredths apart, so that bars of equal size can be distinguished.
    """
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot()
    drawn = [score for score in scores if score.parameters]
    parts = list(dict.fromkeys(score.part for score in drawn))
    for score in drawn:
        place = METHODS.index(score.method)
        color = COLORS[place]
        axes.errorbar(
            score.parameters * 1.03**place,
            score.mean,
            yerr=score.spread,
            fmt=_MARKERS[parts.index(score.part) % len(_MARKERS)],
            capsize=3,
            color=color,
            markerfacecolor="white" if score.poses == "lifted" else color,
            alpha=0.8,
        )
    for method in dict.fromkeys(score.method for score in drawn):
        axes.plot([], [], "-", color=COLORS[METHODS.index(method)], linewidth=4, label=_ROWS[method])
    for part, marker in zip(parts, _MARKERS, strict=False):
        axes.plot([], [], marker, color="black", label=part)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(EngFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("parameters")
    axes.set_ylabel("accuracy on original test sequences")
    axes.grid(alpha=0.3)
    if drawn:
        sizes = [score.parameters for score in drawn]
        axes.set_xlim(min(sizes) / 2, max(sizes) * 2)
        figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


def curves_of_searches_figure(scores: Sequence[Score]) -> Figure:
    """How searches learn: validation accuracy with the shared weights by epoch, a panel a part.

    Raises:
        ValueError: no score is of a search.
    """
    searched = [score for score in scores if score.curves]
    panels = list(dict.fromkeys((score.poses, score.part) for score in searched))
    if not panels:
        raise ValueError("there is nothing to draw: none of the scores is of a search")
    figure = Figure(figsize=(3.4 * len(panels) + 0.6, 3.2), layout="constrained")
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    named: dict[str, Any] = {}
    for axes, (poses, part) in zip(row, panels, strict=True):
        for score in searched:
            if (score.poses, score.part) != (poses, part):
                continue
            color = COLORS[METHODS.index(score.method)]
            for curve in score.curves:
                (line,) = axes.plot(range(1, len(curve) + 1), curve, color=color, linewidth=1.2, alpha=0.8)
                named.setdefault(_ROWS[score.method], line)
        axes.set_title(part + (", lifted" if poses == "lifted" else ""), fontsize=10)
        axes.set_xlabel("epoch of the search")
        axes.grid(alpha=0.3)
    row[0].set_ylabel("validation accuracy, shared weights")
    figure.legend(
        named.values(), named.keys(), loc="outside lower center", ncols=len(named), frameon=False, fontsize=8
    )
    return figure
