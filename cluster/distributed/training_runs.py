"""Trainings from scratch as training_runs of epochs, so that they can be killed, moved and taken up again.

One epoch is a pure function of the state before it. So it does not matter who computes it: this process, or
on Ray whichever worker is free; an epoch that was lost is computed once more from the state before.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from cluster.checkpoints.store import Checkpoints
from cluster.interruption import Interruption
from cluster.schedule import Timer
from cluster.settings import configuration_hash, without_defaults
from nas.baselines import Baseline, BaselineConfig
from nas.compute import deterministic
from nas.compute_config import ComputeConfig
from nas.genotype import Genotype
from nas.image_classifier import ImageClassifier
from nas.images import ImageSource
from nas.network import Network
from nas.plan import LATER_NETWORK_SETTINGS, NetworkConfig
from nas.threads import torch_threads
from nas.train import Training, evaluate
from nas.training_config import TrainingConfig

__all__ = [
    "BaselineSpec",
    "EpochTrainer",
    "GenotypeSpec",
    "LocalTrainingBackend",
    "Score",
    "TrainedEpoch",
    "TrainingBackend",
    "TrainingRun",
    "TrainingSpec",
    "TrainingState",
    "kept",
]

TrainingState = dict[str, Any]
"""What `nas.train.Training.state_dict` gives; None stands for the beginning."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpec(ABC):
    """What a training is, for the process that computes an epoch of it.

    Attributes:
        config: how is trained.
        compute: device and precision.
        threads: torch threads; another number gives other last digits.
    """

    config: TrainingConfig
    compute: ComputeConfig
    threads: int = 1

    @abstractmethod
    def build(self) -> ImageClassifier:
        """The network before the first epoch, its weights by the training's seed."""

    @abstractmethod
    def design(self) -> dict[str, Any]:
        """What tells its network from others, JSON values."""

    def begin(self, source: ImageSource, state: TrainingState | None) -> Training:
        """The training at a state."""
        training = Training(self.build(), source, self.config, self.compute)
        if state is not None:
            training.load_state_dict(state)
        return training

    def finish(self, state: TrainingState) -> ImageClassifier:
        """The network to predict with, on the CPU, whatever it was trained on."""
        network = self.build()
        network.load_state_dict(state["average"] or state["network"])
        return network


@dataclass(frozen=True, kw_only=True)
class GenotypeSpec(TrainingSpec):
    """The training of the network of a genotype.

    Attributes:
        genotype: its cells.
        network: its size.
    """

    genotype: Genotype
    network: NetworkConfig

    def build(self) -> Network:
        """See `TrainingSpec`."""
        return Network(self.genotype, self.network, self.config.seed)

    def design(self) -> dict[str, Any]:
        """See `TrainingSpec`."""
        network = without_defaults(self.network.model_dump(mode="json"), LATER_NETWORK_SETTINGS)
        return {"network": network, "genotype": str(self.genotype)}


@dataclass(frozen=True, kw_only=True)
class BaselineSpec(TrainingSpec):
    """The training of a network made by hand.

    Attributes:
        network: its kind and size.
    """

    network: BaselineConfig

    def build(self) -> Baseline:
        """See `TrainingSpec`."""
        return Baseline(self.network, self.config.seed)

    def design(self) -> dict[str, Any]:
        """See `TrainingSpec`."""
        return {"baseline": without_defaults(self.network.model_dump(mode="json"), LATER_NETWORK_SETTINGS)}


SpecT = TypeVar("SpecT", bound=TrainingSpec)


class Score(NamedTuple):
    """Of a trained network on validation images."""

    accuracy: float
    loss: float


class TrainedEpoch(NamedTuple):
    """Metrics of an epoch, and after the last one the score, if there is something to score on."""

    row: dict[str, float]
    score: Score | None


class EpochTrainer:
    """Computes epochs; the last training stays in memory, so that its next epoch need not be loaded."""

    def __init__(self) -> None:
        self._known: object = None
        self._training: Training | None = None

    def advance(
        self,
        spec: TrainingSpec,
        source: ImageSource,
        validation: ImageSource | None,
        state: Callable[[], TrainingState | None],
        epoch: int,
    ) -> tuple[TrainedEpoch, TrainingState]:
        """The next epoch, and the state after it.

        Args:
            spec: the training.
            source, validation: its images.
            state: gives the state before; called only where it is not in memory.
            epoch: how many are done before.

        Raises:
            ValueError: the training diverges, or there is no such device.
        """
        with torch_threads(spec.threads):
            training, self._training = self._training, None
            if training is None or self._known != (spec, id(source), epoch):
                training = spec.begin(source, state())
            row = asdict(training.run_epoch())
            reached = training.state_dict()
            score = None
            if training.epoch == spec.config.epochs and validation is not None:
                with deterministic(spec.compute):
                    result = evaluate(training.use_average(), validation)
                score = Score(result.accuracy, result.loss)
            elif training.epoch < spec.config.epochs:
                self._known, self._training = (spec, id(source), training.epoch), training
        return TrainedEpoch(row, score), reached


class TrainingRun(Generic[SpecT]):
    """One training on its way: its state, its curve and its checkpoints.

    Args:
        name: for people, as "seed 1".
        spec: the training.
        source: training images.
        validation: scored on at the end; None: nothing is.
        folder: for the checkpoints of this training alone.
        context: what else the result depends on (data, encoding), JSON values.
        checkpoint_seconds: time between checkpoints; the end is always saved.

    Attributes:
        state: after the last epoch; None before the first.
        history: metrics of every epoch, and when it ended (seconds since 1970).
        score: at the end, if there are validation images.
        notes: sentences that the caller must show, about checkpoints that could not be read.

    Raises:
        ValueError: the checkpoints in `folder` are of another training or context.
    """

    def __init__(
        self,
        name: str,
        spec: SpecT,
        source: ImageSource,
        validation: ImageSource | None,
        folder: Path,
        context: Mapping[str, Any],
        checkpoint_seconds: float,
    ) -> None:
        self.name, self.spec, self.source, self.validation = name, spec, source, validation
        self._timer = Timer(checkpoint_seconds)
        key = {"training": spec.config.key(), **spec.design(), **context}
        self._checkpoints = Checkpoints(folder, keep=2, configuration=configuration_hash(key))
        self.state: TrainingState | None = None
        self.history: list[dict[str, float]] = []
        self.score: Score | None = None
        self.notes: list[str] = []
        self._saved = 0
        self._load()

    def _load(self) -> None:
        found = self._checkpoints.load_latest()
        if found is None:
            return
        self.state, self.history = found.state["training"], found.state["history"]
        self.score = Score(*found.state["score"]) if found.state["score"] else None
        self.notes, self._saved = found.notes, self.epoch

    @property
    def epoch(self) -> int:
        """How many are done."""
        return len(self.history)

    @property
    def finished(self) -> bool:
        """Whether all are."""
        return self.epoch >= self.spec.config.epochs

    @property
    def network(self) -> ImageClassifier:
        """What the finished training gave."""
        assert self.finished
        assert self.state is not None
        return self.spec.finish(self.state)

    def add(self, trained: TrainedEpoch, state: TrainingState) -> None:
        """An epoch is done. Saved when it is time.

        Raises:
            OSError: the checkpoint cannot be written; those before it are untouched.
        """
        self.history.append({**trained.row, "timestamp": time.time()})
        self.state, self.score = state, trained.score
        if self._timer.due() or self.finished:
            self.save()

    def save(self) -> None:
        """Save what is done, unless it is saved already.

        Raises:
            OSError: as `add`.
        """
        if self.epoch > self._saved:
            content = {"training": self.state, "history": self.history, "score": self.score}
            self._checkpoints.save(content, self.epoch)
            self._saved = self.epoch


class TrainingBackend(Protocol):
    """Who computes the epochs of training_runs."""

    def run(
        self,
        training_runs: Sequence[TrainingRun[SpecT]],
        progressed: Callable[[TrainingRun[SpecT]], None],
        interruption: Interruption,
    ) -> None:
        """Bring all training_runs to their end, each from where it is.

        Args:
            training_runs: in any state.
            progressed: called after every epoch with its training_run.
            interruption: looked at after every epoch.

        Raises:
            Interrupted: asked to stop; everything is saved.
            ValueError: a training diverges; what was done before is saved.
            OSError: a checkpoint cannot be written.
        """
        ...

    def machines(self) -> Mapping[str, Mapping[str, float]]:
        """What the machines of the workers said last of their use, by address; see `cluster.tracking`."""
        ...


class LocalTrainingBackend:
    """This process, one training_run after the other."""

    def run(
        self,
        training_runs: Sequence[TrainingRun[SpecT]],
        progressed: Callable[[TrainingRun[SpecT]], None],
        interruption: Interruption,
    ) -> None:
        """See `TrainingBackend`."""
        trainer = EpochTrainer()
        with kept(training_runs):
            for training_run in training_runs:
                while not training_run.finished:
                    _advance(trainer, training_run)
                    progressed(training_run)
                    if not all(one.finished for one in training_runs):
                        interruption.stop_if_requested()

    def machines(self) -> Mapping[str, Mapping[str, float]]:
        """None: this machine is the driver's own."""
        return {}


def _advance(trainer: EpochTrainer, training_run: TrainingRun[SpecT]) -> None:
    training_run.add(
        *trainer.advance(
            training_run.spec,
            training_run.source,
            training_run.validation,
            lambda: training_run.state,
            epoch=training_run.epoch,
        )
    )


@contextmanager
def kept(training_runs: Sequence[TrainingRun[SpecT]]) -> Iterator[None]:
    """Save every training_run when the block is left by an error, whichever of them it came from."""
    try:
        yield
    except OSError:
        raise  # nothing more can be written
    except Exception:
        for training_run in training_runs:
            training_run.save()
        raise
