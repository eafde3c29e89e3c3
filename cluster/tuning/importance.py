"""How much each hyperparameter matters: its share of the error's variance, by functional ANOVA.

Source: Hutter, Hoos, Leyton-Brown 2014, as implemented by Optuna on a random forest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cluster.tuning.journal import TrialRecord
from cluster.tuning.space import SearchSpace

__all__ = ["FEWEST_TRIALS", "Importance", "importance"]

FEWEST_TRIALS = 8
"""With fewer trials a forest tells nothing."""


@dataclass(frozen=True, kw_only=True)
class Importance:
    """The outcome of the analysis.

    Attributes:
        shares: by hyperparameter, the largest first; they add up to 1. Empty where nothing can be said.
        epoch: trials are compared by their error after this many epochs, which all of them had.
        num_trials: how many those are.
    """

    shares: dict[str, float]
    epoch: int
    num_trials: int

    def to_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {"epoch": self.epoch, "num_trials": self.num_trials, "shares": self.shares}


def importance(records: Sequence[TrialRecord], space: SearchSpace, seed: int = 0) -> Importance:
    """Importance of each hyperparameter over the ended trials.

    Trials that were stopped early had fewer epochs; comparing their last errors would say what the scheduler
    did. All are taken at the last epoch that every one of them had.

    Args:
        records: trials; those that failed, or run, are left out.
        seed: of the forest.
    """
    scored = [record for record in records if record.has_ended and record.score is not None]
    epoch = min((record.epoch for record in scored), default=0)
    empty = Importance(shares={}, epoch=epoch, num_trials=len(scored))
    errors = [record.score_at(epoch) for record in scored]
    if len(scored) < FEWEST_TRIALS or len(set(errors)) < 2:
        return empty
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="minimize")
    for record, error in zip(scored, errors, strict=True):
        # what population-based training started with is what the first epochs were trained with
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(record.initial), distributions=space.for_optuna(), value=error
            )
        )
    shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=seed))
    return Importance(shares={n: float(s) for n, s in shares.items()}, epoch=epoch, num_trials=len(scored))
