"""The answers for many clips as lines of JSON or as CSV: one a clip, with the probability of every action."""

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from cluster.recognition.pose_files import NamedClip
from cluster.recognition.recognizer import Prediction

__all__ = ["clip_row", "write_answers"]


def clip_row(clip: NamedClip, found: Prediction, class_names: tuple[str, ...]) -> dict[str, Any]:
    """What was recognized in a clip, as JSON values; "action" is what the file says, where it does."""
    shares = zip(class_names, found.probabilities, strict=True)
    return {
        "kind": "clip",
        "clip": clip.name,
        "label": found.label,
        "probability": round(found.probability, 4),
        "action": clip.action,
        "probabilities": {name: round(float(value), 4) for name, value in shares},
    }


def write_answers(
    path: Path, answers: Iterable[tuple[NamedClip, Prediction]], class_names: tuple[str, ...]
) -> int:
    """Write a row a clip as it comes; a file that ends in .csv becomes CSV, another one JSON lines.

    Returns:
        How many clips there were.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        write = _csv_writer(file, class_names) if path.suffix.lower() == ".csv" else _json_writer(file)
        count = 0
        for clip, found in answers:
            write(clip_row(clip, found, class_names))
            count += 1
    return count


def _json_writer(file: TextIO) -> Any:
    def write(row: dict[str, Any]) -> None:
        file.write(json.dumps(row, ensure_ascii=False) + "\n")
        file.flush()  # a reader that follows the file sees each line when it comes

    return write


def _csv_writer(file: TextIO, class_names: tuple[str, ...]) -> Any:
    columns = ["clip", "label", "probability", "action", *(f"p: {name}" for name in class_names)]
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()

    def write(row: dict[str, Any]) -> None:
        shares = {f"p: {name}": value for name, value in row["probabilities"].items()}
        plain = {name: "" if row[name] is None else row[name] for name in columns[:4]}
        writer.writerow({**plain, **shares})
        file.flush()

    return write
