"""What an experiment file comes to: jobs, what each needs, and which runs after which."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from cluster.registry.records import Resources

__all__ = ["RUN_NAME_BYTES", "Plan", "PlannedJob"]

RUN_NAME_BYTES = 230
"""How long a run folder's name may be: 255 is the file systems' limit, and rounds add to it."""


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
    needs: Resources
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

    def refuse_shared_folders(self) -> None:
        """Each run has a folder of its own; only the steps of one run, each after the one before, share it.

        Raises:
            ValueError: two jobs that do not wait for each other have one run folder, or its name is too long.
        """
        owners: dict[str, int] = {}
        for number, job in enumerate(self.jobs):
            if len(job.run.encode()) > RUN_NAME_BYTES:
                raise ValueError(
                    f"the run folder {job.run[:40]!r}... has a name of {len(job.run.encode())} bytes; "
                    f"{RUN_NAME_BYTES} are allowed: give a shorter name"
                )
            folder = job.run.casefold()  # some file systems take a-B for A-b
            if folder in owners and owners[folder] not in job.after:
                first = self.jobs[owners[folder]].name
                raise ValueError(
                    f"the jobs {first!r} and {job.name!r} have one run folder, {job.run!r}; "
                    "each run needs one of its own"
                )
            owners[folder] = number

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `from_dict` reads them back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote."""
        jobs = tuple(
            PlannedJob(**{**job, "needs": Resources(**job["needs"]), "after": tuple(job["after"])})
            for job in content["jobs"]
        )
        return cls(name=content["name"], kind=content["kind"], source=content["source"], jobs=jobs)
