"""Composes the rooms: Ray, MLflow, checkpoints and the posenas command."""

from importlib import import_module
from typing import TYPE_CHECKING

from cluster._moved import install

if TYPE_CHECKING:
    from cluster.config import DerivationConfig, ExperimentConfig, ResourcesConfig
    from cluster.distributed.children import RayChildren
    from cluster.distributed.config import RuntimeConfig
    from cluster.distributed.runtime import Runtime
    from cluster.distributed.strategies import ActorStrategy
    from cluster.lifter.config import LiftConfig
    from cluster.lifter.training import run_lift_training
    from cluster.recognition.classifier import TrainedClassifier
    from cluster.recognition.recognizer import Recognizer
    from cluster.registry.architectures import architectures
    from cluster.registry.registry import Registry
    from cluster.scheduling.planning import plan_of
    from cluster.scheduling.submission import Options, submit
    from cluster.scheduling.worker import WorkerConfig, run_worker
    from cluster.stages.baseline import BaselineOutcome, run_baseline
    from cluster.stages.evaluation import EvaluationOutcome, run_evaluation
    from cluster.stages.final_training import TrainingOutcome, run_training
    from cluster.stages.search import SearchOutcome, run_search
    from cluster.tracking.config import TrackingConfig
    from cluster.tuning.run import LiftTuningConfig, run_tuning

__all__ = [
    "ActorStrategy",
    "BaselineOutcome",
    "DerivationConfig",
    "EvaluationOutcome",
    "ExperimentConfig",
    "LiftConfig",
    "LiftTuningConfig",
    "Options",
    "RayChildren",
    "Recognizer",
    "Registry",
    "ResourcesConfig",
    "Runtime",
    "RuntimeConfig",
    "SearchOutcome",
    "TrackingConfig",
    "TrainedClassifier",
    "TrainingOutcome",
    "WorkerConfig",
    "architectures",
    "plan_of",
    "run_baseline",
    "run_evaluation",
    "run_lift_training",
    "run_search",
    "run_training",
    "run_tuning",
    "run_worker",
    "submit",
]

# Loaded when they are asked for: settings need no Ray, and a model that predicts needs no queue.
_PLACES = {
    "cluster.recognition.classifier": "TrainedClassifier",
    "cluster.config": "DerivationConfig ExperimentConfig ResourcesConfig",
    "cluster.distributed.children": "RayChildren",
    "cluster.distributed.config": "RuntimeConfig",
    "cluster.distributed.runtime": "Runtime",
    "cluster.distributed.strategies": "ActorStrategy",
    "cluster.lifter.config": "LiftConfig",
    "cluster.lifter.training": "run_lift_training",
    "cluster.recognition.recognizer": "Recognizer",
    "cluster.registry.architectures": "architectures",
    "cluster.registry.registry": "Registry",
    "cluster.scheduling.planning": "plan_of",
    "cluster.scheduling.submission": "Options submit",
    "cluster.scheduling.worker": "WorkerConfig run_worker",
    "cluster.stages.baseline": "BaselineOutcome run_baseline",
    "cluster.stages.evaluation": "EvaluationOutcome run_evaluation",
    "cluster.stages.final_training": "TrainingOutcome run_training",
    "cluster.stages.search": "SearchOutcome run_search",
    "cluster.tracking.config": "TrackingConfig",
    "cluster.tuning.run": "LiftTuningConfig run_tuning",
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names.split()}

install()


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value  # asked for once only
    return value
