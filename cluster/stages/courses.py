"""Trainings from scratch as courses of epochs, so that they can be killed, moved and taken up again.

One epoch is a pure function of the state before it. So it does not matter who computes it: this process, or
on Ray whichever worker is free; an epoch that was lost is computed once more from the state before.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from cluster.interruption import Interruption
from cluster.stages.checkpoints import Checkpoints, configuration_hash
from cluster.stages.schedule import Timer
from nas.compute import ComputeConfig, deterministic
from nas.genotype import Genotype
from nas.images import ImageSource
from nas.network import Network, NetworkConfig
from nas.threads import torch_threads
from nas.train import Training, TrainingConfig, evaluate

__all__ = [
    "Course",
    "EpochTrainer",
    "LocalTrainers",
    "Score",
    "TrainedEpoch",
    "Trainers",
    "TrainingSpec",
    "TrainingState",
    "kept",
]

TrainingState = dict[str, Any]
"""What `nas.train.Training.state_dict` gives; None stands for the beginning."""


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """What a training is, for whoever computes an epoch of it.

    Attributes:
        genotype, network, config: what is trained, and how.
        compute: device and precision.
        threads: torch threads; another number gives other last digits.
    """

    genotype: Genotype
    network: NetworkConfig
    config: TrainingConfig
    compute: ComputeConfig
    threads: int = 1

    def begin(self, source: ImageSource, state: TrainingState | None) -> Training:
        """The training at a state."""
        network = Network(self.genotype, self.network, self.config.seed)
        training = Training(network, source, self.config, self.compute)
        if state is not None:
            training.load_state_dict(state)
        return training

    def finish(self, state: TrainingState) -> Network:
        """The network to predict with, on the CPU, whatever it was trained on."""
        network = Network(self.genotype, self.network)
        network.load_state_dict(state["average"] or state["network"])
        return network


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


class Course:
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
        notes: sentences that somebody must show, about checkpoints that could not be read.

    Raises:
        ValueError: the checkpoints in `folder` are of another training or context.
    """

    def __init__(
        self,
        name: str,
        spec: TrainingSpec,
        source: ImageSource,
        validation: ImageSource | None,
        folder: Path,
        context: Mapping[str, Any],
        checkpoint_seconds: float,
    ) -> None:
        self.name, self.spec, self.source, self.validation = name, spec, source, validation
        self._timer = Timer(checkpoint_seconds)
        key = {
            "training": spec.config.model_dump(mode="json"),
            "network": spec.network.model_dump(mode="json"),
            "genotype": str(spec.genotype),
            **context,
        }
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
    def network(self) -> Network:
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


class Trainers(Protocol):
    """Who computes the epochs of courses."""

    def run(
        self, courses: Sequence[Course], progressed: Callable[[Course], None], interruption: Interruption
    ) -> None:
        """Bring all courses to their end, each from where it is.

        Args:
            courses: in any state.
            progressed: called after every epoch with its course.
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


class LocalTrainers:
    """This process, one course after the other."""

    def run(
        self, courses: Sequence[Course], progressed: Callable[[Course], None], interruption: Interruption
    ) -> None:
        """See `Trainers`."""
        trainer = EpochTrainer()
        with kept(courses):
            for course in courses:
                while not course.finished:
                    _advance(trainer, course)
                    progressed(course)
                    if not all(one.finished for one in courses):
                        interruption.stop_if_requested()

    def machines(self) -> Mapping[str, Mapping[str, float]]:
        """None: this machine is the driver's own."""
        return {}


def _advance(trainer: EpochTrainer, course: Course) -> None:
    course.add(
        *trainer.advance(
            course.spec, course.source, course.validation, lambda: course.state, epoch=course.epoch
        )
    )


@contextmanager
def kept(courses: Sequence[Course]) -> Iterator[None]:
    """Save every course when the block is left by an error, whichever of them it came from."""
    try:
        yield
    except OSError:
        raise  # nothing more can be written
    except Exception:
        for course in courses:
            course.save()
        raise
