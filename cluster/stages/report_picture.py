"""A further picture of a run: drawn when a stage has ended, kept as SVG and PNG, shown in report.html."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure

from cluster.stages.folder import RunFolder
from cluster.stages.preparation import PreparedExperiment

__all__ = ["ReportPicture", "Stage"]

Stage = Literal["search", "training", "evaluation"]


@dataclass(frozen=True, kw_only=True)
class ReportPicture:
    """One picture.

    Attributes:
        name: of its files in `pictures/`, and of the MLflow artifact.
        stage: after which it is drawn.
        title: in the report.
        draw: gives the figure, from the run's files and its data.
    """

    name: str
    stage: Stage
    title: str
    draw: Callable[[RunFolder, PreparedExperiment], Figure]
