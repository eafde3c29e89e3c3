"""The picture of how many clips of each class were recognized, the hardest class first."""

import numpy as np
from matplotlib.figure import Figure

from cluster.files import read_json
from cluster.stages.folder import RunFolder
from cluster.stages.preparation import PreparedExperiment
from cluster.stages.report_picture import ReportPicture

__all__ = ["PICTURE"]


def draw(run: RunFolder, _: PreparedExperiment) -> Figure:
    """A bar for each class with test clips: the share of its clips that were recognized."""
    score = read_json(run.evaluation_file)
    counts, names = np.array(score["confusion"]), score["class_names"]
    totals = counts.sum(axis=1)
    tested = [number for number in range(len(names)) if totals[number]]
    recall = {number: counts[number, number] / totals[number] for number in tested}
    order = sorted(tested, key=lambda number: (-recall[number], names[number]))
    figure = Figure(figsize=(6.4, 0.3 * len(order) + 1.0), layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    bars = axes.barh(
        [names[number] for number in order], [recall[number] for number in order], color="#0072B2"
    )
    axes.bar_label(bars, [f"{counts[number, number]} of {totals[number]}" for number in order], padding=3)
    axes.set_xlim(0, 1.18)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_xlabel("share of the test clips recognized")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


PICTURE = ReportPicture(name="class_recall", stage="evaluation", title="Recognized by class", draw=draw)
