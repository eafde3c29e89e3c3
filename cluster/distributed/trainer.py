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

from cluster.distributed.courses import Course, EpochTrainer, SpecT, TrainingSpec, TrainingState, kept
from cluster.distributed.dispatch import Dispatcher, Finished, Submit
from cluster.distributed.processes import NotPreparedError, WorkerInfo, introduce
from cluster.distributed.reports import EpochReport
from cluster.interruption import Interruption
from cluster.tracking.machines import MachineUse
from nas.compute import ComputeConfig
from nas.images import ImageSource

__all__ = ["RayTrainers", "Trainer"]

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


class RayTrainers:
    """The workers of a dispatcher, each of which has the methods of `Trainer`.

    Args:
        dispatcher: of the workers.
    """

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def run(
        self,
        courses: Sequence[Course[SpecT]],
        progressed: Callable[[Course[SpecT]], None],
        interruption: Interruption,
    ) -> None:
        """See `cluster.distributed.courses.Trainers`."""
        left = [course for course in courses if not course.finished]
        stored: dict[int, Reference] = {id(None): []}

        def reference(images: ImageSource | None) -> Reference:
            if id(images) not in stored:
                stored[id(images)] = [ray.put(images)]
            return stored[id(images)]

        def epoch(course: Course[SpecT]) -> Submit:
            sources = reference(course.source), reference(course.validation)
            state = [ray.put(course.state)] if course.state is not None else []
            return lambda actor: actor.advance.options(num_returns=2).remote(
                course.spec, *sources, state, course.epoch
            )

        def following(number: int, finished: Finished) -> Submit | None:
            course = left[number]
            try:
                state = ray.get(finished.references[0], timeout=FETCH_SECONDS)
            except RayError:  # it died with its machine, after the report had come
                return epoch(course)
            course.add(finished.report.trained, state)
            progressed(course)
            if not all(one.finished for one in courses):
                interruption.stop_if_requested()
            return None if course.finished else epoch(course)

        with kept(courses):
            self._dispatcher.run([epoch(course) for course in left], following)

    def machines(self) -> Mapping[str, Mapping[str, float]]:
        """See `cluster.distributed.courses.Trainers`."""
        return self._dispatcher.machines
