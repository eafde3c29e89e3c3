"""The outer loops: search, final training and evaluation of one run folder; and baselines beside it.

Algorithms return numbers; these functions log, save and end. Each can be killed at any moment and called
again, and then gives what an uninterrupted call gives, bit for bit.

    outcome = run_search(ExperimentConfig.preset("small"), Path("runs/first"))
    run_training(outcome.folder)
    print(run_evaluation(outcome.folder).accuracy)
"""

from cluster.stages.baseline import BaselineOutcome, run_baseline
from cluster.stages.evaluation import EvaluationOutcome, run_evaluation
from cluster.stages.final_training import TrainingOutcome, run_training
from cluster.stages.search import SearchOutcome, run_search

__all__ = [
    "BaselineOutcome",
    "EvaluationOutcome",
    "SearchOutcome",
    "TrainingOutcome",
    "run_baseline",
    "run_evaluation",
    "run_search",
    "run_training",
]
