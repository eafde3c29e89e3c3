"""What a batch of shards cost: seconds, bytes, and how long workers had nothing to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from cluster.distributed.reports import ShardReport

__all__ = ["ShardCost", "Tally", "measure"]


@dataclass(frozen=True, kw_only=True)
class ShardCost:
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
) -> ShardCost:
    """Add up the reports, each with the number of the worker that made it."""
    busy = dict.fromkeys(workers, 0.0)
    for number, report in reports:
        busy[number] = busy.get(number, 0.0) + report.seconds
    return ShardCost(
        kind=kind,
        seconds=seconds,
        update_seconds=update_seconds,
        bytes_in=sum(report.bytes_in for _, report in reports),
        bytes_out=sum(report.bytes_out for _, report in reports),
        repeated=repeated,
        idle={number: max(0.0, 1 - share / seconds) for number, share in busy.items()},
    )


class Tally:
    """What the batches of one epoch cost together, for the curves of a run."""

    def __init__(self) -> None:
        self._steps = 0
        self._seconds = self._bytes_in = 0.0
        self._idle_seconds: dict[str, float] = {}

    def add(self, measured: ShardCost) -> None:
        """One batch more."""
        self._seconds += measured.seconds
        if measured.kind == "train":
            self._steps += 1
        self._bytes_in += measured.bytes_in
        for worker, share in measured.idle.items():
            idle = self._idle_seconds.get(str(worker), 0.0)
            self._idle_seconds[str(worker)] = idle + share * measured.seconds

    def scalars(self) -> dict[str, float]:
        """Numbers by name: bytes copied a weight step, and shares of time that workers were idle."""
        if not self._steps:
            return {}
        idle = {worker: seconds / self._seconds for worker, seconds in self._idle_seconds.items()}
        return {
            "weight_bytes": self._bytes_in / self._steps,
            "idle_share": sum(idle.values()) / len(idle),
            **{f"idle_share_worker_{worker}": share for worker, share in idle.items()},
        }

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint in mid-epoch."""
        return {
            "steps": self._steps,
            "seconds": self._seconds,
            "bytes_in": self._bytes_in,
            "idle_seconds": dict(self._idle_seconds),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Go on from what `state_dict` gave."""
        tally = cls()
        tally._steps = int(state["steps"])
        tally._seconds, tally._bytes_in = float(state["seconds"]), float(state["bytes_in"])
        tally._idle_seconds = dict(state["idle_seconds"])
        return tally
