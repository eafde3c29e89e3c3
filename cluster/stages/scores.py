"""Scores of a derivation in a file: what is scored once is not scored again after a stop."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from cluster.files import read_json, write_json
from cluster.schedule import Timer
from cluster.settings import configuration_hash
from nas.genotype import Genotype
from nas.shards import ShardScore

__all__ = ["KeptScores"]

WRITE_SECONDS = 1.0
"""Between two times that the file is written: small networks are scored faster than a disk is sure of it."""


class KeptScores:
    """Scores by genotype. As a context, what is not yet in the file is written when it is left, in any way.

    Args:
        path: the file; made by the first write.
        depends_on: what a score depends on, JSON values. Scores under other values are not used.

    Attributes:
        scores: those of the file, and those added.

    Raises:
        ValueError: the file is damaged.
    """

    def __init__(self, path: Path, depends_on: Mapping[str, Any]) -> None:
        self._path, self._key = path, configuration_hash(depends_on)
        self._timer = Timer(WRITE_SECONDS)
        self.scores: dict[Genotype, ShardScore] = {}
        content = read_json(path) if path.exists() else {}
        if content.get("depends_on") == self._key:
            self.scores = {Genotype.parse(text): ShardScore(**row) for text, row in content["scores"].items()}
        self._num_written = len(self.scores)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, OSError):  # then nothing more can be written
            self.save()

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.scores)

    def add(self, genotype: Genotype, score: ShardScore) -> None:
        """One more. Written when it is time.

        Raises:
            OSError: the file cannot be written.
        """
        self.scores[genotype] = score
        if self._timer.due():
            self.save()

    def save(self) -> None:
        """Write what is not in the file.

        Raises:
            OSError: as `add`.
        """
        if self.count > self._num_written:
            rows = {str(genotype): asdict(score) for genotype, score in self.scores.items()}
            write_json(self._path, {"depends_on": self._key, "scores": rows})
            self._num_written = self.count
