"""The smallest experiment that goes through every stage."""

from typing import Any

from cluster.config import ExperimentConfig

CHANGES: dict[str, Any] = {
    "data.num_subjects": 4,
    "encoding.image_size": 8,
    "encoding.enhancement": "off",
    "supernet.channels": 4,
    "supernet.normal_cells": 1,
    "supernet.num_nodes": 2,
    "supernet.auxiliary_channels": [4, 4],
    "search.epochs": 3,
    "search.num_shards": 2,
    "search.weight_steps_per_epoch": 3,
    "search.num_samples": 3,
    "search.controller_steps_per_epoch": 2,
    "search.batch_size": 8,
    "validation_copies": 2,
    "derivation.num_samples": 4,
    "derivation.num_retrained": 2,
    "derivation.parameters": 4000,
    "derivation.epochs": 2,
    "network.normal_cells": 1,
    "parameters": 6000,
    "training.epochs": 3,
    "training.warmup_epochs": 1,
    "resources.threads": 1,
    "resources.checkpoint_seconds": 0,
    "tracking": None,
}


def tiny(**changes: Any) -> ExperimentConfig:
    """The tiny experiment, with settings by dotted name changed (dots written as double underscores)."""
    named = {name.replace("__", "."): value for name, value in changes.items()}
    return ExperimentConfig.preset("small", {**CHANGES, **named})
