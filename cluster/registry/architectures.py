"""Every architecture that searches have sampled, with its reward, so that all can be asked at once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from cluster.registry.models import ArchitectureRow
from cluster.registry.registry import Registry

__all__ = ["Architecture", "architectures", "record_architectures"]

_COLUMNS = ("epoch", "genotype", "reward", "accuracy", "loss")


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One sample.

    Attributes:
        run_id: the run's own id.
        number: in the order of sampling, from 0.
        data: label of the data set, as msr-as1.
        epoch: from 1.
        genotype: in ENAS's own notation.
        reward, accuracy, loss: on validation images, with the shared weights.
    """

    run_id: str
    number: int
    data: str
    epoch: int
    genotype: str
    reward: float
    accuracy: float
    loss: float


def record_architectures(
    registry: Registry, run_id: str, data: str, sampled: Iterable[Mapping[str, Any]]
) -> int:
    """Keep all samples of a run, in place of those kept before; so it may be called again.

    Args:
        registry: where.
        run_id: the run's own id.
        data: label of the data set.
        sampled: as `SearchHistory.sampled()` gives them and search.json holds them: epoch, genotype, reward,
            accuracy, loss.

    Returns:
        How many there are.

    Raises:
        ValueError: a number is not finite, which SQLite would keep as NULL; nothing is changed.
    """
    sampled = list(sampled)
    _check_finite(run_id, sampled)
    rows = [
        {"run_id": run_id, "number": number, "data": data, **{name: one[name] for name in _COLUMNS}}
        for number, one in enumerate(sampled)
    ]
    with registry.database.writing() as connection:
        connection.execute(delete(ArchitectureRow).where(ArchitectureRow.run_id == run_id))
        if rows:
            connection.execute(insert(ArchitectureRow), rows)
    return len(rows)


def _check_finite(run_id: str, sampled: Sequence[Mapping[str, Any]]) -> None:
    for number, one in enumerate(sampled):
        for name in ("reward", "accuracy", "loss"):
            if not math.isfinite(one[name]):
                raise ValueError(
                    f"sample {number} of run {run_id} has the {name} {one[name]}; finite numbers are needed"
                )


def architectures(
    registry: Registry, *, run_id: str | None = None, data: str | None = None, best: int | None = None
) -> tuple[Architecture, ...]:
    """Samples of one run, of one data set or of all.

    Args:
        registry: where.
        run_id: only those of this run.
        data: only those of this data set.
        best: at most this many, of the highest reward first; None: all, in the order of sampling.
    """
    statement = select(*ArchitectureRow.__table__.columns)
    if run_id is not None:
        statement = statement.where(ArchitectureRow.run_id == run_id)
    if data is not None:
        statement = statement.where(ArchitectureRow.data == data)
    order = [ArchitectureRow.run_id, ArchitectureRow.number]
    statement = statement.order_by(*([ArchitectureRow.reward.desc()] if best is not None else []), *order)
    with registry.database.reading() as connection:
        rows = connection.execute(statement.limit(best)).mappings()
        return tuple(Architecture(**row) for row in rows)
