"""What a batch of shards cost: seconds, bytes, and how long workers had nothing to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from cluster.distributed.reports import ShardReport

__all__ = ["Measurement", "measure"]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one batch of shards cost. It differs from run to run; nothing in a result depends on it.

    Attributes:
        kind: "train", "score" or "evaluate".
        seconds: from the call to the result.
        update_seconds: of these, the reduction, update and publication by the owner.
        bytes_in: weights copied by evaluators.
        bytes_out: gradients returned.
        repeated: shards that had to be computed again.
        idle: by worker number, the share of `seconds` in which it computed nothing.
    """

    kind: str
    seconds: float
    update_seconds: float
    bytes_in: int
    bytes_out: int
    repeated: int
    idle: dict[int, float]

    def scalars(self) -> dict[str, float]:
        """Numbers by name, for a log."""
        idle = list(self.idle.values())
        return {
            "seconds": self.seconds,
            "update_seconds": self.update_seconds,
            "bytes_in": float(self.bytes_in),
            "bytes_out": float(self.bytes_out),
            "repeated_shards": float(self.repeated),
            "workers": float(len(idle)),
            "idle_share": sum(idle) / len(idle),
        }


def measure(
    kind: str,
    reports: Sequence[tuple[int, ShardReport]],
    workers: Sequence[int],
    *,
    seconds: float,
    update_seconds: float,
    repeated: int,
) -> Measurement:
    """Add up the reports, each with the number of the worker that made it."""
    busy = dict.fromkeys(workers, 0.0)
    for number, report in reports:
        busy[number] = busy.get(number, 0.0) + report.seconds
    return Measurement(
        kind=kind,
        seconds=seconds,
        update_seconds=update_seconds,
        bytes_in=sum(report.bytes_in for _, report in reports),
        bytes_out=sum(report.bytes_out for _, report in reports),
        repeated=repeated,
        idle={number: max(0.0, 1 - share / seconds) for number, share in busy.items()},
    )
