"""Image tensors to a genotype and the classifier built from it: search over ENAS micro and other spaces."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nas.children import Children, LocalChildren, StepMetrics
    from nas.config import PRESETS, ControllerConfig, SearchConfig
    from nas.derive import Candidate, Derivation
    from nas.derive_config import DeriveConfig
    from nas.genotype import OPERATIONS, Cell, Genotype, Node
    from nas.images import ImageSource, TensorImages, fixed_copies
    from nas.network import Network
    from nas.operation_table import Operation, find_operation
    from nas.plan import NetworkConfig
    from nas.random import generator, torch_generator
    from nas.search import EpochMetrics, Position, Search, StepRecord
    from nas.shards import (
        NonFiniteLossError,
        ShardGradient,
        ShardScore,
        evaluate_genotype,
        score_shard,
        train_shard,
    )
    from nas.space import ENAS_MICRO, TEMPORAL, SearchSpace, find_space
    from nas.strategy import EnasStrategy, RandomStrategy, Strategy, build_strategy
    from nas.supernet import Supernet
    from nas.supernet_config import SupernetConfig
    from nas.threads import one_thread
    from nas.train import Training
    from nas.training_config import TrainingConfig
    from nas.weights import SharedWeights, TreeSum, UpdateMetrics

__all__ = [
    "ENAS_MICRO",
    "OPERATIONS",
    "PRESETS",
    "TEMPORAL",
    "Candidate",
    "Cell",
    "Children",
    "ControllerConfig",
    "Derivation",
    "DeriveConfig",
    "EnasStrategy",
    "EpochMetrics",
    "Genotype",
    "ImageSource",
    "LocalChildren",
    "Network",
    "NetworkConfig",
    "Node",
    "NonFiniteLossError",
    "Operation",
    "Position",
    "RandomStrategy",
    "Search",
    "SearchConfig",
    "SearchSpace",
    "ShardGradient",
    "ShardScore",
    "SharedWeights",
    "StepMetrics",
    "StepRecord",
    "Strategy",
    "Supernet",
    "SupernetConfig",
    "TensorImages",
    "Training",
    "TrainingConfig",
    "TreeSum",
    "UpdateMetrics",
    "build_strategy",
    "evaluate_genotype",
    "find_operation",
    "find_space",
    "fixed_copies",
    "generator",
    "one_thread",
    "score_shard",
    "torch_generator",
    "train_shard",
]

# Loaded when asked for: a caller that needs genotypes alone, as a list of runs does, waits for no torch.
_PLACES = {
    "nas.children": "Children LocalChildren StepMetrics",
    "nas.config": "ControllerConfig PRESETS SearchConfig",
    "nas.derive": "Candidate Derivation DeriveConfig",
    "nas.genotype": "Cell Genotype Node OPERATIONS",
    "nas.images": "ImageSource TensorImages fixed_copies",
    "nas.network": "Network NetworkConfig",
    "nas.operation_table": "Operation find_operation",
    "nas.random": "generator torch_generator",
    "nas.search": "EpochMetrics Position Search StepRecord",
    "nas.shards": "NonFiniteLossError ShardGradient ShardScore evaluate_genotype score_shard train_shard",
    "nas.space": "ENAS_MICRO SearchSpace TEMPORAL find_space",
    "nas.strategy": "EnasStrategy RandomStrategy Strategy build_strategy",
    "nas.supernet": "Supernet SupernetConfig",
    "nas.threads": "one_thread",
    "nas.train": "Training TrainingConfig",
    "nas.weights": "SharedWeights TreeSum UpdateMetrics",
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value  # asked for once only
    return value
