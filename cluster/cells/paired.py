"""Paired tests between the runs of a comparison, by their answers to the same clips."""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cluster.cells.found import FoundCells
from cluster.scores import paired_test
from cluster.tracking.mlflow_store import connect, said_clearly

__all__ = ["PREDICTIONS", "paired_lines", "read_predictions"]

PREDICTIONS = "predictions.csv"


def read_predictions(found: FoundCells, uri: str) -> str | None:
    """The answers of a run as CSV; None where it has not been tested.

    Raises:
        ConnectionError: MLflow does not answer.
    """
    parts = urlsplit(found.artifacts)
    if parts.scheme in ("", "file"):
        path = Path(unquote(parts.path)) / PREDICTIONS
        return path.read_text(encoding="utf-8") if path.is_file() else None
    with said_clearly(uri):
        client = connect(uri)
        if all(one.path != PREDICTIONS for one in client.list_artifacts(found.mlflow_run_id)):
            return None
        return Path(client.download_artifacts(found.mlflow_run_id, PREDICTIONS)).read_text(encoding="utf-8")


def paired_lines(letters: Sequence[str], tables: Sequence[str | None]) -> list[str]:
    """One line for each two runs: the difference, its interval and a test, or why there is none."""
    lines = []
    for (one, first), (other, second) in combinations(zip(letters, tables, strict=True), 2):
        if first is None or second is None:
            untested = one if first is None else other
            lines.append(f"{other} against {one}: no paired test, {untested} is not tested yet")
            continue
        try:
            lines.append(f"{other} against {one}: {paired_test(first, second)}")
        except ValueError as error:
            lines.append(f"{other} against {one}: no paired test, {error}")
    return lines
