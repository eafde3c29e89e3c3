"""What an experiment file comes to: jobs, what each needs, and which runs after which."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from cluster.registry.records import Room

__all__ = ["Plan", "PlannedJob"]


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """One job to be.

    Attributes:
        name: for people; of one word, since a folder is called so too.
        kind: an entry of `cluster.scheduling.kinds.KINDS`.
        settings: JSON values from which the kind makes its command.
        run: the name of its run's folder; the steps of a pipeline share one.
        needs: CPUs and GPUs, all its workers together.
        limit_seconds: how long one attempt may take; None: as long as it likes.
        after: positions in the plan of the jobs that must have finished before.
    """

    name: str
    kind: str
    settings: dict[str, Any]
    run: str
    needs: Room
    limit_seconds: float | None = None
    after: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All jobs of one experiment, each after those that it needs.

    Attributes:
        name: of the experiment.
        kind: what its file said.
        source: the text of the file.
        jobs: in an order in which they could run.
    """

    name: str
    kind: str
    source: str
    jobs: tuple[PlannedJob, ...]

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote."""
        jobs = tuple(
            PlannedJob(**{**job, "needs": Room(**job["needs"]), "after": tuple(job["after"])})
            for job in content["jobs"]
        )
        return cls(name=content["name"], kind=content["kind"], source=content["source"], jobs=jobs)
