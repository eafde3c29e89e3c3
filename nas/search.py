"""The search: weight steps and controller steps in turn, over any `Strategy` and any `Children`.

An epoch is a number of weight steps (sample M genotypes, train the shared weights once) followed by a number
of controller steps (sample genotypes, score each with the shared weights, tell the strategy). A search can
be saved and continued at any step boundary, and then gives the same result bit for bit. It returns numbers;
the caller logs and saves.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

from nas.children import Children
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.shards import ShardScore
from nas.strategy import Strategy

Phase = Literal["weights", "controller"]


@dataclass(frozen=True)
class Position:
    """Which step comes next.

    Attributes:
        epoch: counted from 0; equal to the configured number when the search has ended.
        phase: "weights" or "controller".
        step: counted from 0 within phase and epoch.
    """

    epoch: int = 0
    phase: Phase = "weights"
    step: int = 0


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One finished step.

    Attributes:
        position: which step it was.
        genotypes: those trained or scored, in shard order.
        rewards: one for each genotype of a controller step; empty for a weight step.
        scores: likewise, the validation scores behind the rewards.
        metrics: numbers by name; see `Search`.
    """

    position: Position
    genotypes: tuple[Genotype, ...]
    rewards: tuple[float, ...] = ()
    scores: tuple[ShardScore, ...] = ()
    metrics: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return {
            "position": asdict(self.position),
            "genotypes": [str(genotype) for genotype in self.genotypes],
            "rewards": list(self.rewards),
            "scores": [asdict(score) for score in self.scores],
            "metrics": dict(self.metrics),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(
            position=Position(**data["position"]),
            genotypes=tuple(Genotype.parse(text) for text in data["genotypes"]),
            rewards=tuple(data["rewards"]),
            scores=tuple(ShardScore(**score) for score in data["scores"]),
            metrics=dict(data["metrics"]),
        )


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """Summary of one epoch.

    Attributes:
        epoch: counted from 0.
        learning_rate: of the shared weights.
        loss, accuracy, gradient_norm: means over the weight steps.
        bytes_returned: size of a weight step's gradients, mean over the steps.
        reward_mean: mean over all sampled genotypes.
        reward_spread: standard deviation of the rewards within a controller step, mean over steps.
        reward_collapsed: the spread is below `collapse_threshold`: rewards say nothing about architectures.
        validation_loss, validation_accuracy: means over all sampled genotypes.
        strategy: what the strategy reports, by its own names: means over the controller steps; a "baseline"
            as after the last one.
        best_genotype: the sampled genotype of the highest reward, the earliest of equals.
        best_reward: its reward.
        records: every step, with every sampled architecture and its reward.
    """

    epoch: int
    learning_rate: float
    loss: float
    accuracy: float
    gradient_norm: float
    bytes_returned: float
    reward_mean: float
    reward_spread: float
    reward_collapsed: bool
    validation_loss: float
    validation_accuracy: float
    strategy: Mapping[str, float]
    best_genotype: Genotype
    best_reward: float
    records: tuple[StepRecord, ...]

    def scalars(self) -> dict[str, float]:
        """All numbers by name, for a log."""
        skipped = ("epoch", "best_genotype", "records", "strategy")
        values = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in skipped}
        return {name: float(value) for name, value in {**self.strategy, **values}.items()}


class Search:
    """A search at some position.

    Metrics of a weight step: loss, accuracy, gradient_norm, num_used, bytes_returned, learning_rate.
    Metrics of a controller step: reward_mean, reward_spread, validation_loss, validation_accuracy, and what
    the strategy reports (entropy, baseline, ...).

    Args:
        config: the search.
        strategy: proposes genotypes.
        children: trains and scores them.
    """

    def __init__(self, config: SearchConfig, strategy: Strategy, children: Children) -> None:
        self.config = config
        self.strategy = strategy
        self.children = children
        self.position = Position()
        self._records: list[StepRecord] = []

    @property
    def finished(self) -> bool:
        """Whether all configured epochs are done."""
        return self.position.epoch >= self.config.epochs

    @property
    def steps_per_epoch(self) -> int:
        """Weight steps and controller steps of one epoch."""
        return self.config.weight_steps_per_epoch + self.config.controller_steps_per_epoch

    @property
    def epoch_records(self) -> tuple[StepRecord, ...]:
        """Steps of the current epoch so far."""
        return tuple(self._records)

    def step(self) -> StepRecord:
        """Do the next step, weights or controller as the position says. If it raises, nothing has changed.

        Raises:
            NonFiniteLossError: see `Children.train`.
            RuntimeError: the search has finished.
        """
        if self.finished:
            raise RuntimeError(
                f"the search has finished its {self.config.epochs} epochs; there is no next step"
            )
        if self.position.step == 0 and self.position.phase == "weights":
            self._records = []
        record = self._weight_step() if self.position.phase == "weights" else self._controller_step()
        self._records.append(record)
        self.position = self._following()
        return record

    def run_epoch(self) -> EpochMetrics:
        """Do all steps that are left of the current epoch."""
        epoch = self.position.epoch
        self.step()
        while self.position.epoch == epoch:
            self.step()
        return self.epoch_metrics()

    def epoch_metrics(self) -> EpochMetrics:
        """Summary of the epoch that has just ended, steps before a resume included.

        Raises:
            RuntimeError: an epoch is under way.
        """
        if len(self._records) != self.steps_per_epoch:
            raise RuntimeError(
                f"the epoch has {len(self._records)} of {self.steps_per_epoch} steps; it must end first"
            )
        return _summary(self._records, self.config)

    def _weight_step(self) -> StepRecord:
        number = self.position.epoch * self.config.weight_steps_per_epoch + self.position.step
        rate = self.config.learning_rate(self.position.epoch)
        genotypes = self.strategy.sample(self.config.num_shards, "weights", number)
        metrics = asdict(self.children.train(number, genotypes, rate))
        return StepRecord(
            position=self.position, genotypes=tuple(genotypes), metrics={**metrics, "learning_rate": rate}
        )

    def _controller_step(self) -> StepRecord:
        number = self.position.epoch * self.config.controller_steps_per_epoch + self.position.step
        genotypes = self.strategy.sample(self.config.num_samples, "controller", number)
        scores = self.children.score(number, genotypes)
        rewards = [score.accuracy if self.config.reward == "accuracy" else -score.loss for score in scores]
        told = self.strategy.update(genotypes, rewards)
        metrics = {
            "reward_mean": _mean(rewards),
            "reward_spread": _spread(rewards),
            "validation_loss": _mean([score.loss for score in scores]),
            "validation_accuracy": _mean([score.accuracy for score in scores]),
        }
        return StepRecord(
            position=self.position,
            genotypes=tuple(genotypes),
            rewards=tuple(rewards),
            scores=tuple(scores),
            metrics={**metrics, **told},
        )

    def _following(self) -> Position:
        epoch, phase, step = self.position.epoch, self.position.phase, self.position.step + 1
        if phase == "weights":
            more = step < self.config.weight_steps_per_epoch
            return Position(epoch, "weights", step) if more else Position(epoch, "controller", 0)
        more = step < self.config.controller_steps_per_epoch
        return Position(epoch, "controller", step) if more else Position(epoch + 1, "weights", 0)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on, and the current epoch's records for its summary."""
        return {
            "position": asdict(self.position),
            "records": [record.to_dict() for record in self._records],
            "strategy": self.strategy.state_dict(),
            "children": self.children.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what `state_dict` gave, with the same configuration and data.

        Raises:
            ValueError: the state belongs to another strategy or to a search network of another size.
        """
        self.strategy.load_state_dict(state["strategy"])
        self.children.load_state_dict(state["children"])
        self.position = Position(**state["position"])
        self._records = [StepRecord.from_dict(record) for record in state["records"]]


def _summary(records: Sequence[StepRecord], config: SearchConfig) -> EpochMetrics:
    weights = [record.metrics for record in records if record.position.phase == "weights"]
    steps = [record for record in records if record.position.phase == "controller"]
    controller = [record.metrics for record in steps]
    sampled = [pair for r in steps for pair in zip(r.rewards, r.genotypes, strict=True)]
    best_reward, best_genotype = max(sampled, key=lambda pair: pair[0])
    spread = _mean([metrics["reward_spread"] for metrics in controller])
    return EpochMetrics(
        epoch=records[0].position.epoch,
        learning_rate=weights[0]["learning_rate"],
        loss=_mean([metrics["loss"] for metrics in weights]),
        accuracy=_mean([metrics["accuracy"] for metrics in weights]),
        gradient_norm=_mean([metrics["gradient_norm"] for metrics in weights]),
        bytes_returned=_mean([metrics["bytes_returned"] for metrics in weights]),
        reward_mean=_mean([metrics["reward_mean"] for metrics in controller]),
        reward_spread=spread,
        reward_collapsed=spread < config.collapse_threshold,
        validation_loss=_mean([metrics["validation_loss"] for metrics in controller]),
        validation_accuracy=_mean([metrics["validation_accuracy"] for metrics in controller]),
        strategy=_reported(controller),
        best_genotype=best_genotype,
        best_reward=best_reward,
        records=tuple(records),
    )


_OF_A_STEP = ("reward_mean", "reward_spread", "validation_loss", "validation_accuracy")


def _reported(metrics: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """What the strategy reports at every controller step, summed up for the epoch."""
    names = [name for name in metrics[0] if name not in _OF_A_STEP and all(name in one for one in metrics)]
    return {
        name: metrics[-1][name] if name == "baseline" else _mean([one[name] for one in metrics])
        for name in names
    }


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _spread(values: Sequence[float]) -> float:
    """Standard deviation over all values (population)."""
    mean = _mean(values)
    return math.sqrt(_mean([(value - mean) ** 2 for value in values]))
