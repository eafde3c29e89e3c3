"""Trainings from scratch on a Ray cluster: every epoch goes to whichever worker is free.

A worker that is lost or slow delays the one training whose epoch it holds; that epoch is repeated elsewhere
from the state before, which the driver keeps.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ray
from ray import ObjectRef
from ray.exceptions import RayError

from cluster.distributed.dispatch import Dispatcher, Finished, Submit
from cluster.distributed.processes import NotPreparedError, WorkerInfo, introduce
from cluster.distributed.reports import EpochReport
from cluster.distributed.training_runs import (
    EpochTrainer,
    SpecT,
    TrainingRun,
    TrainingSpec,
    TrainingState,
    kept,
)
from cluster.interruption import Interruption
from cluster.tracking.machines import MachineUse
from nas.compute_config import ComputeConfig
from nas.images import ImageSource

__all__ = ["RayTrainingBackend", "Trainer"]

FETCH_SECONDS = 60.0
"""How long a state may take to arrive before it counts as lost; 20 MB take some hundredths of a second."""

Reference = list["ObjectRef[Any]"]
"""A reference in a list, so that Ray hands on the reference itself; empty: there is nothing."""


class Trainer:
    """Computes epochs on one worker. A new process knows nothing until `prepare`."""

    def __init__(self) -> None:
        self._epochs = EpochTrainer()
        self._sources: dict[str, ImageSource] = {}
        self._prepared = False
        self._machine = MachineUse()

    def prepare(self, compute: ComputeConfig) -> WorkerInfo:
        """Get ready for work, and say who this is.

        Raises:
            ValueError: there is no such device in this process.
        """
        self._prepared = True
        return introduce(compute)

    def advance(
        self, spec: TrainingSpec, images: Reference, validation: Reference, state: Reference, epoch: int
    ) -> tuple[EpochReport, TrainingState]:
        """The next epoch of a training: a report, and as an object of its own the state after it.

        Args:
            spec: the training.
            images, validation: its sources in the object store; no validation: nothing is scored.
            state: before the epoch; empty at the beginning.
            epoch: how many are done before.
        """
        begin = time.perf_counter()
        if not self._prepared:
            raise NotPreparedError("the worker's process was started anew")
        source = self._source(images)
        assert source is not None
        trained, reached = self._epochs.advance(
            spec, source, self._source(validation), lambda: ray.get(state[0]) if state else None, epoch
        )
        seconds = time.perf_counter() - begin
        return EpochReport(trained=trained, seconds=seconds, machine=self._machine.due()), reached

    def _source(self, reference: Reference) -> ImageSource | None:
        """Fetched once: the images of a search are the same for all its trainings."""
        if not reference:
            return None
        name = reference[0].hex()
        if name not in self._sources:
            self._sources[name] = ray.get(reference[0], timeout=FETCH_SECONDS)
        return self._sources[name]


class RayTrainingBackend:
    """The workers of a dispatcher, each of which has the methods of `Trainer`.

    Args:
        dispatcher: of the workers.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def run(
        self,
        training_runs: Sequence[TrainingRun[SpecT]],
        progressed: Callable[[TrainingRun[SpecT]], None],
        interruption: Interruption,
    ) -> None:
        """See `cluster.distributed.training_runs.TrainingBackend`."""
        left = [training_run for training_run in training_runs if not training_run.finished]
        stored: dict[int, Reference] = {id(None): []}

        def reference(images: ImageSource | None) -> Reference:
            if id(images) not in stored:
                stored[id(images)] = [ray.put(images)]
            return stored[id(images)]

        def epoch(training_run: TrainingRun[SpecT]) -> Submit:
            sources = reference(training_run.source), reference(training_run.validation)
            state = [ray.put(training_run.state)] if training_run.state is not None else []
            return lambda actor: actor.advance.options(num_returns=2).remote(
                training_run.spec, *sources, state, training_run.epoch
            )

        def following(number: int, finished: Finished) -> Submit | None:
            training_run = left[number]
            try:
                state = ray.get(finished.references[0], timeout=FETCH_SECONDS)
            except RayError:  # it died with its machine, after the report had come
                return epoch(training_run)
            training_run.add(finished.report.trained, state)
            progressed(training_run)
            if not all(one.finished for one in training_runs):
                interruption.stop_if_requested()
            return None if training_run.finished else epoch(training_run)

        with kept(training_runs):
            self._dispatcher.run([epoch(training_run) for training_run in left], following)

    def machines(self) -> Mapping[str, Mapping[str, float]]:
        """See `cluster.distributed.training_runs.TrainingBackend`."""
        return self._dispatcher.machines
