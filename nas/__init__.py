"""Image tensors to a genotype and the classifier built from it: ENAS micro search."""

from nas.children import Children, LocalChildren, StepMetrics
from nas.config import PRESETS, ControllerConfig, SearchConfig
from nas.derive import Candidate, Derivation, DeriveConfig, derive
from nas.genotype import OPERATIONS, Cell, Genotype, Node
from nas.images import ImageSource, TensorImages, fixed_copies
from nas.network import Network, NetworkConfig
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
from nas.strategy import EnasStrategy, RandomStrategy, Strategy, build_strategy
from nas.supernet import Supernet, SupernetConfig
from nas.threads import one_thread
from nas.train import Training, TrainingConfig
from nas.weights import SharedWeights, TreeSum, UpdateMetrics

__all__ = [
    "OPERATIONS",
    "PRESETS",
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
    "Position",
    "RandomStrategy",
    "Search",
    "SearchConfig",
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
    "derive",
    "evaluate_genotype",
    "fixed_copies",
    "generator",
    "one_thread",
    "score_shard",
    "torch_generator",
    "train_shard",
]
