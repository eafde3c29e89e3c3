"""Further pictures of a run's report: a new one is a file with its `PICTURE`, and its name in this list."""

from cluster.stages import class_recall
from cluster.stages.report_picture import ReportPicture

__all__ = ["REPORT_PICTURES"]

REPORT_PICTURES: tuple[ReportPicture, ...] = tuple(module.PICTURE for module in (class_recall,))
