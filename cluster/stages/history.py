"""What a search has done so far: one row an epoch for the curves, and every architecture with its reward.

It is part of the checkpoint, so that a resumed search tells its whole history.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from cluster.distributed.measurements import ShardCost, Tally
from nas.genotype import Genotype
from nas.search import EpochMetrics, StepRecord
from nas.space import SearchSpace

__all__ = ["SearchHistory", "epoch_row"]

# Under which names a record keeps the scalars of an epoch; the others keep theirs.
_NAMES = {"reward_mean": "reward"}


class SearchHistory:
    """Grows step by step and epoch by epoch.

    Args:
        now: seconds since 1970, for the time of each epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self.epochs: list[dict[str, Any]] = []
        self.seconds = 0.0
        self._genotypes: list[Genotype] = []
        self._scores: list[tuple[float, float, float, float]] = []
        self._phase_seconds = {"weights": 0.0, "controller": 0.0}
        self._tally = Tally()

    @property
    def rewards(self) -> list[float]:
        """Of every architecture sampled by a controller step, in order."""
        return [score[1] for score in self._scores]

    def add_step(self, record: StepRecord, seconds: float, measured: ShardCost | None = None) -> None:
        """A finished step, how long it took and, on a cluster, what it cost."""
        if measured is not None:
            self._tally.add(measured)
        self.seconds += seconds
        self._phase_seconds[record.position.phase] += seconds
        for genotype, reward, score in zip(record.genotypes, record.rewards, record.scores, strict=False):
            self._genotypes.append(genotype)
            self._scores.append((record.position.epoch + 1, reward, score.accuracy, score.loss))

    def add_epoch(self, metrics: EpochMetrics) -> dict[str, Any]:
        """A finished epoch; returns its row."""
        steps = {
            phase: sum(r.position.phase == phase for r in metrics.records) for phase in self._phase_seconds
        }
        row = epoch_row(metrics)
        row["weight_seconds"] = self._phase_seconds["weights"] / steps["weights"]
        row["controller_seconds"] = self._phase_seconds["controller"] / steps["controller"]
        row.update(self._tally.scalars())
        row["timestamp"] = self._now()
        self._tally = Tally()
        self._phase_seconds = dict.fromkeys(self._phase_seconds, 0.0)
        self.epochs.append(row)
        return row

    def sampled(self) -> list[dict[str, Any]]:
        """Every architecture sampled: epoch, genotype, reward, validation accuracy and loss."""
        return [
            {
                "epoch": int(epoch),
                "genotype": str(genotype),
                "reward": reward,
                "accuracy": accuracy,
                "loss": loss,
            }
            for genotype, (epoch, reward, accuracy, loss) in zip(self._genotypes, self._scores, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint; the samples as arrays, which stay small over many epochs."""
        return {
            "epochs": [dict(row) for row in self.epochs],
            "seconds": self.seconds,
            "phase_seconds": dict(self._phase_seconds),
            "tally": self._tally.state_dict(),
            "numbers": np.array([genotype.to_numbers() for genotype in self._genotypes], np.int16),
            "scores": np.array(self._scores, np.float64),
            **_space_state(self._genotypes),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.epochs = [dict(row) for row in state["epochs"]]
        self.seconds = float(state["seconds"])
        self._phase_seconds = dict(state["phase_seconds"])
        if "tally" in state:  # of a run that was begun with an earlier version it has none
            self._tally = Tally.from_state(state["tally"])
        self._genotypes = _genotypes(state)
        self._scores = [(score[0], score[1], score[2], score[3]) for score in state["scores"].tolist()]


def _space_state(genotypes: Sequence[Genotype]) -> dict[str, Any]:
    """The space and what it chooses beside the cells; nothing for ENAS micro."""
    if not genotypes or not genotypes[0].label:
        return {}
    count = len(genotypes[0].space.choices)
    chosen = [genotype.to_decisions()[-count:] if count else () for genotype in genotypes]
    return {"space": genotypes[0].space.to_dict(), "choices": np.array(chosen, np.int16)}


def _genotypes(state: Mapping[str, Any]) -> list[Genotype]:
    if "space" not in state:
        return [Genotype.from_numbers(normal, reduction) for normal, reduction in state["numbers"].tolist()]
    space = SearchSpace.from_dict(state["space"])
    rows = zip(state["numbers"].tolist(), state["choices"].tolist(), strict=True)
    return [
        Genotype.from_decisions([*normal, *reduction, *chosen], space) for (normal, reduction), chosen in rows
    ]


def epoch_row(metrics: EpochMetrics) -> dict[str, Any]:
    """One epoch as plain data; epochs are counted from 1 here, as people count them."""
    scalars = {_NAMES.get(name, name): value for name, value in metrics.scalars().items()}
    return {"epoch": metrics.epoch + 1, **scalars, "best_genotype": str(metrics.best_genotype)}
