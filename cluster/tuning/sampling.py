"""Who proposes settings. Chance needs no memory; Optuna's sampler learns from the trials that have ended."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ray.tune.search import Searcher

from cluster.tuning.config import TuningConfig
from cluster.tuning.journal import SCORE, State, TrialRecord
from cluster.tuning.space import Scalar, SearchSpace

if TYPE_CHECKING:
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

__all__ = ["OptunaTrials", "as_study", "planned"]

Planned = dict[str, Any]
"""{"number": ..., "settings": ...}: what a trial is given."""


def planned(config: TuningConfig, space: SearchSpace, records: Sequence[TrialRecord]) -> list[Planned]:
    """The trials still to run with random settings: unfinished ones first, then the new ones by number."""
    known = {record.number: record for record in records}
    unfinished = [_plan(record) for record in records if not record.has_ended]
    new = [number for number in range(config.trials) if number not in known]
    return unfinished + [{"number": n, "settings": space.sample(config.seed, n)} for n in new]


@dataclass(eq=False)
class _Asked:
    """A trial under way: what Ray runs, the study's trial, and the newest result."""

    plan: Planned
    trial: "Trial"
    last: Mapping[str, Any] = field(default_factory=dict)


class OptunaTrials(Searcher):
    """Hands out trials with settings from Optuna's tree-structured Parzen estimator (Bergstra et al. 2011).

    A trial that was stopped early counts as pruned, with all its epochs, so that its error after two epochs
    is not taken for one after twenty.

    Args:
        config: number of trials, epochs and seed.
        records: what earlier processes have tried; those that ended are given to the sampler.
    """

    def __init__(self, config: TuningConfig, space: SearchSpace, records: Sequence[TrialRecord]) -> None:
        import optuna

        super().__init__(metric=SCORE, mode="min")
        self._space, self._epochs = space, config.epochs
        self._unfinished = [_plan(record) for record in records if not record.has_ended]
        known = {record.number for record in records}
        self._new = [number for number in range(config.trials) if number not in known]
        sampler = optuna.samplers.TPESampler(
            # a sampler of its own for each start, else a resumed one would repeat its first proposals
            seed=config.seed + len(records),
            n_startup_trials=min(10, max(4, config.trials // 4)),
            constant_liar=True,
        )
        self._study = as_study(
            [record for record in records if record.has_ended], space, config.epochs, sampler
        )
        self._asked: dict[str, _Asked] = {}

    def suggest(self, trial_id: str) -> Planned | str:  # type: ignore[override]
        """The next trial's configuration, or that there is none."""
        if self._unfinished:
            plan = self._unfinished.pop(0)
            self._study.enqueue_trial(plan["settings"])
            trial = self._study.ask(self._space.for_optuna())
        elif self._new:
            trial = self._study.ask(self._space.for_optuna())
            plan = {"number": self._new.pop(0), "settings": trial.params}
        else:
            return str(Searcher.FINISHED)
        self._asked[trial_id] = _Asked(plan, trial)
        return {"trial": plan}

    def on_trial_result(self, trial_id: str, result: Mapping[str, Any]) -> None:
        """One epoch of a trial."""
        self._asked[trial_id].last = result

    def on_trial_complete(
        self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False
    ) -> None:
        """A trial has ended: the study's own trial ends with what it gave.

        Left running, it would count as one that is still under way, and with `constant_liar` the sampler
        avoids the settings of those.
        """
        asked = self._asked.pop(trial_id)
        last = result or asked.last
        rows = last.get("rows", [])
        failed = error or "error" in last
        state: State = "failed" if failed else "finished" if last.get("epoch") == self._epochs else "stopped"
        plan = asked.plan
        record = TrialRecord(number=plan["number"], settings=plan["settings"], rows=rows, state=state)
        ended = _frozen(record, self._space, self._epochs)
        for epoch, value in ended.intermediate_values.items():
            asked.trial.report(value, epoch)
        self._study.tell(asked.trial, ended.value, state=ended.state)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the journal holds what a resumed tuning needs."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing; see `save`."""


def as_study(records: Sequence[TrialRecord], space: SearchSpace, epochs: int, sampler: Any = None) -> "Study":
    """The ended trials as an Optuna study that minimizes the validation error."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler, direction="minimize")
    for record in records:
        study.add_trial(_frozen(record, space, epochs))
    return study


def _frozen(record: TrialRecord, space: SearchSpace, epochs: int) -> "FrozenTrial":
    from optuna.trial import TrialState, create_trial

    whole = record.state == "finished" and record.epoch == epochs
    failed = record.state == "failed" or record.score is None or not math.isfinite(record.score)
    return create_trial(
        state=TrialState.FAIL if failed else TrialState.COMPLETE if whole else TrialState.PRUNED,
        value=record.score if whole and not failed else None,
        params=dict(record.settings),
        distributions=space.for_optuna(),
        intermediate_values={int(row["epoch"]): float(row[SCORE]) for row in record.rows},
    )


def _plan(record: TrialRecord) -> Planned:
    settings: dict[str, Scalar] = dict(record.settings)
    return {"number": record.number, "settings": settings}
