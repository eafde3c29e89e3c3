"""Ray Tune's schedulers, taught what a resumed tuning needs: what earlier processes have seen."""

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler, FIFOScheduler, PopulationBasedTraining, TrialScheduler

from cluster.tuning.config import TuningConfig
from cluster.tuning.journal import SCORE, TrialRecord
from cluster.tuning.space import Scalar, SearchSpace
from nas.random import generator

__all__ = ["Population", "RememberingAsha", "perturbed", "scheduler_for"]

_NOBODY: Any = None  # successive halving asks its controller nothing


class RememberingAsha(ASHAScheduler):
    """Asynchronous successive halving (Li et al. 2018) whose rungs hold the results of earlier processes too.

    Args:
        records: all trials that are known.

    Attributes:
        stopped: numbers of the trials that it has stopped; one that ends otherwise has not ended for good.
    """

    def __init__(self, config: TuningConfig, records: Sequence[TrialRecord]) -> None:
        super().__init__(
            time_attr="epoch",
            metric=SCORE,
            mode="min",
            max_t=config.epochs,
            grace_period=config.grace_epochs,
            reduction_factor=config.reduction_factor,
        )
        self.stopped: set[int] = set()
        self._earlier = {record.number: record for record in records}
        for record in records:
            if record.has_ended:
                self._replay(SimpleNamespace(trial_id=f"earlier-{record.number}"), record)

    def _replay(self, trial: Any, record: TrialRecord) -> None:
        super().on_trial_add(_NOBODY, trial)
        for row in record.rows:
            super().on_trial_result(_NOBODY, trial, dict(row))

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        """A trial comes in: a new one, or one that an earlier process left unfinished."""
        record = self._earlier.get(trial.config["trial"]["number"])
        if record is None:
            super().on_trial_add(tune_controller, trial)
        else:
            self._replay(trial, record)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Go on, or stop; which one it was is noted."""
        decision = str(super().on_trial_result(tune_controller, trial, result))
        if decision == TrialScheduler.STOP:
            self.stopped.add(trial.config["trial"]["number"])
        return decision


class Population(PopulationBasedTraining):
    """Population-based training (Jaderberg et al. 2017), in rounds: all trials wait for the slowest.

    So the outcome does not depend on which trial is faster where. Each trial keeps its number when it copies
    another, and what it tries next depends on (seed, number, epoch) alone.

    Args:
        changeable: the hyperparameters that may change while a network is trained.
    """

    def __init__(self, config: TuningConfig, space: SearchSpace, changeable: Sequence[str]) -> None:
        self._space, self._seed = space, config.seed
        self._changeable = [name for name in space.distributions if name in changeable]
        if not self._changeable:
            raise ValueError(
                "population-based training needs a hyperparameter that can change during training "
                f"({', '.join(changeable)}); {space.source} holds none of them"
            )
        super().__init__(
            time_attr="epoch",
            metric=SCORE,
            mode="min",
            perturbation_interval=config.perturbation_epochs,
            hyperparam_mutations={"trial": {"settings": {name: [0] for name in self._changeable}}},
            synch=True,
            log_config=False,
        )
        self.stopped: set[int] = set()

    def _get_new_config(self, trial: Trial, trial_to_clone: Trial) -> tuple[dict[str, Any], dict[str, Any]]:
        """The settings of a better trial, slightly changed, under the own number."""
        number = trial.config["trial"]["number"]
        epoch = int(self._trial_state[trial].last_train_time)
        rng = generator(self._seed, "perturb", number, epoch)
        settings = perturbed(trial_to_clone.config["trial"]["settings"], self._space, self._changeable, rng)
        return {**trial_to_clone.config, "trial": {"number": number, "settings": settings}}, {}


def perturbed(
    settings: Mapping[str, Scalar], space: SearchSpace, changeable: Sequence[str], rng: np.random.Generator
) -> dict[str, Scalar]:
    """Settings after an exploration: a fifth more or less, a neighboring choice, or drawn anew (1 in 4)."""
    result = dict(settings)
    for name in changeable:
        distribution, value = space.distributions[name], settings[name]
        if rng.random() < 0.25:
            result[name] = distribution.sample(rng)
        elif distribution.choice is not None:
            place = distribution.choice.index(value) + int(rng.choice([-1, 1]))
            result[name] = distribution.choice[min(max(place, 0), len(distribution.choice) - 1)]
        else:
            assert value is not None, "only a choice may be off"
            result[name] = distribution.clipped(float(value) * float(rng.choice([0.8, 1.2])))
    return result


class _All(FIFOScheduler):
    """Every trial to its end."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.stopped: set[int] = set()


def scheduler_for(
    config: TuningConfig, space: SearchSpace, changeable: Sequence[str], records: Sequence[TrialRecord]
) -> RememberingAsha | Population | _All:
    """The scheduler that the configuration asks for.

    Raises:
        ValueError: population-based training has nothing that it may change.
    """
    if config.scheduler == "asha":
        return RememberingAsha(config, records)
    if config.scheduler == "pbt":
        return Population(config, space, changeable)
    return _All()
